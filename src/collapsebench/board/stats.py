"""Statistics of a board: intervals over seeds, paired differences, ratios of means, and a test between two entries.

Pure functions on arrays. All intervals claim 95 % and are two-sided; docs/statistics.md says of what, and how often
they were right in simulations.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

LEVEL = 0.95
"""Coverage that every interval on a board claims."""

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


def t_quantile(freedom: float, coverage: float = LEVEL) -> float:
    """The Student-t quantile of a two-sided interval."""
    from scipy.special import stdtrit  # scipy.stats takes seconds to import

    return float(stdtrit(freedom, (1 + coverage) / 2))


def student_t_interval(values: ArrayLike) -> Interval:
    """Mean of `values`, `[n]`, with the Student-t half-width over them.

    Returns:
        NaN as half-width for a single value, NaN twice for none.
    """
    x = np.asarray(values, dtype=np.float64)
    if x.size < 2:
        return Interval(float(x.mean()) if x.size else math.nan, math.nan)
    with np.errstate(over="ignore", invalid="ignore"):  # what methods log may be of any size
        return Interval(float(x.mean()), t_quantile(x.size - 1) * _standard_error(x))


def paired_gap(worse: ArrayLike, better: ArrayLike) -> PairedGap:
    """By how much `worse` exceeds `better`, both `[n]` and paired by position."""
    d = np.asarray(worse, dtype=np.float64) - np.asarray(better, dtype=np.float64)
    error = _standard_error(d) if d.size > 1 else math.nan
    return PairedGap(float(d.mean()) if d.size else math.nan, error, d.size)


def jackknife_half_width(left_out: ArrayLike) -> Floats:
    """Half-widths of Student-t intervals from statistics with each of n observations left out, `[..., n]` -> `[...]`.

    NaN for a single observation.
    """
    values = np.asarray(left_out, dtype=np.float64)
    n = values.shape[-1]
    return np.asarray(t_quantile(n - 1) * np.sqrt((n - 1) * values.var(-1)))


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
    return Interval(_ratio(sums.sum(1)), float(jackknife_half_width([_ratio(pair) for pair in left_out.T])))


def _ratio(pair: Floats) -> float:
    return float(pair[0] / pair[1]) if pair[1] else math.nan


EXACT_PAIRS = 12
"""Up to this many pairs every pattern of swaps is tried; above, as many patterns at random."""


def swap_p_values(
    ours: Sequence[ArrayLike],
    theirs: Sequence[ArrayLike],
    scores: Sequence[Callable[[Floats], Floats]],
    most: float = 1.0,
) -> Floats:
    """Two-sided p-values that an entry and others are alike: stratified sign-flip permutations of what is shown.

    If two are alike, their two losses of a (setting, seed) may be swapped. The statistic is the mean over settings of
    the difference between the scores of the two mean losses.

    Args:
        ours: losses in each setting, `[n_k]`.
        theirs: losses in the same settings, with the same seeds, `[others, n_k]`.
        scores: for each setting, mean losses `[others, patterns]` -> scores `[others, patterns]`.
        most: a p-value above it may stand for a larger one, which takes longer to know.

    Returns:
        `[others]`; 1 where there is no pair. No less than two to the power 1 - pairs.
    """
    pairs = sum(map(np.size, ours))
    tables, start = list[tuple[Floats, NDArray[np.intp]]](), 0
    for own, other, score in zip(ours, theirs, scores, strict=True):
        first, second = np.asarray(own, dtype=np.float64), np.asarray(other, dtype=np.float64)[:, None, :]
        swap, places = _swaps_of(pairs, start, first.size)
        start += first.size
        gaps = score(np.where(swap, second, first).mean(-1)) - score(np.where(swap, first, second).mean(-1))
        tables.append((gaps, places))
    patterns = len(_swaps(pairs))

    def extreme(some: slice | NDArray[np.intp], part: slice) -> NDArray[np.intp]:
        """How many patterns of a part are at least as far from 0 as what was seen, for some of the others."""
        statistic, seen = (sum(gaps[some][:, places[one]] for gaps, places in tables) for one in (part, slice(1)))
        return np.asarray(np.count_nonzero(np.abs(statistic) >= np.abs(seen) * (1 - 1e-9), axis=-1))

    if not tables:
        return np.ones(1)
    found = extreme(slice(None), slice(_SOME))
    open_ones = np.flatnonzero(found <= most * patterns)
    found[open_ones] += extreme(open_ones, slice(_SOME, None))
    return found / patterns


_SOME = 256
"""Patterns that are tried first: most pairs that are alike show it in them."""


@cache
def _swaps_of(pairs: int, start: int, count: int) -> tuple[NDArray[np.bool_], NDArray[np.intp]]:
    """The patterns of some of the pairs, each once, `[distinct, count]`, and which of them each pattern has there."""
    swaps, places = np.unique(_swaps(pairs)[:, start : start + count], axis=0, return_inverse=True)
    return swaps, places.reshape(-1)


@cache
def _swaps(pairs: int) -> NDArray[np.bool_]:
    """Patterns of swaps, `[patterns, pairs]`, the first of which swaps nothing."""
    if pairs <= EXACT_PAIRS:
        return np.asarray((np.arange(2**pairs)[:, None] >> np.arange(pairs)) % 2, dtype=np.bool_)
    bits = np.random.PCG64(0)  # its raw stream is the same in every version of numpy
    drawn = np.asarray(bits.random_raw((2**EXACT_PAIRS, pairs)) % 2, dtype=np.bool_)
    drawn[0] = False
    return drawn


def _standard_error(x: Floats) -> float:
    return float(x.std(ddof=1)) / math.sqrt(x.size)
