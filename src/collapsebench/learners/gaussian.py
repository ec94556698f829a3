"""A multivariate normal fitted by maximum likelihood."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.linalg.blas import dtrmm
from scipy.linalg.lapack import dpotrf, dsyevd, dtrtrs

from ..core.corpus import Corpus
from ..core.errors import Diverged
from ..core.learner import Decoding, FitConfig, FitReport, Learner, Sites
from .rows import checked_weights

FloatArray = NDArray[np.float64]


class Moments(NamedTuple):
    """Total weight of the rows, their mean `[d]` and their scatter `Σ w (x − mean)(x − mean)ᵀ` `[d, d]`."""

    total: float
    mean: FloatArray
    scatter: FloatArray


class GaussianLearner(Learner):
    """N(mean, covariance) with the maximum-likelihood covariance (ddof 0), in float64. Sites are the coordinates.

    Reads the column `x` `[n, d]`. It holds the covariance's lower Cholesky factor L: x is the mean plus L times
    normals, and L_jj is the spread of coordinate j given those before it. If they determine it, its column is 0: with
    a singular covariance (few rows, or a collapsed model) the model is a normal on its support. Before the first fit
    all mass is at the origin.

    The loop spends its time in `fit`, `sample` and `variances`: they work on NumPy views of the tensors, whose calls
    cost a third of torch's at this size, and `dot` two thirds of `@`.

    Args:
        d: dimension.
    """

    closed_form = True

    def __init__(self, d: int) -> None:
        self._d = d
        self._moments, self._factor = _unfitted(d)

    @property
    def mean(self) -> torch.Tensor:
        """Fitted mean, float `[d]`."""
        return torch.from_numpy(self._moments.mean)

    @property
    def covariance(self) -> torch.Tensor:
        """Fitted covariance, float `[d, d]`."""
        return torch.from_numpy(self._moments.scatter / (self._moments.total or 1.0))

    def variances(self) -> FloatArray:
        """Eigenvalues of the covariance, ascending, float `[d]`: the variances along the principal axes."""
        values, _, failed = dsyevd(self._moments.scatter.T / (self._moments.total or 1.0), compute_v=False)
        if failed:
            raise _not_finite()
        return np.asarray(values if values[0] >= 0 else np.maximum(values, 0.0))  # null directions are about ±1e-17

    def standardized(self, x: FloatArray) -> FloatArray:
        """Each coordinate's way from its mean given those before it, in its standard deviations then, float `[n, d]`.

        For a coordinate that those before it determine, in units of x. The squares of a row add up to its squared
        Mahalanobis distance from the mean.
        """
        factor = self._factor
        if not factor.diagonal().all():
            factor = factor + np.diag(factor.diagonal() == 0)
        z, _ = dtrtrs(factor, (x - self._moments.mean).T, lower=True)
        return np.asarray(z.T)

    def origin(self) -> tuple[float, float]:
        """Squared distance of the mean from the origin, in units of x and as `standardized` has it."""
        mean, (z,) = self._moments.mean, self.standardized(_origin(self._d))
        return float(mean.dot(mean)), float(z.dot(z))

    # -- fitting ---------------------------------------------------------------------------------

    def fit(self, corpus: Corpus, training: FitConfig) -> FitReport:
        """Take the (weighted) mean and covariance of the rows."""
        self._adopt(_moments(corpus))
        return FitReport(len(corpus))

    def extended(self, added: Corpus) -> GaussianLearner:
        """This model with the moments of `added` merged in; equal to a fit on all rows up to rounding."""
        other = GaussianLearner(self._d)
        other._adopt(_merged(self._moments, _moments(added)))
        return other

    def state(self) -> dict[str, torch.Tensor]:
        """`total`, `mean` and `scatter`, float64."""
        total, mean, scatter = self._moments
        return {
            "total": torch.tensor(total, dtype=torch.float64),
            "mean": torch.from_numpy(mean),
            "scatter": torch.from_numpy(scatter),
        }

    def load(self, state: Mapping[str, torch.Tensor]) -> None:
        """The inverse of `state`."""
        self._adopt(Moments(state["total"].item(), state["mean"].numpy(), state["scatter"].numpy()))

    def _adopt(self, moments: Moments) -> None:
        self._moments, self._factor = moments, _cholesky(moments.scatter / (moments.total or 1.0))

    # -- asking ----------------------------------------------------------------------------------

    def sample(self, n: int, rng: torch.Generator, decoding: Decoding, conditions: Corpus | None = None) -> Corpus:
        """`n` rows; a temperature T multiplies the covariance by T.

        The normals are drawn in single precision (torch draws those four times as fast, and their
        rounding of 6e-8 is far below any moment's sampling error); all else is in double precision.
        """
        z = torch.randn(n, self._d, generator=rng).numpy().astype(np.float64)
        x = dtrmm(math.sqrt(decoding.temperature), self._factor, z.T, lower=True, overwrite_b=True).T
        x += self._moments.mean
        return Corpus({"x": torch.from_numpy(x)})

    def log_prob(self, corpus: Corpus) -> torch.Tensor:
        """Log density of the coordinates that those before them leave open, float `[n]`; −inf outside the support."""
        deviation = torch.from_numpy(self._factor.diagonal()[self._factor.diagonal() > 0])
        norm = deviation.log().sum() + 0.5 * len(deviation) * math.log(2 * math.pi)
        return self.sites(corpus).log_prob.sum(1) - norm

    def sites(self, corpus: Corpus) -> Sites:
        """Log density of each coordinate relative to the mode of its conditional given the coordinates before it.

        A coordinate that the earlier ones determine has 0 at its only value and −inf elsewhere.
        """
        z, open_ = self.standardized(corpus["x"].numpy()), self._factor.diagonal() > 0
        elsewhere = 1e-6 * (math.sqrt(self.covariance.diagonal().max()) + self.mean.abs().max().item())
        exact = np.where(np.abs(z) > elsewhere, -math.inf, 0.0)
        log_prob = torch.from_numpy(np.where(open_, -0.5 * np.square(z), exact))
        return Sites(log_prob, torch.ones_like(log_prob, dtype=torch.bool))

    def resample(self, corpus: Corpus, mask: torch.Tensor, rng: torch.Generator, decoding: Decoding) -> Corpus:
        """Coordinates under the mask drawn anew, each given the original coordinates before it.

        The temperature multiplies the conditional variance. A continuous site has no k most probable
        outcomes, so top-k does not apply.
        """
        x, deviation = corpus["x"], self._factor.diagonal()
        off = torch.from_numpy(self.standardized(x.numpy()) * np.where(deviation > 0, deviation, 1.0))
        noise = torch.randn(x.shape, dtype=torch.float64, generator=rng)
        drawn = x - off + torch.from_numpy(deviation.copy()) * noise * math.sqrt(decoding.temperature)
        return corpus.with_columns(x=torch.where(mask, drawn, x))


@cache  # a new learner is made in every generation
def _unfitted(d: int) -> tuple[Moments, FloatArray]:
    """All mass at the origin: moments and factor."""
    return Moments(0.0, np.zeros(d), np.zeros((d, d))), np.zeros((d, d), order="F")


@cache
def _origin(d: int) -> FloatArray:
    return np.zeros((1, d))


def _moments(corpus: Corpus) -> Moments:
    x, w, rows = corpus["x"].numpy(), checked_weights(corpus, "normal"), len(corpus)
    total = float(rows) if w is None else float(w.sum())
    mean = np.add.reduce(x) / rows if w is None else (w @ x) / total
    if not math.isfinite(mean.dot(mean)):
        raise _not_finite()
    centred = x - mean
    return Moments(total, mean, (centred.T if w is None else centred.T * w).dot(centred))


def _not_finite() -> Diverged:
    return Diverged("The mean or covariance of the rows is not finite.")


def _merged(a: Moments, b: Moments) -> Moments:
    """Moments of both sets of rows, without cancellation (Chan, Golub & LeVeque, 1983)."""
    total = a.total + b.total
    shift = b.mean - a.mean
    mean = a.mean + shift * (b.total / total)
    scatter = a.scatter + b.scatter + shift[:, None] * (shift * (a.total * b.total / total))
    return Moments(total, mean, scatter)


def _cholesky(covariance: FloatArray) -> FloatArray:
    """Lower factor of a positive semidefinite matrix; the column of a pivot that is rounding error is zero."""
    size = float(covariance.trace())
    if not math.isfinite(size):
        raise _not_finite()
    negligible = 4 * np.finfo(np.float64).eps * size
    factor, failed = dpotrf(covariance.T, lower=True, clean=True)  # symmetric; .T is in LAPACK's order
    if not failed and min(factor.diagonal().tolist()) ** 2 > negligible:
        return np.asarray(factor)
    rest, factor = covariance.copy(), np.zeros_like(covariance, order="F")
    for j in range(len(rest)):
        if (pivot := rest[j, j]) > negligible:
            factor[j:, j] = rest[j:, j] / math.sqrt(pivot)
            rest -= np.outer(factor[:, j], factor[:, j])
    return factor
