"""Worth: on how many real examples plain training reaches the same loss, in multiples of the n_0 rows of D_0.

V = l^-1(L) / n_0, with l the learning curve of real data. Ignoring synthetic data is V = 1 exactly; a method that makes
400 real rows as good as 800 has V = 2. Shown as V, averaged and ranked as log2 V.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from .stats import LEVEL, Floats, Interval, PairedGap, jackknife_half_width, paired_gap, swap_p_values, t_quantile

GATE = 4.0
"""A setting counts where doubling n_0 moves the loss by more than this many of its paired standard errors."""


@dataclass(frozen=True)
class Worth:
    """log2 V of one entry in one setting.

    Args:
        log2: with its interval over seeds, which carries the error of the curve as well as the method's own.
        outside: -1 where every loss is above all points of the curve, 1 where it is below, else 0. Outside, `log2` is
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
        """A curve whose shape a closed form gives, scaled to what `frozen` scored; shifted where a loss is below 0.

        `shape` holds the expected losses, `[multiples]`, `frozen` is `[seeds]`.
        """
        expected, scored = np.asarray(shape, dtype=np.float64), np.asarray(frozen, dtype=np.float64)
        here = expected[tuple(multiples).index(1.0)]
        if expected.min() > expected.max() * sys.float_info.epsilon:
            return cls(tuple(multiples), np.outer(scored, expected / here))
        return cls(tuple(multiples), np.add.outer(scored, expected - here))

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
        doublings = t_quantile(gap.pairs - 1) * gap.standard_error / gap.mean
        return float(2**doublings) if doublings < sys.float_info.max_exp else math.inf

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

    def within(self, losses: ArrayLike) -> Floats:
        """Losses of an entry `[seeds]`, those outside of the curve moved to its end: one wild cell is only a bad one.

        Where `frozen` itself lies further out, to its loss with that seed.
        """
        frozen = self.losses[:, self.one]
        lowest, highest = np.minimum(self.mean[-1], frozen), np.maximum(self.mean[0], frozen)
        return np.clip(np.asarray(losses, dtype=np.float64), lowest, highest)

    def worth(self, losses: ArrayLike) -> Worth:
        """The worth of an entry with these losses, `[seeds]` in the order of the curve's."""
        own = np.asarray(losses, dtype=np.float64)
        outside = int(own.max() < self.mean[-1]) - int(own.min() > self.mean[0])
        if outside:
            return Worth(Interval(float(self.log2(own.mean())), math.nan), outside)
        return Worth(mean_log2([self], [own]))


def mean_log2(curves: Sequence[LearningCurve], losses: Sequence[ArrayLike]) -> Interval:
    """Mean of log2 V over settings, with a Student-t interval over a jackknife.

    Args:
        curves: one for each setting, all of the same seeds.
        losses: of the entry, `[seeds]` for each setting.

    Returns:
        NaN as half-width for a single seed, NaN twice where there is no setting.
    """
    if not curves:
        return Interval(math.nan, math.nan)
    centre, left_out = _means(curves, np.array([c.within(own) for c, own in zip(curves, losses, strict=True)]))
    return Interval(float(centre), float(jackknife_half_width(left_out)) if left_out.size > 1 else math.nan)


def _means(curves: Sequence[LearningCurve], losses: Floats) -> tuple[Floats, Floats]:
    """Means of log2 V over settings: of losses `[..., settings, seeds]` the mean `[...]` and those without each seed.

    The latter, `[..., seeds]`, leave out a seed of all curves and all losses together: settings of one task share their
    real data by seed. A single NaN where there is one seed.
    """

    def mean(curves: Sequence[LearningCurve], losses: Floats) -> Floats:
        means = losses.mean(-1)
        log2 = np.stack([curve.log2(means[..., place]) for place, curve in enumerate(curves)], -1)
        return np.asarray(log2.mean(-1))

    seeds = losses.shape[-1]
    left_out = [
        mean([curve.without_one[seed] for curve in curves], np.delete(losses, seed, axis=-1))
        for seed in range(seeds if seeds > 1 else 0)
    ]
    return mean(curves, losses), np.stack(left_out, -1) if left_out else np.full((*losses.shape[:-2], 1), math.nan)


ENOUGH_PAIRS = 7
"""With fewer pairs no pattern of swaps is rarer than one in forty."""


def ahead(curves: Sequence[LearningCurve], ours: ArrayLike, theirs: ArrayLike) -> Floats:
    """By how much the mean of log2 V of an entry is above that of others; 0 where the two are not told apart.

    By one of two tests of this difference, each at half the level: swapping the losses of a (setting, seed) between
    them, which sees a small advantage in many settings, and the interval of a jackknife, which sees a large one in few.
    With too few pairs for the first, by the second alone.

    Args:
        curves: one for each setting, all of the same seeds.
        ours: losses, `[settings, seeds]`.
        theirs: of the others, `[others, settings, seeds]`.

    Returns:
        `[others]`.
    """
    first, second = (
        np.stack([c.within(losses[..., place, :]) for place, c in enumerate(curves)], -2)
        for losses in (np.asarray(ours, dtype=np.float64), np.asarray(theirs, dtype=np.float64))
    )
    (centre, left_out), (others, others_left_out) = _means(curves, first), _means(curves, second)
    difference, pairs, seeds = centre - others, first.size, first.shape[-1]
    level = (1 - LEVEL) / 2 if pairs >= ENOUGH_PAIRS else 1 - LEVEL
    wider = t_quantile(seeds - 1, 1 - level) / t_quantile(seeds - 1)
    told = np.abs(difference) > jackknife_half_width(left_out - others_left_out) * wider
    if pairs >= ENOUGH_PAIRS and not told.all():
        close = np.moveaxis(second[~told], -2, 0)
        told[~told] = swap_p_values(list(first), list(close), [curve.log2 for curve in curves], level) < level
    return np.where(told, difference, 0.0)


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

    Linear between the logarithms of both, or in the loss itself where the curve is not positive. A flat stretch stands
    for its middle; the one of `pinned` for `pinned`.
    """
    if curve.min() > 0:
        curve, losses = np.log(curve), np.log(np.maximum(losses, curve.min()))
    levels, places = np.unique(curve, return_inverse=True)
    middle = np.bincount(places, sizes) / np.bincount(places)
    middle[places[pinned]] = sizes[pinned]
    return np.asarray(np.interp(losses, levels, middle), dtype=np.float64)
