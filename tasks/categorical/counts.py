"""How often a token stands in what a model is fitted to: a chain of binomial draws, followed exactly."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

FloatArray = NDArray[np.float64]


@lru_cache(maxsize=16)
def lost_and_entropy(p: tuple[float, ...], rows: int, generations: int, pool: bool) -> tuple[FloatArray, FloatArray]:
    """Expected share of the outcomes that M_t cannot produce, and E entropy of M_t in nats, both `[G + 1]`.

    A token that stands k times among N rows stands Binomial(rows, k / N) times among those drawn next (Wright and
    Fisher's chain). A model is fitted to the newest rows, or, with `pool`, to all so far.

    Args:
        p: probabilities of the outcomes, all positive.
        rows: drawn in each generation.
        generations: t after the fit to real rows.
        pool: whether older rows are kept.
    """
    added, lost, entropy = np.arange(rows + 1), [], []
    law: FloatArray = np.asarray(binom.pmf(added, rows, np.array(p)[:, None]))
    for _ in range(generations + 1):
        size = law.shape[1] - 1
        share = np.arange(size + 1) / size
        lost.append(law[:, 0].mean())
        entropy.append(-(law[:, 1:] @ (share[1:] * np.log(share[1:]))).sum())
        drawn = binom.pmf(added, rows, share[:, None])
        law = _sums(law, drawn) if pool else law @ drawn
    return np.array(lost), np.array(entropy)


def _sums(law: FloatArray, drawn: FloatArray) -> FloatArray:
    """Distributions of k + j: k as the rows of `law` `[m, N + 1]` say, j as row k of `drawn` `[N + 1, rows + 1]`."""
    total = np.zeros((len(law), law.shape[1] + drawn.shape[1] - 1))
    for j in range(drawn.shape[1]):
        total[:, j : j + law.shape[1]] += law * drawn[:, j]
    return total
