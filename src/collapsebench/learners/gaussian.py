"""A multivariate normal fitted by maximum likelihood."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.linalg.lapack import dsyevd

from ..core.corpus import Corpus
from ..core.errors import Diverged, PluginError
from ..core.learner import Decoding, FitConfig, FitReport, Learner, Sites

FloatArray = NDArray[np.float64]


class Moments(NamedTuple):
    """Total weight of the rows, their mean `[d]` and their scatter `Σ w (x − mean)(x − mean)ᵀ` `[d, d]`."""

    total: float
    mean: FloatArray
    scatter: FloatArray


class Conditionals(NamedTuple):
    """Each coordinate of n rows given the coordinates before it.

    z: residual from the conditional mean, float `[n, d]`, divided by `unit`.
    unit: conditional standard deviation `[d]`, or 1 where it is 0.
    spread: conditional standard deviation `[d]`, 0 where the coordinates before determine this one.
    """

    z: torch.Tensor
    unit: torch.Tensor
    spread: torch.Tensor


class GaussianLearner(Learner):
    """N(mean, covariance) with the maximum-likelihood covariance (ddof 0), in float64. Sites are the coordinates.

    Reads the column `x` `[n, d]`. A singular covariance (few rows, or a collapsed model) is a normal on
    its support. Before the first fit all mass is at the origin.

    The loop spends its time in `fit`, `sample` and `principal`: they work on NumPy views of the
    tensors, whose calls cost a third of torch's at this size, and `dot` two thirds of `@`.

    Args:
        d: dimension.
    """

    closed_form = True

    def __init__(self, d: int) -> None:
        self._d = d
        self._moments, self._variances, self._axes = _unfitted(d)

    @property
    def mean(self) -> torch.Tensor:
        """Fitted mean, float `[d]`."""
        return torch.from_numpy(self._moments.mean)

    @property
    def covariance(self) -> torch.Tensor:
        """Fitted covariance, float `[d, d]`."""
        return torch.from_numpy(self._moments.scatter / (self._moments.total or 1.0))

    @property
    def variances(self) -> torch.Tensor:
        """Eigenvalues of the covariance, ascending, float `[d]`: the variances along the principal axes."""
        return torch.from_numpy(self._variances)

    @property
    def axes(self) -> torch.Tensor:
        """The principal axes as columns, float `[d, d]`."""
        return torch.from_numpy(self._axes)

    def principal(self) -> tuple[list[float], list[float]]:
        """Mean and variances along the principal axes, d numbers each."""
        return self._moments.mean.dot(self._axes).tolist(), self._variances.tolist()

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
        covariance = moments.scatter / (moments.total or 1.0)
        variances, axes, failed = dsyevd(covariance.T, overwrite_a=True)  # symmetric: .T spares LAPACK's copy
        if failed or not math.isfinite(variances[-1]):
            raise _not_finite()
        self._moments, self._axes = moments, axes
        if variances[0] < 0:  # rounding leaves null directions at about ±1e-17
            variances = np.maximum(variances, 0.0)
        self._variances = variances

    # -- asking ----------------------------------------------------------------------------------

    def sample(self, n: int, rng: torch.Generator, decoding: Decoding, conditions: Corpus | None = None) -> Corpus:
        """`n` rows; a temperature T multiplies the covariance by T.

        The normals are drawn in single precision (torch draws those four times as fast, and their
        rounding of 6e-8 is far below any moment's sampling error); all else is in double precision.
        """
        factor = self._axes * np.sqrt(self._variances * decoding.temperature)
        x = torch.randn(n, self._d, generator=rng).numpy().astype(np.float64).dot(factor.T)
        x += self._moments.mean
        return Corpus({"x": torch.from_numpy(x)})

    def log_prob(self, corpus: Corpus) -> torch.Tensor:
        """Log density, float `[n]`; within the support if the covariance is singular, and −inf outside it."""
        along = (corpus["x"] - self.mean) @ self.axes
        alive = self.variances > self._negligible
        variances = self.variances[alive]
        density = -0.5 * (along[:, alive].square() / variances + (2 * math.pi * variances).log()).sum(1)
        return density.masked_fill((along[:, ~alive].abs() > self._off_support).any(1), -math.inf)

    def sites(self, corpus: Corpus) -> Sites:
        """Log density of each coordinate relative to the mode of its conditional given the coordinates before it.

        A coordinate that the earlier ones determine has 0 at its only value and −inf elsewhere.
        """
        z, _, spread = self._conditionals(corpus["x"])
        exact = torch.where(z.abs() > self._off_support, -math.inf, 0.0)
        return Sites(torch.where(spread > 0, -0.5 * z.square(), exact), torch.ones_like(z, dtype=torch.bool))

    def resample(self, corpus: Corpus, mask: torch.Tensor, rng: torch.Generator, decoding: Decoding) -> Corpus:
        """Coordinates under the mask drawn anew, each given the original coordinates before it.

        The temperature multiplies the conditional variance. A continuous site has no k most probable
        outcomes, so top-k does not apply.
        """
        x = corpus["x"]
        z, unit, spread = self._conditionals(x)
        noise = torch.randn(x.shape, dtype=torch.float64, generator=rng)
        drawn = x - unit * z + spread * noise * math.sqrt(decoding.temperature)
        return corpus.with_columns(x=torch.where(mask, drawn, x))

    def _conditionals(self, x: torch.Tensor) -> Conditionals:
        factor = _cholesky(self.covariance, self._negligible)
        spread = factor.diagonal()
        unit = torch.where(spread > 0, spread, 1.0)
        unit_factor = factor + torch.diag(unit - spread)
        z = torch.linalg.solve_triangular(unit_factor, (x - self.mean).T, upper=False).T
        return Conditionals(z, unit, spread)

    @property
    def _negligible(self) -> float:
        """Variance below which a direction counts as dead: the rounding error of the largest one."""
        return 4 * self._d * torch.finfo(torch.float64).eps * self.variances[-1].item()

    @property
    def _off_support(self) -> float:
        """Distance from the support above which a row is outside it."""
        return 1e-6 * (math.sqrt(self.variances[-1].item()) + self.mean.abs().max().item())


@cache  # a new learner is made in every generation
def _unfitted(d: int) -> tuple[Moments, FloatArray, FloatArray]:
    """All mass at the origin: moments, variances and axes."""
    return Moments(0.0, np.zeros(d), np.zeros((d, d))), np.zeros(d), np.eye(d)


def _moments(corpus: Corpus) -> Moments:
    x, weights, rows = corpus["x"].numpy(), corpus.weights, len(corpus)
    if not rows:
        raise PluginError("Cannot fit a normal to a corpus without rows.", "Return at least one row from `curate`.")
    if weights is None:
        mean = np.add.reduce(x) / rows
        if not math.isfinite(mean.dot(mean)):
            raise _not_finite()
        centred = x - mean
        return Moments(float(rows), mean, centred.T.dot(centred))
    w = weights.to(torch.float64).numpy()
    total = float(w.sum())
    if not total > 0:
        raise PluginError(f"Cannot fit a normal to rows of total weight {total}.", "Give some rows a positive weight.")
    mean = (w @ x) / total
    centred = x - mean
    return Moments(total, mean, (centred.T * w) @ centred)


def _not_finite() -> Diverged:
    return Diverged("The mean or covariance of the rows is not finite.")


def _merged(a: Moments, b: Moments) -> Moments:
    """Moments of both sets of rows, without cancellation (Chan, Golub & LeVeque, 1983)."""
    total = a.total + b.total
    shift = b.mean - a.mean
    mean = a.mean + shift * (b.total / total)
    scatter = a.scatter + b.scatter + shift[:, None] * (shift * (a.total * b.total / total))
    return Moments(total, mean, scatter)


def _cholesky(covariance: torch.Tensor, negligible: float) -> torch.Tensor:
    """Lower factor of a positive semidefinite matrix; the column of a pivot that is negligible is zero."""
    rest = covariance.clone()
    factor = torch.zeros_like(rest)
    for j in range(len(rest)):
        pivot = rest[j, j].item()
        if pivot > negligible:
            factor[j:, j] = rest[j:, j] / math.sqrt(pivot)
            rest.addr_(factor[:, j], factor[:, j], alpha=-1)
    return factor
