"""Gaussian with maximum-likelihood covariance (divisor n), every generation of n examples.

Symbols: s = E tr(covariance of M_g) and m = E ||mean of M_g - true mean||^2, both in units of d sigma^2
for real data N(mu, sigma^2 I_d). The laws hold for any d.
"""

from __future__ import annotations

import math

import numpy as np

from .law import Array, fits, law, require


@law("exact", source="arXiv:2410.16713", valid="any n >= 1")
def gaussian_replace(n: int, generations: int) -> Array:
    """Spread s when each generation is fitted to the last n synthetic examples: (1 - 1/n)^t, float `[G + 1]`."""
    return (1 - 1 / _size(n)) ** fits(generations)


@law("exact", source="arXiv:2410.16713", valid="any n >= 1")
def gaussian_accumulate(n: int, generations: int) -> Array:
    """Spread s when everything is kept: prod_{i <= t} (1 - 1/(n i^2)), float `[G + 1]`."""
    return np.asarray(np.cumprod(1 - 1 / (_size(n) * fits(generations) ** 2)))


@law("exact", source="arXiv:2410.16713 (Euler's product for the sine)", valid="any n >= 1, generations to infinity")
def gaussian_accumulate_limit(n: int) -> float:
    """Limit of `gaussian_accumulate`: sin(pi / sqrt n) / (pi / sqrt n)."""
    return float(np.sinc(1 / math.sqrt(_size(n))))


@law("exact", source="derived: variance of a draw without replacement", valid="any n >= 1")
def gaussian_accumulate_subsample(n: int, generations: int) -> Array:
    """Spread s when each generation is fitted to n rows of the pool drawn without replacement, float `[G + 1]`.

    P_t is the expected spread of the pool's t n rows about their own mean. The drawn rows' mean is off the
    pool's by a_t P_t, a_t = (t - 1)/(t n - 1), which leaves them the spread s = P_t (1 - a_t). The next
    block's mean is off by that and its own sampling error s/n, and pooling t blocks with one more gives
    P_{t+1} = P_t [1 - (a_t + (1 - a_t)/n)/(t + 1)^2] from P_1 = 1 - 1/n.
    """
    t = fits(generations)
    offset = np.divide(t - 1, t * _size(n) - 1, out=np.zeros_like(t), where=t > 1)
    shrink = 1 - (offset + (1 - offset) / n) / (t + 1) ** 2
    pool = (1 - 1 / n) * np.concatenate(([1.0], np.cumprod(shrink[:-1])))
    return np.asarray(pool * (1 - offset))


@law("exact", source="derived: every fit is a second one", valid="any n >= 1")
def gaussian_first_teacher(n: int, generations: int) -> Array:
    """Spread s when each generation is fitted to n new examples of M_0, float `[G + 1]`: that of two fits, for ever."""
    return (1 - 1 / _size(n)) ** np.minimum(fits(generations), 2)


@law("exact", source="derived: the fit on own samples has (1 - 1/n) of the spread", valid="n >= d; small w")
def gaussian_extrapolated_spread(n: int, w: float, generations: int) -> Array:
    """Spread s under negative extrapolation, float `[G + 1]`: (1 - 1/n)(1 + w/n)^g.

    Mean and covariance become 1 + w times those of M_{g-1} less w times those fitted to n of its samples.
    """
    return np.asarray((1 - 1 / _size(n)) * (1 + w / n) ** (fits(generations) - 1))


@law("exact", source="derived: the step is w times a sampling error", valid="n >= d; small w")
def gaussian_extrapolated_error(n: int, w: float, generations: int) -> Array:
    """Error m of the mean under negative extrapolation, float `[G + 1]`: it grows by w^2 s/n a generation from 1/n."""
    steps = w * w * gaussian_extrapolated_spread(n, w, generations)[:-1] / n
    return np.asarray(1 / n + np.concatenate(([0.0], np.cumsum(steps))))


@law("exact", source="derived: E of the second moment about the truth stays 1", valid="any n >= 1")
def gaussian_mean_error(spread: Array) -> Array:
    """Error m of the mean from the spread: s + m = 1 under replace, accumulate and accumulate-subsample alike."""
    return 1 - spread


def _size(n: int) -> int:
    require(n >= 1, f"n must be at least 1, got {n}")
    return n
