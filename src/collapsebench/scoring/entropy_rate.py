"""The entropy rate of a text from how far each of its parts was said before: low for loops, high for noise."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]


def running_match_lengths(tokens: IntArray) -> NDArray[np.float64]:
    """Σ_{i ≤ m} Λ_i / log2(i + 1) for m = 1 .. n, float64 `[n]`; the first m tokens have the rate m over its m-th.

    Λ_i is the length of the shortest run of tokens from place i on that begins at no earlier place. A run longer than
    log2(i) / H becomes unlikely in a text of H bits per token, so that m over the sum tends to H (Grassberger, 1989;
    Kontoyiannis et al., IEEE Trans. Inf. Theory 44, 1998, estimator (b)). At a finite m it is too low for noise and
    too high for long loops; two texts are compared at the same m.

    Args:
        tokens: int64 `[n]`.
    """
    places = np.arange(1, len(tokens) + 1)
    return np.cumsum((longest_earlier_matches(tokens) + 1) / np.log2(places + 1))


def longest_earlier_matches(tokens: IntArray) -> IntArray:
    """The length of the longest run from each place on that also begins at an earlier place, int64 `[n]`.

    In n log n steps: suffixes are sorted by doubling, and a suffix has its longest match in a neighbour in the sorted
    order once all that begin later are gone.
    """
    n = len(tokens)
    if not n:
        return np.empty(0, np.int64)
    ranks = _ranks(tokens)
    common = [0, *_common_lengths(ranks).tolist(), 0]  # with the suffix before
    before, after = list(range(-1, n - 1)), list(range(1, n + 1))
    longest = np.empty(n, np.int64)
    for place, rank in zip(range(n - 1, -1, -1), ranks[-1][::-1].tolist(), strict=True):
        left, right = before[rank], after[rank]
        longest[place] = max(common[rank], common[right])
        common[right] = min(common[rank], common[right])
        if right < n:
            before[right] = left
        if left >= 0:
            after[left] = right
    return longest


def _ranks(tokens: IntArray) -> list[IntArray]:
    """The rank of each suffix by its first 1, 2, 4, ... tokens, until all differ; an ended suffix comes first."""
    n, length = len(tokens), 1
    ranks = [np.unique(tokens, return_inverse=True)[1].astype(np.int64)]
    while ranks[-1].max() < n - 1:
        following = np.full(n, -1, np.int64)
        following[: n - length] = ranks[-1][length:]
        pairs = ranks[-1] * (n + 1) + following
        ranks.append(np.unique(pairs, return_inverse=True)[1].astype(np.int64))
        length *= 2
    return ranks


def _common_lengths(ranks: list[IntArray]) -> IntArray:
    """How many first tokens each suffix shares with the next one in sorted order, int64 `[n − 1]`."""
    n = len(ranks[-1])
    order = np.argsort(ranks[-1])
    one, other = order[:-1].copy(), order[1:].copy()
    common = np.zeros(n - 1, np.int64)
    for level in range(len(ranks) - 2, -1, -1):
        length = 1 << level
        fits = np.maximum(one, other) + length <= n
        same = fits & (ranks[level][np.where(fits, one, 0)] == ranks[level][np.where(fits, other, 0)])
        step = np.where(same, length, 0)
        common, one, other = common + step, one + step, other + step
    return common
