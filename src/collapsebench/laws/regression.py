"""Least squares on y = x.w* + noise, x ~ N(0, I_d), n examples per generation: E ||w_g - w*||^2.

Symbols: sigma2 the noise variance, also added to every synthetic label; d the dimension.
"""

from __future__ import annotations

import math

import numpy as np

from .law import Array, fits, law, require


@law("exact", source="mean of an inverse Wishart matrix", valid="n >= d + 2; infinite at n = d and n = d + 1")
def regression_error(n: int, d: int, sigma2: float) -> float:
    """Error v = sigma2 d / (n - d - 1) of one fit on real data.

    It says nothing of n < d, where the min-norm solution is biased.
    """
    require(n >= d >= 1, f"needs n >= d >= 1, got n={n}, d={d}")
    return sigma2 * d / (n - d - 1) if n > d + 1 else math.inf


@law("exact", source="arXiv:2402.07712", valid="n >= d + 2; the same or a fresh design at each generation")
def regression_replace(n: int, d: int, sigma2: float, generations: int) -> Array:
    """T v when each generation is fitted to the labels of the last model, float `[G + 1]`."""
    return regression_error(n, d, sigma2) * fits(generations)


@law("exact", source="arXiv:2404.01413", valid="n >= d + 2; the same design at each generation")
def regression_accumulate(n: int, d: int, sigma2: float, generations: int) -> Array:
    """V sum_{i <= t} 1/i^2 when one design is relabelled and everything is kept, float `[G + 1]`."""
    return np.asarray(regression_error(n, d, sigma2) * np.cumsum(1 / fits(generations) ** 2))


@law("exact", source="derived: w_t - w_{t-1} = (X'X of the pool)^{-1} X_t' noise_t", valid="n >= d + 2")
def regression_accumulate_fresh(n: int, d: int, sigma2: float, generations: int) -> Array:
    """sigma2 d sum_{i <= t} 1/(i (i n - d - 1)): everything kept, a fresh design each time, float `[G + 1]`."""
    t = fits(generations)
    first = regression_error(n, d, sigma2)
    later = sigma2 * d / (t[1:] * (t[1:] * n - d - 1))
    return np.cumsum(np.concatenate(([first], later)))
