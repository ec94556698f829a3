"""Empirical proportions over K outcomes, refitted on fresh and synthetic draws.

Symbols: p the true probabilities `[K]`; n_g the draws of generation g; alpha_g the share of fresh draws in
them (generation 0 is all real). R_g = E ||phat_g - p||^2, the squared L2 error.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from .law import Array, distribution, fits, law, require

Draws = Literal["mixture", "counts"]
"""`mixture`: every draw is fresh with probability alpha. `counts`: exactly alpha n of the n draws are fresh."""


@law("exact", source="arXiv:2602.10531", valid="any sizes n_g >= 1 and shares in [0, 1]")
def categorical_error(
    p: npt.ArrayLike, sizes: Sequence[int], alphas: Sequence[float], draws: Draws = "mixture"
) -> Array:
    """R_g at generations 0..G, float `[G + 1]`.

    R_0 = (1 - ||p||^2)/n_0 and R_g = (1 - ||p||^2)/n_g + keep_g R_{g-1}, where keep is (1 - alpha)^2 less
    the spread that the model has lost: (1 - alpha)^2/n for draws from the mixture, (1 - alpha)/n for
    fixed counts. `sizes` are n_0..n_G, `alphas` alpha_1..alpha_G.
    """
    require(len(alphas) == len(sizes) - 1, f"needs one alpha per size after n_0, got {len(alphas)}")
    require(min(sizes) >= 1, f"sizes must be at least 1, got {min(sizes)}")
    require(all(0 <= a <= 1 for a in alphas), "alphas must lie in [0, 1]")
    spread = _spread(p)
    errors = [spread / sizes[0]]
    for n, alpha in zip(sizes[1:], alphas, strict=True):
        errors.append(spread / n + _kept(n, alpha, draws) * errors[-1])
    return np.array(errors)


@law("exact", source="arXiv:2602.10531", valid="constant n and alpha, generations to infinity")
def categorical_error_limit(p: npt.ArrayLike, n: int, alpha: float, draws: Draws = "mixture") -> float:
    """Limit of R_g: (1 - ||p||^2)/n / (1 - (1 - 1/n)(1 - alpha)^2) for draws from the mixture."""
    require(n >= 1 and 0 <= alpha <= 1, f"needs n >= 1 and alpha in [0, 1], got {n}, {alpha}")
    return _spread(p) / n / (1 - _kept(n, alpha, draws))


@law("exact", source="derived: variance of a pool's mean", valid="any m >= 1 and alpha in [0, 1]; counts fixed")
def categorical_accumulate(p: npt.ArrayLike, m: int, alpha: float, generations: int) -> Array:
    """R_g when everything is kept and m draws are added a generation, alpha m of them real, float `[G + 1]`.

    With t = g + 1 blocks, R_g+1 = (1 - alpha/(t + 1))^2 R_g + [(1 - ||p||^2) - (1 - alpha) R_g]/(m (t + 1)^2) from
    R_0 = (1 - ||p||^2)/m. It falls like t^-min(2 alpha, 1).
    """
    require(m >= 1 and 0 <= alpha <= 1, f"needs m >= 1 and alpha in [0, 1], got {m}, {alpha}")
    spread = _spread(p)
    errors = [spread / m]
    for t in range(2, generations + 2):
        noise = (spread - (1 - alpha) * errors[-1]) / (m * t * t)
        errors.append((1 - alpha / t) ** 2 * errors[-1] + noise)
    return np.array(errors)


@law("asymptotic", source="arXiv:2412.17646 (docs/tail-generations.md)", valid="count << n, constant n, alpha = 0")
def forgotten(count: int, generations: int) -> Array:
    """P(an outcome that D_0 shows `count` times is missing from M_g), float `[G + 1]`: q_g^count.

    q_0 = 0 and q_{g+1} = e^{q_g - 1}: each copy leaves a Poisson number of copies, one on average. As q_g tends to
    1 - 2/g, it is e^{-2 count/g}: the time until it is forgotten is proportional to the first count.
    """
    require(count >= 1, f"count must be at least 1, got {count}")
    lost = [0.0]
    for _ in range(generations):
        lost.append(math.exp(lost[-1] - 1))
    return np.asarray(np.array(lost) ** count)


@law("exact", source="arXiv:2602.10531", valid="draws from the mixture")
def categorical_size_to_improve(p: npt.ArrayLike, alpha: float, previous: float) -> float:
    """The n_g above which R_g falls below R_{g-1} = `previous`; infinite where no size is enough.

    After the first fit it exceeds n_0 (for n_0 > 1): to do better than the real data did, n_g has to grow.
    """
    require(0 <= alpha <= 1 and previous > 0, f"needs alpha in [0, 1] and a positive error, got {alpha}, {previous}")
    missing = _spread(p) - (1 - alpha) ** 2 * previous
    gain = previous * (1 - (1 - alpha) ** 2)
    if missing <= 0:
        return 0.0
    return missing / gain if gain > 0 else math.inf


@law("exact", source="derived: Gini-Simpson index under multinomial resampling", valid="alpha = 0, constant n")
def categorical_diversity(p: npt.ArrayLike, n: int, generations: int) -> Array:
    """E[1 - sum phat^2] = (1 - ||p||^2)(1 - 1/n)^t without fresh draws, float `[G + 1]`."""
    return np.asarray(_spread(p) * (1 - 1 / n) ** fits(generations))


@law("exact", source="arXiv:2404.02325", valid="infinitely many draws per generation; temperature > 0")
def tempered(p: npt.ArrayLike, temperature: float, generations: int) -> Array:
    """Model after 0..G generations of sampling at a temperature, float `[G + 1, K]`: p^(1/T^g), normalised.

    T < 1 drives it to the most probable outcomes, T > 1 to the uniform distribution over its support, each
    monotonically in entropy; T = 1 leaves it alone.
    """
    require(temperature > 0, f"temperature must be positive, got {temperature}")
    with np.errstate(divide="ignore"):
        logits = np.log(distribution(p))
    shifted = (logits - logits.max()) * temperature ** -(fits(generations)[:, None] - 1)
    weights = np.exp(shifted)
    return np.asarray(weights / weights.sum(1, keepdims=True))


def entropy(p: Array) -> Array:
    """Entropy along the last axis, nats."""
    return np.asarray(-np.sum(p * np.log(np.where(p > 0, p, 1.0)), axis=-1))


def zipf(outcomes: int, exponent: float = 1.0) -> Array:
    """Probabilities proportional to rank^-exponent, float `[outcomes]`."""
    weights = np.arange(1.0, outcomes + 1) ** -exponent
    return np.asarray(weights / weights.sum())


def _spread(p: npt.ArrayLike) -> float:
    return float(1 - np.sum(distribution(p) ** 2))


def _kept(n: int, alpha: float, draws: Draws) -> float:
    require(draws in ("mixture", "counts"), f"draws must be 'mixture' or 'counts', got {draws!r}")
    lost = (1 - alpha) ** 2 if draws == "mixture" else 1 - alpha
    return (1 - alpha) ** 2 - lost / n
