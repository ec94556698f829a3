"""Any regular estimator at large n: test error of M_g relative to that of M_0.

Regular means asymptotically linear: the estimate is the truth plus an average of n independent scores.
"""

from __future__ import annotations

import math

import numpy as np

from .law import Array, fits, law

ACCUMULATE_LIMIT = math.pi**2 / 6
"""Limit of `regular_accumulate`, 1.645."""

ACCUMULATE_SUBSAMPLE_LIMIT = math.pi**2 / 2 - 2
"""Limit of `regular_accumulate_subsample`, 2.935."""


@law("asymptotic", source="arXiv:2410.22812", valid="n to infinity")
def regular_replace(generations: int) -> Array:
    """Relative error t when each generation is fitted to the last synthetic set, float `[G + 1]`."""
    return fits(generations)


@law("asymptotic", source="arXiv:2410.22812", valid="n to infinity")
def regular_accumulate(generations: int) -> Array:
    """Relative error sum_{i <= t} 1/i^2 when each generation is fitted to everything so far, float `[G + 1]`."""
    return np.cumsum(1 / fits(generations) ** 2)


@law("asymptotic", source="derived: pool mean plus draw without replacement", valid="n to infinity")
def regular_accumulate_subsample(generations: int) -> Array:
    """Relative error when each generation is fitted to n rows of the pool, float `[G + 1]`.

    m_t is the error of the whole pool's estimate and 1 - 1/t that of drawing n of its t n rows; a new
    block, off by 2 - 1/t (its draw and its own noise), enters with weight 1/(t + 1):
    m_{t+1} = m_t + (2 - 1/t)/(t + 1)^2 from m_1 = 1.
    """
    t = fits(generations)
    pool = 1 + np.concatenate(([0.0], np.cumsum((2 - 1 / t) / (t + 1) ** 2)[:-1]))
    return np.asarray(pool + 1 - 1 / t)
