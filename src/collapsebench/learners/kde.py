"""A Gaussian kernel density estimate that grows by what is new."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from itertools import pairwise
from typing import Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from ..core.corpus import Corpus
from ..core.errors import Diverged, PluginError
from ..core.learner import Decoding, FitConfig, FitReport, Learner
from .rows import checked_weights

FloatArray = NDArray[np.float64]

Rule = Literal["fixed", "scott", "silverman"]
"""How the bandwidth follows from the rows."""

_MOST_TERMS = 2**20
"""Kernel terms that are held in memory at once."""


class CoordinateMoments(NamedTuple):
    """Total weight of the rows, their mean `[d]` and `Σ w (x − mean)²` per coordinate `[d]`."""

    total: float
    mean: FloatArray
    scatter: FloatArray


class Part(NamedTuple):
    """Kernel centres that were added together, float `[n, d]`, and their positive weights `[n]`."""

    rows: FloatArray
    weights: FloatArray


class KernelDensityLearner(Learner):
    """A mixture of normals N(x_i, h² I) at the rows x_i in proportion to their weights, in float64.

    Reads the column `x` `[n, d]`. The bandwidth h is one number for all coordinates, with s² the rows' variance
    (ddof 0) averaged over coordinates and n their total weight:

    - `fixed`: as given;
    - `scott`: s n^(−1/(d+4)) (Scott, 1992);
    - `silverman`: s (n (d+2)/4)^(−1/(d+4)) (Silverman, 1986).

    A model remembers the kernel sums at the points that it was asked about, and hands them to the models that
    extend it: asking those about the same points costs the terms of the new rows only, as long as the
    bandwidth is the same. Before the first fit it has no rows and cannot be asked.

    Args:
        d: dimension.
        bandwidth: h of the rule `fixed`.
        rule: how the bandwidth is chosen.
    """

    closed_form = True

    def __init__(self, d: int, bandwidth: float, rule: Rule = "fixed") -> None:
        self._d, self._fixed, self._rule = d, bandwidth, rule
        self.bandwidth = bandwidth
        """h, in the units of x."""
        self._parts: tuple[Part, ...] = ()
        self._spread = CoordinateMoments(0.0, np.zeros(d), np.zeros(d))
        self._asked: dict[bytes, tuple[int, FloatArray]] = {}
        self._inherited: Mapping[bytes, tuple[int, FloatArray]] = {}

    @property
    def second_moment(self) -> float:
        """E[x²] under the model, averaged over coordinates: that of the rows plus h²."""
        total, mean, scatter = self._spread
        return float((mean**2 + scatter / (total or 1.0)).mean()) + self.bandwidth**2

    # -- fitting ---------------------------------------------------------------------------------

    def fit(self, corpus: Corpus, training: FitConfig) -> FitReport:
        """Put a kernel on every row; rows of weight 0 are left out."""
        self._take(self._unfitted(), _part(corpus))
        return FitReport(len(corpus))

    def extended(self, added: Corpus) -> KernelDensityLearner:
        """This model with the kernels of `added`; equal to a fit on all rows up to rounding."""
        other = self._unfitted()
        other._take(self, _part(added))
        return other

    def state(self) -> dict[str, torch.Tensor]:
        """`rows` `[n, d]` and `weights` `[n]`, float64; `ends` of the parts that sums are taken by, int64."""
        rows, weights = self._centres()
        ends = np.cumsum([len(part.rows) for part in self._parts], dtype=np.int64)
        return {"rows": torch.from_numpy(rows), "weights": torch.from_numpy(weights), "ends": torch.from_numpy(ends)}

    def load(self, state: Mapping[str, torch.Tensor]) -> None:
        """The inverse of `state`."""
        rows, weights, ends = state["rows"].numpy(), state["weights"].numpy(), [0, *state["ends"].tolist()]
        base = self._unfitted()
        for start, end in pairwise(ends):
            self._take(base, Part(rows[start:end], weights[start:end]))
            base = self

    def _unfitted(self) -> KernelDensityLearner:
        return KernelDensityLearner(self._d, self._fixed, self._rule)

    def _take(self, base: KernelDensityLearner, part: Part) -> None:
        """Become `base` with one part more."""
        self._parts, self._spread = (*base._parts, part), _merged(base._spread, *part)
        self.bandwidth = self._chosen_bandwidth()
        if not self.bandwidth > 0:
            raise Diverged("The rows of a kernel density are all one, so that its bandwidth is 0.")
        self._inherited = base._asked if base.bandwidth == self.bandwidth else {}
        self._asked = {}

    def _chosen_bandwidth(self) -> float:
        if self._rule == "fixed":
            return self._fixed
        total, _, scatter = self._spread
        factor = total if self._rule == "scott" else total * (self._d + 2) / 4
        return math.sqrt(scatter.mean() / total) * math.pow(factor, -1 / (self._d + 4))

    # -- asking ----------------------------------------------------------------------------------

    def sample(self, n: int, rng: torch.Generator, decoding: Decoding, conditions: Corpus | None = None) -> Corpus:
        """`n` rows: a centre each, drawn in proportion to its weight, plus noise of variance h².

        A temperature T divides the log-probability of each choice, as in a text: a centre of weight w is drawn in
        proportion to w^(1/T), and the noise has the variance T h². The mixture itself is not raised to a power.
        """
        self._check_fitted()
        centres, weights = self._centres()
        cumulative = np.cumsum((weights / weights.max()) ** (1 / decoding.temperature))
        uniform = torch.rand(n, dtype=torch.float64, generator=rng).numpy()
        chosen = np.searchsorted(cumulative, uniform * cumulative[-1], side="right")
        noise = torch.randn(n, self._d, generator=rng).numpy().astype(np.float64)
        spread = self.bandwidth * math.sqrt(decoding.temperature)
        rows = centres[np.minimum(chosen, len(centres) - 1)] + spread * noise
        return Corpus({"x": torch.from_numpy(rows)})

    def log_prob(self, corpus: Corpus) -> torch.Tensor:
        """Log density, float `[n]`."""
        self._check_fitted()
        points = np.ascontiguousarray(corpus["x"].numpy())
        key = hashlib.sha256(points.tobytes()).digest()
        known = self._asked.get(key) or self._inherited.get(key) or (0, np.full(len(points), -math.inf))
        log_sums = known[1]
        for part in self._parts[known[0] :]:
            log_sums = np.logaddexp(log_sums, self._log_kernel_sums(points, part))
        self._asked[key] = len(self._parts), log_sums
        norm = math.log(self._spread.total) + 0.5 * self._d * math.log(2 * math.pi * self.bandwidth**2)
        return torch.from_numpy(log_sums - norm)

    def _log_kernel_sums(self, points: FloatArray, part: Part) -> FloatArray:
        """Log Σ w exp(−‖point − row‖²/2h²) over the rows of a part, float `[n]`, a slab of rows at a time."""
        rows, log_weights = part.rows / self.bandwidth, np.log(part.weights)
        points = points / self.bandwidth
        biases = log_weights - 0.5 * np.square(rows).sum(1)
        slab = max(1, _MOST_TERMS // max(1, len(points)))
        log_sums = np.full(len(points), -math.inf)
        for start in range(0, len(rows), slab):
            terms = points @ rows[start : start + slab].T
            terms += biases[start : start + slab]
            log_sums = np.logaddexp(log_sums, _log_sum_exp(terms))
        return np.asarray(log_sums - 0.5 * np.square(points).sum(1))

    def _centres(self) -> Part:
        """All parts in one."""
        rows, weights = zip(Part(np.empty((0, self._d)), np.empty(0)), *self._parts, strict=True)
        return Part(np.concatenate(rows), np.concatenate(weights))

    def _check_fitted(self) -> None:
        if not self._parts:
            raise PluginError("A kernel density that was not fitted has no rows.", "Fit it first.")


def _part(corpus: Corpus) -> Part:
    """The rows of positive weight."""
    rows, weights = corpus["x"].numpy(), checked_weights(corpus, "kernel density")
    if not math.isfinite(rows.sum()):
        raise Diverged("The rows of a kernel density are not finite.")
    return Part(rows, np.ones(len(rows))) if weights is None else Part(rows[weights > 0], weights[weights > 0])


def _merged(before: CoordinateMoments, rows: FloatArray, weights: FloatArray) -> CoordinateMoments:
    """The spread with more rows, without cancellation (Chan, Golub & LeVeque, 1983)."""
    total = float(weights.sum())
    mean = weights @ rows / total
    scatter = weights @ np.square(rows - mean)
    both, shift = before.total + total, mean - before.mean
    return CoordinateMoments(
        both,
        before.mean + shift * (total / both),
        before.scatter + scatter + np.square(shift) * (before.total * total / both),
    )


def _log_sum_exp(terms: FloatArray) -> FloatArray:
    """Log Σ exp along the rows of `terms` `[n, k]`, which it overwrites."""
    highest = terms.max(1)
    terms -= highest[:, None]
    np.exp(terms, out=terms)
    return np.asarray(highest + np.log(terms.sum(1)))
