"""Distances between a fitted distribution and the real one, where both are known exactly."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch


def w2_to_standard_normal(mean: Sequence[float], variances: Sequence[float]) -> float:
    """Squared 2-Wasserstein distance between N(mean, diag(variances)) and N(0, I).

    Any normal has this form along its principal axes, and N(0, I) looks the same along any axes.

    Args:
        mean: coordinates along the principal axes.
        variances: eigenvalues of the covariance, zero allowed.
    """
    return math.fsum([m * m + (math.sqrt(v) - 1.0) ** 2 for m, v in zip(mean, variances, strict=True)])


def kl_from_standard_normal(mean: Sequence[float], variances: Sequence[float]) -> float:
    """KL(N(0, I) ‖ N(mean, diag(variances))) in nats: the excess NLL of the model on real data.

    Infinite if a variance is zero up to the rounding error of the largest one.

    Args:
        mean: coordinates along the principal axes.
        variances: eigenvalues of the covariance.
    """
    if min(variances) <= 4 * len(variances) * 2.0**-52 * max(variances):
        return math.inf
    return 0.5 * math.fsum([(1.0 + m * m) / v - 1.0 + math.log(v) for m, v in zip(mean, variances, strict=True)])


def squared_l2(tables: torch.Tensor, law: torch.Tensor) -> float:
    """Squared Euclidean distance between rows of `tables` and `law`, both `[c, k]`, mean over rows."""
    return float((tables - law).square().sum()) / len(law)


def entropy(tables: torch.Tensor) -> float:
    """Shannon entropy of each row of probabilities `[c, k]`, nats, mean over rows."""
    return float(torch.special.entr(tables).sum()) / len(tables)


def support_lost(tables: torch.Tensor, possible: torch.Tensor) -> float:
    """Share of the possible outcomes (bool `[c, k]`) that have probability 0 in `tables` `[c, k]`."""
    lost = possible.logical_and(tables == 0)
    return lost.sum().item() / possible.sum().item()


def rarest_half(law: torch.Tensor) -> torch.Tensor:
    """The rarer half (rounded down) of the possible outcomes of each row of probabilities `[c, k]`, bool `[c, k]`."""
    possible = law > 0
    rank = law.argsort(dim=1, descending=True, stable=True).argsort(dim=1)
    outcomes = possible.sum(1, keepdim=True)
    return possible & (rank >= outcomes - outcomes // 2)


def mass(tables: torch.Tensor, outcomes: torch.Tensor) -> float:
    """Probability of a set of outcomes (bool or float `[c, k]`) under `tables` `[c, k]`, mean over rows."""
    return (tables.flatten() @ outcomes.flatten().to(tables.dtype)).item() / len(tables)
