"""Scaling with a cut tail: a memorising model of outcomes p_i proportional to i^-beta, i = 1..N, beta > 1.

The model is right on an outcome once it has seen it. The error is the clean probability of outcomes not
seen in T training draws. c = (beta - 1)/beta is the clean exponent. `docs/tail-generations.md` derives what
generations of models add.
"""

from __future__ import annotations

import math

import numpy as np

from .categorical import zipf
from .law import Array, law, require


@law("exact", source="arXiv:2402.07043", valid="independent draws; any N")
def memorising_error(beta: float, draws: int, outcomes: int, cut: int | None = None) -> float:
    """sum_i p_i (1 - q_i)^T, where the T draws come from q: p itself, or p cut after rank `cut`, renormalised."""
    require(draws >= 0, f"draws must be at least 0, got {draws}")
    p = zipf(outcomes, beta)
    q = p.copy()
    if cut is not None:
        require(1 <= cut <= outcomes, f"cut must lie in 1..{outcomes}, got {cut}")
        q[cut:] = 0
        q /= q.sum()
    return float(np.sum(p * (1 - q) ** draws))


@law("asymptotic", source="arXiv:2402.07043", valid="1 << T, cut << N; beta > 1")
def tail_scaling(beta: float, draws: float, cut: float | None = None) -> float:
    """A T^-c + B k^-(beta - 1), the second term only for a tail cut at rank k = `cut`.

    A = Z^(-1/beta) Gamma(c)/beta and B = 1/(Z (beta - 1)) with Z = zeta(beta), from the sums' integrals.
    """
    from scipy.special import zeta

    c = tail_exponent(beta)
    z = float(zeta(beta))
    clean = float(z ** (-1 / beta) * math.gamma(c) / beta * draws**-c)
    return clean if cut is None else clean + float(cut ** (1 - beta)) / (z * (beta - 1))


@law("asymptotic", source="arXiv:2402.07043", valid="T_0 >> 1; up to a constant")
def effective_cut(beta: float, generator_draws: float) -> float:
    """Rank k ~ T_0^(1/beta) at which a generator that saw T_0 draws cuts the tail."""
    require(beta > 1, f"beta must exceed 1, got {beta}")
    return float(generator_draws ** (1 / beta))


@law("asymptotic", source="derived: docs/tail-generations.md", valid="1 << T; generations << T; T draws in each")
def tail_generations(beta: float, generations: int) -> Array:
    """Error of M_g relative to that of M_0, each fitted to T draws from the last, float `[G + 1]`: a_g^-c.

    a_0 = 1 and a_{g+1} = 1 - e^{-a_g}: an outcome that T real draws would show lambda times on average is missing
    from M_g with probability e^{-lambda a_g}. It grows like (g/2)^c, not by the same loss in each generation.
    """
    shrunk = [1.0]
    for _ in range(generations):
        shrunk.append(-math.expm1(-shrunk[-1]))
    return np.asarray(np.array(shrunk) ** -tail_exponent(beta))


def tail_exponent(beta: float) -> float:
    """C = (beta - 1)/beta, the slope of the clean law in log-log."""
    require(beta > 1, f"beta must exceed 1, got {beta}")
    return (beta - 1) / beta
