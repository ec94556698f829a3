"""Statistics of a board: intervals over seeds, paired differences, interquartile mean, rank groups.

Pure functions on arrays. All intervals claim 95 % and are two-sided; docs/statistics.md says of what, and how often
they were right in simulations.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike, NDArray

LEVEL = 0.95
"""Coverage that every interval on a board claims."""

GAP_FACTOR = 4.0
"""A task counts only where its gap exceeds this many of its standard errors."""

RESAMPLES = 1000
"""Draws of the bootstrap behind `stratified_interval`: they give its standard error to two per cent."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Interval:
    """An estimate with the half-width of its interval; `half_width` is NaN where it is unknown."""

    centre: float
    half_width: float

    @property
    def low(self) -> float:
        """Lower end."""
        return self.centre - self.half_width

    @property
    def high(self) -> float:
        """Upper end."""
        return self.centre + self.half_width


@dataclass(frozen=True)
class PairedGap:
    """Mean of paired differences with its standard error; the error of a single pair is NaN."""

    mean: float
    standard_error: float
    pairs: int

    @property
    def ratio(self) -> float:
        """The mean in standard errors."""
        if self.standard_error == 0:
            return math.copysign(math.inf, self.mean) if self.mean else 0.0
        return self.mean / self.standard_error


def t_quantile(freedom: float) -> float:
    """The Student-t quantile of a two-sided interval with `LEVEL` coverage."""
    from scipy.special import stdtrit  # scipy.stats takes seconds to import

    return float(stdtrit(freedom, (1 + LEVEL) / 2))


def student_t_interval(values: ArrayLike) -> Interval:
    """Mean of `values`, `[n]`, with the Student-t half-width over them.

    Returns:
        NaN as half-width for a single value, NaN twice for none.
    """
    x = np.asarray(values, dtype=np.float64)
    if x.size < 2:
        return Interval(float(x.mean()) if x.size else math.nan, math.nan)
    return Interval(float(x.mean()), t_quantile(x.size - 1) * _standard_error(x))


def paired_gap(worse: ArrayLike, better: ArrayLike) -> PairedGap:
    """By how much `worse` exceeds `better`, both `[n]` and paired by position."""
    d = np.asarray(worse, dtype=np.float64) - np.asarray(better, dtype=np.float64)
    error = _standard_error(d) if d.size > 1 else math.nan
    return PairedGap(float(d.mean()) if d.size else math.nan, error, d.size)


def jackknife_half_width(left_out: ArrayLike) -> float:
    """Half-width of a Student-t interval from a statistic with each of n observations left out, `[n]`."""
    values = np.asarray(left_out, dtype=np.float64)
    n = values.size
    return t_quantile(n - 1) * math.sqrt((n - 1) * float(values.var()))


def recovered_gap(losses: ArrayLike, floor: ArrayLike, ceiling: ArrayLike) -> Interval:
    """R = (L_floor - L) / (L_floor - L_ceiling) of mean losses, with a jackknife interval over seeds.

    The mean of the ratios of each seed is biased by the squared coefficient of variation of the gap.

    All are `[n]`, paired by position.

    Returns:
        NaN as half-width for a single seed, NaN twice for none or where floor and ceiling do not differ.
    """
    own, low, high = (np.asarray(x, dtype=np.float64) for x in (losses, floor, ceiling))
    sums = np.array([low - own, low - high])
    if own.size < 2:
        return Interval(_ratio(sums.sum(1)), math.nan)
    left_out = sums.sum(1, keepdims=True) - sums
    return Interval(_ratio(sums.sum(1)), jackknife_half_width([_ratio(pair) for pair in left_out.T]))


def _ratio(pair: Floats) -> float:
    return float(pair[0] / pair[1]) if pair[1] else math.nan


EXACT_PAIRS = 12
"""Up to this many pairs every pattern of swaps is tried; above, as many patterns at random."""


def swap_p_value(
    ours: Sequence[ArrayLike], theirs: Sequence[ArrayLike], scores: Sequence[Callable[[Floats], Floats]]
) -> float:
    """Two-sided p-value that two entries are alike: a stratified sign-flip permutation of the statistic that is shown.

    If they are alike, the two losses of a (setting, seed) may be swapped. The statistic is the mean over settings of
    the difference between the scores of the two mean losses.

    Args:
        ours: losses in each setting, `[n_k]`.
        theirs: losses in the same settings, with the same seeds.
        scores: for each setting, mean losses `[patterns]` -> scores `[patterns]`.

    Returns:
        1 where there is no pair. No less than two to the power 1 - pairs.
    """
    first = [np.asarray(losses, dtype=np.float64) for losses in ours]
    second = [np.asarray(losses, dtype=np.float64) for losses in theirs]
    swaps = _swaps(sum(map(len, first)))
    statistic, start = np.zeros(len(swaps)), 0
    for own, other, score in zip(first, second, scores, strict=True):
        swap = swaps[:, start : start + len(own)]
        start += len(own)
        statistic += score(np.where(swap, other, own).mean(1)) - score(np.where(swap, own, other).mean(1))
    return float(np.mean(np.abs(statistic) >= abs(statistic[0]) * (1 - 1e-9)))


@cache
def _swaps(pairs: int) -> NDArray[np.bool_]:
    """Patterns of swaps, `[patterns, pairs]`, the first of which swaps nothing."""
    if pairs <= EXACT_PAIRS:
        return (np.arange(2**pairs)[:, None] >> np.arange(pairs)) % 2 == 1
    bits = np.random.PCG64(0)  # its raw stream is the same in every version of numpy
    drawn = bits.random_raw((2**EXACT_PAIRS, pairs)) % 2 == 1
    drawn[0] = False
    return drawn


def interquartile_mean(values: ArrayLike) -> float:
    """Mean of what is left after a quarter of `values`, rounded down, is cut from either end.

    Agarwal et al., "Deep RL at the edge of the statistical precipice" (2021), section 4.3.
    """
    x = np.asarray(values, dtype=np.float64).ravel()
    return float(_middle_half(x)) if x.size else math.nan


def stratified_interval(strata: Sequence[ArrayLike]) -> Interval:
    """Interquartile mean of all values with an interval for new seeds on the same tasks.

    The standard error is that of a bootstrap which redraws seeds within each task, the deviations from the task's
    mean scaled by sqrt(n / (n - 1)) because n of them look narrower than they are. Student-t with as many degrees
    of freedom as one task has: one noisy task may make the whole error. A trimmed mean's usual error, from
    winsorised values, ignores that the cut itself moves between tasks, and covered .85 at five seeds.

    Args:
        strata: the values of each task, each `[n_k]`.

    Returns:
        NaN as half-width unless every stratum has two values.
    """
    tasks = [np.asarray(values, dtype=np.float64) for values in strata]
    centre = interquartile_mean(np.concatenate(tasks)) if tasks else math.nan
    fewest = min((task.size for task in tasks), default=0)
    if fewest < 2:
        return Interval(centre, math.nan)
    bits = np.random.PCG64(0)  # its raw stream is the same in every version of numpy
    redrawn = np.concatenate([_redrawn(task, bits) for task in tasks], axis=1)
    return Interval(centre, t_quantile(fewest - 1) * float(_middle_half(redrawn).std()))


def probability_of_improvement(ours: Sequence[ArrayLike], theirs: Sequence[ArrayLike]) -> float:
    """How often our loss is the lower one, ties counting half: share of seeds, then mean over tasks.

    Agarwal et al. (2021), section 4.3, who pair every run with every other; here seeds share their random streams,
    and a run is paired with the one of its seed.

    Args:
        ours: losses of each task, each `[n_k]`.
        theirs: losses on the same tasks and seeds.

    Returns:
        NaN where there is no task.
    """
    shares = [np.mean((np.sign(np.subtract(b, a)) + 1) / 2) for a, b in zip(ours, theirs, strict=True)]
    return float(np.mean(shares)) if shares else math.nan


def paired_p_value(difference: ArrayLike) -> float:
    """Two-sided p-value of the paired t-test that `difference`, `[n]`, has mean 0; 1 for fewer than two pairs."""
    from scipy.special import stdtr

    d = np.asarray(difference, dtype=np.float64)
    if d.size < 2:
        return 1.0
    error = _standard_error(d)
    if error == 0:
        return 1.0 if d.mean() == 0 else 0.0
    return float(2 * stdtr(d.size - 1, -abs(d.mean()) / error))


def holm(p_values: ArrayLike) -> Floats:
    """P-values adjusted for their number by Holm (1979), `[n]`, in the order given."""
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * np.arange(p.size, 0, -1))
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted


def rank_groups(scores: ArrayLike) -> list[int]:
    """Ranks with ties, 1 being best, of entries that stand in descending order of their overall score.

    The first entry leads a group. The group ends before the first entry that is worse than its leader by a
    paired t-test; this entry leads the next group. Holm is over all pairs of entries, not over those with the
    leader: the leader is the best of many, and the largest of many differences is large by chance. A rank counts
    the entries before its group, so that two entries of rank 1 are followed by rank 3.

    Args:
        scores: `[entries, pairs]`, higher is better, paired by column; NaN where an entry has none. Two
            entries are compared on the pairs that both have.
    """
    table = np.asarray(scores, dtype=np.float64)
    pairs = list(combinations(range(len(table)), 2))
    ahead = [_differences(table[i], table[j]) for i, j in pairs]
    adjusted = holm([paired_p_value(difference) for difference in ahead])
    told = {pair for pair, p, d in zip(pairs, adjusted, ahead, strict=True) if p < 1 - LEVEL and d.mean() > 0}
    ranks: list[int] = []
    leader = 0
    for entry in range(len(table)):
        leader = entry if (leader, entry) in told else leader
        ranks.append(leader + 1)
    return ranks


def resolution_floor(scores: ArrayLike) -> float:
    """Median half-width of the paired differences between all entries; NaN where no two share two pairs.

    Two entries that differ by less than this are, typically, not told apart.

    Args:
        scores: `[entries, pairs]`, NaN where an entry has none.
    """
    table = np.asarray(scores, dtype=np.float64)
    differences = [_differences(table[i], table[j]) for i in range(len(table)) for j in range(i)]
    widths = [student_t_interval(d).half_width for d in differences if d.size > 1]
    return float(np.median(widths)) if widths else math.nan


def _middle_half(x: Floats) -> Floats:
    """Mean of the middle half along the last axis."""
    cut = x.shape[-1] // 4
    middle: Floats = np.sort(x, axis=-1)[..., cut : x.shape[-1] - cut].mean(axis=-1)
    return middle


def _redrawn(x: Floats, bits: np.random.PCG64) -> Floats:
    """`[RESAMPLES, n]`: `x`, `[n]`, drawn with replacement, and spread out as far as the n it was drawn from."""
    chosen = bits.random_raw((RESAMPLES, x.size)) % x.size
    redrawn: Floats = x.mean() + math.sqrt(x.size / (x.size - 1)) * (x - x.mean())[chosen]
    return redrawn


def _differences(a: Floats, b: Floats) -> Floats:
    """`a - b` on the pairs that both have."""
    difference = a - b
    return difference[~np.isnan(difference)]


def _standard_error(x: Floats) -> float:
    return float(x.std(ddof=1)) / math.sqrt(x.size)
