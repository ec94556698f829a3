"""Real and synthetic data with a weight on the real part: variance of a regular estimator.

Symbols: r = synthetic examples per fresh real one in each generation, w the weight on the real part (the
rest, 1 - w, on the synthetic part). Variances are in units of sigma^2/n, n real examples per generation; for
the mean of data of known spread the asymptotic laws are exact.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from .law import Array, law, require


@law("asymptotic", source="arXiv:2502.18049", valid="fresh real data each generation")
def weighted_variance(r: float, w: float, generations: int) -> Array:
    """Variance at generations 0..G, float `[G + 1]`: V_0 = 1, V_g = w^2 + (1 - w)^2 (1/r + V_{g-1})."""
    _check(r, w)
    variances = [1.0]
    for _ in range(generations):
        variances.append(w * w + (1 - w) ** 2 * (1 / r + variances[-1]))
    return np.array(variances)


@law("asymptotic", source="arXiv:2502.18049", valid="fresh real data each generation, G to infinity")
def weighted_variance_limit(r: float, w: float) -> float:
    """[w^2 + (1 - w)^2/r] / [1 - (1 - w)^2]; pooling without weights is w = 1/(1 + r). Infinite at w = 0."""
    _check(r, w)
    return (w * w + (1 - w) ** 2 / r) / (1 - (1 - w) ** 2) if w > 0 else math.inf


@law("asymptotic", source="arXiv:2502.18049", valid="fresh real data each generation")
def golden_weight(r: float) -> float:
    """w* = (sqrt(1 + 4r) - 1)/(2r), the weight of least stationary variance, which equals w* itself.

    At r = 1 it is the reciprocal of the golden ratio.
    """
    _check(r, 1.0)
    return (math.sqrt(1 + 4 * r) - 1) / (2 * r)


@law("asymptotic", source="derived: the real part is the same at every generation", valid="D_0 reused; w > 0")
def weighted_variance_reused_limit(r: float, w: float) -> float:
    """1 + (1 - w)^2/r / [1 - (1 - w)^2] when D_0 is the real part each time: least at w = 1, never at w*."""
    _check(r, w)
    return 1 + (1 - w) ** 2 / r / (1 - (1 - w) ** 2) if w > 0 else math.inf


@law("asymptotic", source="derived: Fisher information of a mixture near the truth", valid="n >> 1; models near P*")
def effective_sample_size(
    sizes: Sequence[int], alphas: Sequence[float], missed: float = 1.0, false_alarm: float = 0.0
) -> float:
    """Real examples that mixed sources are worth, sum_i n_i alpha_i^2 (1 + chi^2(Q_1 || Q_alpha_i)).

    Q_1 is the law of the mark of a real example, Q_alpha that of any example. Without marks (or with one that says
    nothing, missed + false_alarm = 1) it is sum n_i alpha_i^2; with marks that never err, sum n_i alpha_i.

    Args:
        sizes: n_i.
        alphas: share alpha_i of real examples in each source.
        missed: P(no mark | synthetic).
        false_alarm: P(mark | real).
    """
    require(len(sizes) == len(alphas), f"needs one alpha per size, got {len(alphas)} for {len(sizes)}")
    require(all(0 < a <= 1 for a in alphas), "alphas must lie in (0, 1]")
    require(0 <= missed <= 1 and 0 <= false_alarm <= 1, "rates of marks must lie in [0, 1]")
    total = 0.0
    for n, alpha in zip(sizes, alphas, strict=True):
        for real, synthetic in ((false_alarm, 1 - missed), (1 - false_alarm, missed)):
            if real > 0:
                total += n * (alpha * real) ** 2 / (alpha * real + (1 - alpha) * synthetic)
    return total


def _check(r: float, w: float) -> None:
    require(r > 0 and 0 <= w <= 1, f"needs r > 0 and w in [0, 1], got r={r}, w={w}")
