"""Worth: on how many real examples plain training reaches the same loss, in multiples of the n_0 rows of D_0.

V = l^-1(L) / n_0, with l the learning curve of real data. Ignoring synthetic data is V = 1 exactly; a method that makes
400 real rows as good as 800 has V = 2. Shown as V, averaged and ranked as log2 V.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from .stats import Floats, Interval, PairedGap, jackknife_half_width, paired_gap, t_quantile

GATE = 4.0
"""A setting counts where doubling n_0 moves the loss by more than this many of its paired standard errors."""


@dataclass(frozen=True)
class Worth:
    """log2 V of one entry in one setting.

    Args:
        log2: with its interval over seeds, which carries the error of the curve as well as the method's own.
        outside: -1 where the loss is above every point of the curve, 1 where it is below, else 0. Outside, `log2` is
            the end of the curve and has no interval.
    """

    log2: Interval
    outside: int = 0


@dataclass(frozen=True)
class LearningCurve:
    """Losses of plain training on growing parts of the real data, by seed.

    Args:
        multiples: sizes in multiples of n_0, ascending; 1 is one of them.
        losses: `[seeds, multiples]`; at 1 stands what `frozen` scored, so that its worth is 1 exactly.
    """

    multiples: tuple[float, ...]
    losses: Floats

    @classmethod
    def of_shape(cls, multiples: Sequence[float], shape: ArrayLike, frozen: ArrayLike) -> LearningCurve:
        """A curve whose shape a closed form gives, scaled to what `frozen` scored.

        `shape` holds the expected losses, `[multiples]` and positive, `frozen` is `[seeds]`.
        """
        expected = np.asarray(shape, dtype=np.float64)
        here = tuple(multiples).index(1.0)
        return cls(tuple(multiples), np.outer(np.asarray(frozen, dtype=np.float64), expected / expected[here]))

    @cached_property
    def one(self) -> int:
        """The place of n_0 itself."""
        return self.multiples.index(1.0)

    @cached_property
    def mean(self) -> Floats:
        """The mean over seeds made monotone, `[multiples]`: isotonic on either side of n_0, which stays as it is."""
        # Summed along rows in memory, as the losses of an entry are: `frozen` finds itself to the last bit.
        return monotone(np.ascontiguousarray(self.losses.T).mean(1), self.one)

    @cached_property
    def doubling(self) -> PairedGap:
        """By how much the loss falls from n_0 to 2 n_0, paired by seed; no pairs where the curve ends at n_0."""
        if 2.0 not in self.multiples:
            return PairedGap(math.nan, math.nan, 0)
        return paired_gap(self.losses[:, self.one], self.losses[:, self.multiples.index(2.0)])

    @property
    def counts(self) -> bool:
        """Whether worth has resolution here."""
        return self.doubling.ratio > GATE

    @property
    def resolution(self) -> float:
        """The smallest worth above 1 that the seeds can tell from 1: 2 to the interval's share of one doubling."""
        gap = self.doubling
        if not gap.mean > 0 or gap.pairs < 2:
            return math.inf
        return float(2 ** (t_quantile(gap.pairs - 1) * gap.standard_error / gap.mean))

    def rows(self, seeds: Sequence[int]) -> LearningCurve:
        """The curve of some of the seeds, by their places."""
        return LearningCurve(self.multiples, self.losses[list(seeds)])

    @cached_property
    def without_one(self) -> tuple[LearningCurve, ...]:
        """The curves that leave out one seed each."""
        places = range(len(self.losses))
        return tuple(self.rows([place for place in places if place != left]) for left in places)

    def log2(self, losses: ArrayLike) -> Floats:
        """log2 V of mean losses `[...]`, the same shape; clipped to the ends of the curve."""
        return inverted(np.log2(self.multiples), self.mean, np.asarray(losses, dtype=np.float64), self.one)

    def worth(self, losses: ArrayLike) -> Worth:
        """The worth of an entry with these losses, `[seeds]` in the order of the curve's."""
        own = np.asarray(losses, dtype=np.float64)
        mean = own.mean()
        outside = int(mean < self.mean[-1]) - int(mean > self.mean[0])
        if outside:
            return Worth(Interval(float(self.log2(mean)), math.nan), outside)
        return Worth(mean_log2([self], [own]))


def mean_log2(curves: Sequence[LearningCurve], losses: Sequence[ArrayLike]) -> Interval:
    """Mean of log2 V over settings, with a Student-t interval over a jackknife.

    It leaves out one seed of all curves and all losses together: settings of one task share their real data by seed.

    Args:
        curves: one for each setting, all of the same seeds.
        losses: of the entry, `[seeds]` for each setting.

    Returns:
        NaN as half-width for a single seed, NaN twice where there is no setting.
    """
    if not curves:
        return Interval(math.nan, math.nan)
    table = np.asarray(losses, dtype=np.float64)
    centre = _mean_log2(curves, table.mean(1))
    seeds = table.shape[1]
    if seeds < 2:
        return Interval(centre, math.nan)
    values = [
        _mean_log2([curve.without_one[seed] for curve in curves], np.delete(table, seed, axis=1).mean(1))
        for seed in range(seeds)
    ]
    return Interval(centre, jackknife_half_width(values))


def _mean_log2(curves: Sequence[LearningCurve], means: Floats) -> float:
    return float(np.mean([curve.log2(mean) for curve, mean in zip(curves, means, strict=True)]))


def monotone(curve: ArrayLike, pinned: int) -> Floats:
    """A curve `[k]` that never rises: isotonic before and after the place `pinned`, whose value is kept."""
    from scipy.optimize import isotonic_regression

    values = np.asarray(curve, dtype=np.float64)
    here = values[pinned]
    before, after = (
        isotonic_regression(part, increasing=False).x if len(part) else part
        for part in (values[:pinned], values[pinned + 1 :])
    )
    return np.concatenate([np.maximum(before, here), [here], np.minimum(after, here)])


def inverted(sizes: Floats, curve: Floats, losses: Floats, pinned: int) -> Floats:
    """The size at which a falling curve has each loss, clipped to the ends.

    Linear between the logarithms of both, or in the loss itself where a loss is not positive. A flat stretch stands
    for its middle; the one of `pinned` for `pinned`.
    """
    if min(curve.min(), losses.min(initial=math.inf)) > 0:
        curve, losses = np.log(curve), np.log(losses)
    levels, places = np.unique(curve, return_inverse=True)
    middle = np.bincount(places, sizes) / np.bincount(places)
    middle[places[pinned]] = sizes[pinned]
    return np.asarray(np.interp(losses, levels, middle), dtype=np.float64)
