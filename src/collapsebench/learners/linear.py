"""Linear regression: the population, and least squares, ridge, and either on random projections in closed form."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.linalg.lapack import dposv, dsyevd

from ..core.corpus import Corpus
from ..core.errors import Diverged, PluginError
from ..core.learner import Decoding, FitConfig, FitReport, Learner, Sites
from .rows import checked_weights

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Population:
    """Rows x of mean 0 and covariance Σ, and labels y = x·weights + N(0, sigma2). All tensors are float64.

    Args:
        d: dimension of x.
        sigma2: variance of the noise.
        decay: Σ is diagonal with Σ_k = k^−decay; 0 is isotropic.
        signs: x_k = ±√Σ_k with equal probability, instead of normal.
    """

    d: int
    sigma2: float
    decay: float = 0.0
    signs: bool = False

    @cached_property
    def weights(self) -> torch.Tensor:
        """Of norm 1 and with equal coordinates, `[d]`."""
        return torch.full((self.d,), 1 / math.sqrt(self.d), dtype=torch.float64)

    @cached_property
    def spectrum(self) -> torch.Tensor:
        """The diagonal of Σ, `[d]`."""
        return torch.arange(1, self.d + 1, dtype=torch.float64).pow(-self.decay)

    def rows(self, n: int, rng: torch.Generator) -> Corpus:
        """Rows: column `x` `[n, d]`."""
        x = torch.randn(n, self.d, dtype=torch.float64, generator=rng)
        return Corpus({"x": (x.sign() if self.signs else x) * self.spectrum.sqrt()})

    def draw(self, n: int, rng: torch.Generator) -> Corpus:
        """Rows with their labels: columns `x` `[n, d]` and `y` `[n]`."""
        x = self.rows(n, rng)["x"]
        noise = torch.randn(n, dtype=torch.float64, generator=rng)
        return Corpus({"x": x, "y": x @ self.weights + math.sqrt(self.sigma2) * noise})

    def expected_errors(self, sizes: Sequence[int]) -> list[float]:
        """Expected excess squared error of least squares on so many rows each, of least norm; [] without a closed form.

        σ²d/(n − d − 1) from d + 2 rows on, for any Σ, as the mean of an inverse Wishart matrix. Below d − 1 rows, if
        Σ = I, the weights are unseen in d − n directions at random: (1 − n/d)‖w‖² + σ²n/(d − n − 1) (Belkin, Hsu & Xu,
        arXiv:1903.07571, theorem 1). It is infinite between.
        """
        d, known = self.d, not self.signs
        known &= all(n >= d + 2 or (n <= d - 2 and not self.decay) for n in sizes)
        if not known:
            return []
        return [self.sigma2 * d / (n - d - 1) if n > d else 1 - n / d + self.sigma2 * n / (d - n - 1) for n in sizes]


class LinearEquations(NamedTuple):
    """What a fit keeps of its rows: total weight, `Σ w x xᵀ` `[d, d]`, `Σ w x y` `[d]` and `Σ w y²`."""

    total: float
    gram: FloatArray
    moment: FloatArray
    square: float


class LinearLearner(Learner):
    """Weights ŵ of y = x·ŵ + noise that minimise ‖Xw − y‖²/n + ridge ‖w‖², in float64. The one site is the label.

    Reads the columns `x` `[n, d]` and `y` `[n]`; n is the total weight of the rows. Without ridge, and with
    fewer rows than dimensions or dependent columns, it is the solution of least norm: directions in which the
    rows have singular values below about 1e-8 of the largest one get no weight. Before the first fit ŵ = 0.

    With a projection S `[d, m]` the model is y = (x S)·v: v is fitted and ŵ = S v.

    Args:
        d: dimension of x.
        sigma2: variance of the noise, known and not fitted; added to every label that is sampled.
        ridge: penalty λ ≥ 0.
        projection: S, or None.
        labeller: weights `[d]` that label the samples, for synthetic data from a surrogate whose error is given;
            None for ŵ.
    """

    closed_form = True

    def __init__(
        self,
        d: int,
        sigma2: float,
        ridge: float = 0.0,
        projection: torch.Tensor | None = None,
        labeller: torch.Tensor | None = None,
    ) -> None:
        self._d, self._sigma2, self._ridge = d, sigma2, ridge
        self._projection, self._labeller = projection, labeller
        self._equations = LinearEquations(0.0, np.zeros((d, d)), np.zeros(d), 0.0)
        self._weights = np.zeros(d)

    @property
    def weights(self) -> torch.Tensor:
        """ŵ, float `[d]`."""
        return torch.from_numpy(self._weights)

    @property
    def projection(self) -> torch.Tensor | None:
        """S, float `[d, m]`, or None."""
        return self._projection

    @property
    def train_mse(self) -> float:
        """Mean squared residual of the rows of the fit; 0 up to rounding where they are interpolated."""
        total, gram, moment, square = self._equations
        w = self._weights
        return max(0.0, float(square - 2 * (w @ moment) + w @ gram @ w)) / (total or 1.0)

    def error(self, truth: torch.Tensor, spectrum: torch.Tensor) -> float:
        """(ŵ − truth)ᵀ Σ (ŵ − truth) for weights `[d]` and the diagonal of Σ `[d]`."""
        off = self._weights - truth.numpy()
        return float((spectrum.numpy() * off) @ off)

    # -- fitting ---------------------------------------------------------------------------------

    def fit(self, corpus: Corpus, training: FitConfig) -> FitReport:
        """Solve the normal equations of the (weighted) rows."""
        self._adopt(_equations(corpus))
        return FitReport(len(corpus))

    def extended(self, added: Corpus) -> LinearLearner:
        """This model with the normal equations of `added` added; equal to a fit on all rows up to rounding."""
        other = LinearLearner(self._d, self._sigma2, self._ridge, self._projection, self._labeller)
        a, b = self._equations, _equations(added)
        other._adopt(LinearEquations(a.total + b.total, a.gram + b.gram, a.moment + b.moment, a.square + b.square))
        return other

    def state(self) -> dict[str, torch.Tensor]:
        """`total`, `gram`, `moment` and `square`, float64."""
        return {name: torch.tensor(value, dtype=torch.float64) for name, value in self._equations._asdict().items()}

    def load(self, state: Mapping[str, torch.Tensor]) -> None:
        """The inverse of `state`."""
        total, square = state["total"].item(), state["square"].item()
        self._adopt(LinearEquations(total, state["gram"].numpy(), state["moment"].numpy(), square))

    def _adopt(self, equations: LinearEquations) -> None:
        total, gram, moment, _ = equations
        if self._projection is not None:
            s = self._projection.numpy()
            gram, moment = s.T @ gram @ s, s.T @ moment
        if self._ridge:
            gram = gram + self._ridge * total * np.eye(len(gram))
        solution = _least_norm(gram, moment)
        self._equations = equations
        self._weights = solution if self._projection is None else s @ solution

    # -- asking ----------------------------------------------------------------------------------

    def sample(self, n: int, rng: torch.Generator, decoding: Decoding, conditions: Corpus | None = None) -> Corpus:
        """A label for each row of `conditions` (column `x`, n rows); a temperature T multiplies the noise variance."""
        if conditions is None:
            raise PluginError("A linear model samples only with conditions.", "Pass a corpus with the rows `x`.")
        weights = self._weights if self._labeller is None else self._labeller.numpy()
        labels = self._drawn(conditions["x"], weights, rng, decoding.temperature)
        return Corpus({"x": conditions["x"], "y": labels})

    def _drawn(self, x: torch.Tensor, weights: FloatArray, rng: torch.Generator, temperature: float) -> torch.Tensor:
        # Drawn in single precision, which torch does several times as fast; all else is in double precision.
        noise = torch.randn(x.shape[0], generator=rng).numpy()
        return torch.from_numpy(x.numpy() @ weights + math.sqrt(self._sigma2 * temperature) * noise.astype(np.float64))

    def log_prob(self, corpus: Corpus) -> torch.Tensor:
        """Log density of each label given its row, float `[n]`."""
        return self.sites(corpus).log_prob.squeeze(1) - 0.5 * math.log(2 * math.pi * self._sigma2)

    def sites(self, corpus: Corpus) -> Sites:
        """Log density of each label relative to the prediction, float `[n, 1]`."""
        residual = corpus["y"] - corpus["x"] @ self.weights
        log_prob = (residual.square() / (-2 * self._sigma2)).unsqueeze(1)
        return Sites(log_prob, torch.ones_like(log_prob, dtype=torch.bool))

    def resample(self, corpus: Corpus, mask: torch.Tensor, rng: torch.Generator, decoding: Decoding) -> Corpus:
        """Labels under the mask (bool `[n, 1]`) replaced by ŵ's prediction plus fresh noise.

        The temperature multiplies the noise variance. A continuous site has no k most probable outcomes, so
        top-k does not apply.
        """
        drawn = self._drawn(corpus["x"], self._weights, rng, decoding.temperature)
        return corpus.with_columns(y=torch.where(mask.squeeze(1), drawn, corpus["y"]))


def projection(d: int, width: int, rng: torch.Generator) -> torch.Tensor | None:
    """A random map from d to `width` dimensions, entries N(0, 1/d), float64 `[d, width]`; None for width 0."""
    return torch.randn(d, width, dtype=torch.float64, generator=rng) / math.sqrt(d) if width else None


def _equations(corpus: Corpus) -> LinearEquations:
    x, y, w = corpus["x"].numpy(), corpus["y"].numpy(), checked_weights(corpus, "regression")
    if w is None:
        equations = LinearEquations(float(len(y)), x.T @ x, y @ x, float(y @ y))
    else:
        equations = LinearEquations(float(w.sum()), (x.T * w) @ x, (w * y) @ x, float(w @ y**2))
    if not math.isfinite(equations.square):
        raise _not_finite()
    return equations


def _least_norm(gram: FloatArray, moment: FloatArray) -> FloatArray:
    """The w of least norm that solves gram·w = moment, gram `[d, d]` positive semidefinite.

    By Cholesky where its smallest pivot says that the matrix is well conditioned, else along the principal
    axes whose eigenvalue exceeds the rounding error of the largest one.
    """
    size = float(gram.trace())
    if not math.isfinite(size):
        raise _not_finite()
    factor, solution, failed = dposv(gram, moment)
    if not failed and min(factor.diagonal().tolist()) ** 2 > 1e-10 * size:
        return np.asarray(solution)
    values, axes, failed = dsyevd(gram)
    if failed:
        raise _not_finite()
    alive = values > 4 * len(values) * np.finfo(np.float64).eps * values[-1]
    axes = axes[:, alive]
    return np.asarray(axes @ ((moment @ axes) / values[alive]))


def _not_finite() -> Diverged:
    return Diverged("The rows of a regression, or their squares, are not finite.")
