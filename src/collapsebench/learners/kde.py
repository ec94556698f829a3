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


class Centres:
    """Weighted rows in parts that are only ever added, so that a model and those that extend it can share them.

    A model that has the first k parts never sees those behind them.
    """

    def __init__(self, d: int) -> None:
        self.rows = np.empty((0, d))
        self.weights = np.empty(0)
        self.cumulative = np.empty(0)
        self.ends = [0]

    def part(self, number: int) -> slice:
        """Where the rows of a part stand."""
        return slice(self.ends[number], self.ends[number + 1])

    def with_part(self, parts: int, rows: FloatArray, weights: FloatArray) -> Centres:
        """The first `parts` parts and one more; in place unless another model has added its own there."""
        centres = self if len(self.ends) == parts + 1 else self._copied(parts)
        centres._append(rows, weights)
        return centres

    def _append(self, rows: FloatArray, weights: FloatArray) -> None:
        start, end = self.ends[-1], self.ends[-1] + len(rows)
        if end > len(self.rows):  # doubled, so that all appends together copy each row about once
            room = max(end, 2 * len(self.rows))
            self.rows, self.weights = _resized(self.rows, room), _resized(self.weights, room)
            self.cumulative = _resized(self.cumulative, room)
        before = self.cumulative[start - 1] if start else 0.0
        self.rows[start:end], self.weights[start:end] = rows, weights
        self.cumulative[start:end] = np.cumsum(np.concatenate([[before], weights]))[1:]
        self.ends.append(end)

    def _copied(self, parts: int) -> Centres:
        copy, end = Centres(self.rows.shape[1]), self.ends[parts]
        copy.rows, copy.weights = _resized(self.rows[:end], end), _resized(self.weights[:end], end)
        copy.cumulative, copy.ends = _resized(self.cumulative[:end], end), self.ends[: parts + 1]
        return copy


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
        self._centres, self._parts = Centres(d), 0
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
        self._take(self._unfitted(), *_weighted_rows(corpus))
        return FitReport(len(corpus))

    def extended(self, added: Corpus) -> KernelDensityLearner:
        """This model with the kernels of `added`; equal to a fit on all rows up to rounding."""
        other = self._unfitted()
        other._take(self, *_weighted_rows(added))
        return other

    def state(self) -> dict[str, torch.Tensor]:
        """`rows` `[n, d]` and `weights` `[n]`, float64; `ends` of the parts that sums are taken by, int64."""
        ends = self._centres.ends[: self._parts + 1]
        return {
            "rows": torch.from_numpy(self._centres.rows[: ends[-1]]),
            "weights": torch.from_numpy(self._centres.weights[: ends[-1]]),
            "ends": torch.tensor(ends[1:], dtype=torch.int64),
        }

    def load(self, state: Mapping[str, torch.Tensor]) -> None:
        """The inverse of `state`."""
        rows, weights, ends = state["rows"].numpy(), state["weights"].numpy(), [0, *state["ends"].tolist()]
        base = self._unfitted()
        for start, end in pairwise(ends):
            self._take(base, rows[start:end], weights[start:end])
            base = self

    def _unfitted(self) -> KernelDensityLearner:
        return KernelDensityLearner(self._d, self._fixed, self._rule)

    def _take(self, base: KernelDensityLearner, rows: FloatArray, weights: FloatArray) -> None:
        """Become `base` with one part more."""
        self._centres, self._parts = base._centres.with_part(base._parts, rows, weights), base._parts + 1
        self._spread = _merged(base._spread, rows, weights)
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
        end, temperature = self._fitted_rows(), decoding.temperature
        cumulative = self._centres.cumulative[:end]
        if temperature != 1.0:
            cumulative = np.cumsum(
                (self._centres.weights[:end] / self._centres.weights[:end].max()) ** (1 / temperature)
            )
        uniform = torch.rand(n, dtype=torch.float64, generator=rng).numpy()
        chosen = np.searchsorted(cumulative, uniform * cumulative[-1], side="right")
        noise = torch.randn(n, self._d, generator=rng).numpy().astype(np.float64)
        rows = self._centres.rows[np.minimum(chosen, end - 1)] + self.bandwidth * math.sqrt(temperature) * noise
        return Corpus({"x": torch.from_numpy(rows)})

    def log_prob(self, corpus: Corpus) -> torch.Tensor:
        """Log density, float `[n]`."""
        self._fitted_rows()
        points = np.ascontiguousarray(corpus["x"].numpy())
        key = hashlib.sha256(points.tobytes()).digest()
        known = self._asked.get(key) or self._inherited.get(key) or (0, np.full(len(points), -math.inf))
        log_sums = known[1]
        for part in range(known[0], self._parts):
            log_sums = np.logaddexp(log_sums, self._log_kernel_sums(points, self._centres.part(part)))
        self._asked[key] = self._parts, log_sums
        norm = math.log(self._spread.total) + 0.5 * self._d * math.log(2 * math.pi * self.bandwidth**2)
        return torch.from_numpy(log_sums - norm)

    def _log_kernel_sums(self, points: FloatArray, part: slice) -> FloatArray:
        """Log Σ w exp(−‖point − row‖²/2h²) over the rows of a part, float `[n]`, a slab of rows at a time."""
        rows, log_weights = self._centres.rows[part] / self.bandwidth, np.log(self._centres.weights[part])
        points = points / self.bandwidth
        biases = log_weights - 0.5 * np.square(rows).sum(1)
        slab = max(1, _MOST_TERMS // max(1, len(points)))
        log_sums = np.full(len(points), -math.inf)
        for start in range(0, len(rows), slab):
            terms = points @ rows[start : start + slab].T
            terms += biases[start : start + slab]
            log_sums = np.logaddexp(log_sums, _log_sum_exp(terms))
        return np.asarray(log_sums - 0.5 * np.square(points).sum(1))

    def _fitted_rows(self) -> int:
        if not self._parts:
            raise PluginError("A kernel density that was not fitted has no rows.", "Fit it first.")
        return self._centres.ends[self._parts]


def _resized(old: FloatArray, rows: int) -> FloatArray:
    """A copy with room for this many rows."""
    new = np.empty((rows, *old.shape[1:]))
    new[: len(old)] = old
    return new


def _weighted_rows(corpus: Corpus) -> tuple[FloatArray, FloatArray]:
    """The rows of positive weight, float `[n, d]`, and their weights `[n]`."""
    rows = corpus["x"].numpy()
    if not len(rows):
        raise PluginError("Cannot fit a density to a corpus without rows.", "Return at least one row from `curate`.")
    if not math.isfinite(rows.sum()):
        raise Diverged("The rows of a kernel density are not finite.")
    if corpus.weights is None:
        return rows, np.ones(len(rows))
    weights = corpus.weights.to(torch.float64).numpy()
    if not weights.sum() > 0:
        raise PluginError(
            f"Cannot fit a density to rows of total weight {weights.sum()}.", "Give some rows a positive weight."
        )
    return rows[weights > 0], weights[weights > 0]


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
