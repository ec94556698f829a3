"""Curation by reward: the best of K samples by a Bradley-Terry choice, as a map on distributions.

Symbols: p the model's probabilities `[m]`, r the reward of each outcome `[m]`; at every step K outcomes are
drawn from p and one is kept with probability proportional to e^r; optionally the reference p_0 is mixed
in with weight 1/(1 + lambda).
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from .law import Array, distribution, law, require


@law("exact", source="arXiv:2407.09499", valid="infinitely many samples")
def curated(p: npt.ArrayLike, reward: npt.ArrayLike, k: float) -> Array:
    """Distribution of the outcome kept out of k drawn from p, float `[m]`.

    For k = 2 it is 2 p(x) E_y sigmoid(r(x) - r(y)); for k = inf it is p e^r, normalised. Any k uses
    w/(w + W) = int_0^inf w e^{-s (w + W)} ds with w = e^r(x), W the weights of the others, so that
    the average over the others is a power of one function of s.
    """
    p = distribution(p)
    r = np.asarray(reward, dtype=np.float64)
    require(k >= 1, f"k must be at least 1, got {k}")
    weight = np.exp(r - r[p > 0].max())
    if math.isinf(k):
        return np.asarray(p * weight / np.sum(p * weight))
    # On the log scale the integrand is analytic and dies off on both sides: the trapezoid rule is exact to rounding.
    log_s = np.arange(-40.0, math.log(50 / weight[p > 0].min()), 0.05)
    decay = np.exp(-np.exp(log_s)[:, None] * weight)
    others = (decay @ p) ** (k - 1)
    chosen = 0.05 * k * np.sum(np.exp(log_s)[:, None] * weight * decay * others[:, None], axis=0)
    # A sum off by rounding would be raised to the power k in every further step.
    return np.asarray(p * chosen / np.sum(p * chosen))


@law("exact", source="arXiv:2407.09499", valid="infinitely many samples; mix = inf leaves the reference out")
def curated_loop(p: npt.ArrayLike, reward: npt.ArrayLike, k: float, mix: float, generations: int) -> Array:
    """Models at generations 0..G, float `[G + 1, m]`: p_{g+1} = (p_0 + lambda curated(p_g))/(1 + lambda).

    The reference p_0 = `p` is also the first model. `mix` is lambda > 0, synthetic examples per real one, infinite for
    curation alone; `k`, samples per choice, may be infinite too.
    """
    require(mix > 0, f"lambda must be positive, got {mix}")
    reference = distribution(p)
    real = 1 / (1 + mix)
    models = [reference]
    for _ in range(generations):
        models.append(real * reference + (1 - real) * curated(models[-1], reward, k))
    return np.array(models)


@law("bound", source="arXiv:2407.09499", valid="curation alone, any p and r")
def curated_gain(p: npt.ArrayLike, reward: npt.ArrayLike, k: float) -> float:
    """Least rise of E[e^r] in one step: (K - 1)/K Var[e^r]/e^{r_max}."""
    p = distribution(p)
    r = np.asarray(reward, dtype=np.float64)[p > 0]
    value, mass = np.exp(r), p[p > 0]
    variance = float(mass @ value**2 - (mass @ value) ** 2)
    return (1 - 1 / k) * variance / math.exp(r.max())


@law("bound", source="arXiv:2407.09499", valid="0 < lambda < 1/(K - 1)")
def curated_divergence(k: float, mix: float) -> float:
    """Largest KL(p_g || p_0), nats, at any g with the reference mixed in: -log(1 - lambda (K - 1))."""
    require(k > 1 and 0 < mix * (k - 1) < 1, f"needs 0 < lambda < 1/(K - 1), got K={k}, lambda={mix}")
    return -math.log(1 - mix * (k - 1))
