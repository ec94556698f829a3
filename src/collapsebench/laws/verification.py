"""Synthetic labels behind a noisy verifier.

Symbols: p = P(a synthetic label is wrong), phi = P(keep | right), psi = P(keep | wrong).
"""

from __future__ import annotations

import math

import numpy as np

from .law import Array, law, require


@law("exact", source="arXiv:2406.07515 (Bayes' rule)", valid="p, phi, psi in [0, 1], something is kept")
def kept_precision(wrong: float, phi: float, psi: float) -> float:
    """P(right | kept) = (1 - p) phi / ((1 - p) phi + p psi)."""
    kept = keep_rate(wrong, phi, psi)
    require(kept > 0, "the verifier keeps nothing")
    return (1 - wrong) * phi / kept


@law("exact", source="arXiv:2406.07515 (Bayes' rule)", valid="p, phi, psi in [0, 1]")
def keep_rate(wrong: float, phi: float, psi: float) -> float:
    """P(keep) = (1 - p) phi + p psi."""
    _probabilities(wrong, phi, psi)
    return (1 - wrong) * phi + wrong * psi


@law("asymptotic", source="arXiv:2406.07515", valid="many kept examples; linear classifier, errors independent of x")
def breakdown_point(phi: float, psi: float) -> float:
    """p* = 1/(1 + psi/phi): a classifier trained on the kept set is right for p < p* and wrong for p > p*.

    No verifier (phi = psi) gives 1/2, a perfect one (psi = 0) gives 1.
    """
    _probabilities(phi, psi)
    require(phi + psi > 0, "the verifier keeps nothing")
    return phi / (phi + psi)


@law("exact", source="derived: mean of a truncated normal; behaviour stated in arXiv:2510.16657", valid="many samples")
def verified_mean(mean: float, centre: float, radius: float, sigma: float, generations: int) -> Array:
    """Mean of a N(mean, sigma^2) model of known spread, refitted to kept samples |x - centre| <= radius, `[G + 1]`.

    It converges to the verifier's centre, wherever the truth is.
    """
    require(radius > 0 and sigma > 0, f"radius and sigma must be positive, got {radius}, {sigma}")
    means = [mean]
    for _ in range(generations):
        low, high = ((centre + side * radius - means[-1]) / sigma for side in (-1, 1))
        inside = math.erfc(-high / math.sqrt(2)) / 2 - math.erfc(-low / math.sqrt(2)) / 2
        require(inside > 0, "the verifier's window is too far from the model to be reached in double precision")
        means.append(means[-1] + sigma * (_pdf(low) - _pdf(high)) / inside)
    return np.array(means)


def _pdf(z: float) -> float:
    return math.exp(-z * z / 2) / math.sqrt(2 * math.pi)


def _probabilities(*values: float) -> None:
    require(all(0 <= value <= 1 for value in values), f"probabilities must lie in [0, 1], got {values}")
