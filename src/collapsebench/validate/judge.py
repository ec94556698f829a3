"""Judge: hold the numbers of a claim against its law."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..laws import Array
from .claim import Claim

LARGEST_Z = 4.0
"""Standard errors by which an exact law may be missed."""

POWER_Z = 2.0
"""Standard errors beyond a gate at which it refuses 98 of 100 runs."""

LARGEST_DETECTED = 0.05
"""Relative error that a law's claims must detect for the law to count."""


@dataclass(frozen=True)
class Verdict:
    """What became of a claim, at the judged point where it did worst.

    Args:
        seeds: cells per setting.
        where: the point, e.g. `generation 10`.
        theory: the law there.
        measured: mean over seeds there.
        standard_error: of the mean.
        deviation: in standard errors, or relative to the theory under the gates `asymptotic` and `slope`.
        detects: smallest relative error of what is measured, up or down, that the gate refuses in 98 of 100 runs, at
            the judged point where it is smallest; infinite for a direction.
        x: all points; there the law is `curve`, the mean over seeds `mean` and its standard error `error`.
    """

    claim: Claim
    seeds: int
    where: str
    theory: float
    measured: float
    standard_error: float
    deviation: float
    detects: float
    passed: bool
    x: Array
    curve: Array
    mean: Array
    error: Array

    @property
    def in_errors(self) -> bool:
        """Whether the deviation counts standard errors."""
        return self.claim.gate not in ("asymptotic", "slope")

    @property
    def counts(self) -> bool:
        """Whether this claim, which holds, would not have held with a fault of 5 %."""
        return self.passed and self.detects <= LARGEST_DETECTED


def judge(claim: Claim, samples: Array) -> Verdict:
    """The verdict on a claim from its numbers, float `[seeds, points]`."""
    curve = np.asarray(claim.theory, dtype=np.float64)
    mean, error = _estimate(claim, samples)
    points = np.arange(len(mean), dtype=np.intp)[slice(None) if claim.judged is None else list(claim.judged)]
    x = np.arange(float(len(mean))) if claim.x is None else np.array(claim.x)
    if claim.gate == "slope":
        numbers, passed = _slope(claim, x[points], curve[points], samples[:, points])
        where, detects = "exponent", claim.largest_error + abs(numbers[3]) + POWER_Z * abs(numbers[2] / numbers[0])
    else:
        late = points[points > 0] if len(claim.settings) == 1 and points.any() else points  # faults begin at t = 1
        detects = _detected(claim, curve[late], mean[late], error[late])
        deviations = _deviations(claim, samples[:, points], curve[points], mean[points], error[points])
        badness = _badness(claim, deviations)
        worst = int(np.argmax(badness))
        at = points[len(points) - len(deviations) + worst]
        numbers = (float(curve[at]), float(mean[at]), float(error[at]), float(deviations[worst]))
        passed, where = _passes(claim, float(badness.max())), f"{claim.axis} {x[at]:g}"
    return Verdict(claim, len(samples), where, *numbers, detects, passed, x, curve, mean, error)


def _estimate(claim: Claim, samples: Array) -> tuple[Array, Array]:
    """Mean over seeds and its standard error; of the ratio to the first point where the claim is relative."""
    mean = samples.mean(0)
    if claim.relative:
        first, mean = mean[0], mean / mean[0]
        samples = (samples - mean * samples[:, :1]) / first  # the ratio's linearisation
    return mean, samples.std(0, ddof=1) / math.sqrt(len(samples))


def _deviations(claim: Claim, samples: Array, curve: Array, mean: Array, error: Array) -> Array:
    if claim.gate in ("rising", "falling"):
        steps = np.diff(samples, axis=1)
        return _in_errors(steps.mean(0), steps.std(0, ddof=1) / math.sqrt(len(samples)), 0.0)
    if claim.gate == "asymptotic":
        return np.asarray(mean / curve - 1)
    return _in_errors(mean - curve, error, np.abs(curve))


def _detected(claim: Claim, curve: Array, mean: Array, error: Array) -> float:
    """What the gate leaves open, and the noise beyond it, relative to what is measured.

    An inequality leaves open how far the measurement is on its good side; a law in a limit, how far that is away.
    """
    if claim.gate in ("rising", "falling"):
        return math.inf
    scale = np.abs(mean)
    if claim.gate == "exact":
        open_, scale = LARGEST_Z * error, np.abs(curve)
    elif claim.gate == "asymptotic":
        open_ = claim.largest_error * np.abs(curve) + np.abs(mean - curve)
    else:
        side = curve - mean if claim.gate == "at_most" else mean - curve
        open_ = np.maximum(side, 0.0) + LARGEST_Z * error
    relative = np.divide(open_ + POWER_Z * error, scale, out=np.full_like(scale, math.inf), where=scale > 0)
    return float(np.min(np.where(np.isnan(relative), math.inf, relative)))


def _in_errors(difference: Array, error: Array, scale: Array | float) -> Array:
    """Difference over error; a number that is the same in every seed is right or infinitely wrong, up to rounding."""
    exact = np.abs(difference) <= 1e-9 * np.maximum(scale, 1e-3)
    return np.where(exact, 0.0, difference / np.maximum(error, 1e-300))


def _badness(claim: Claim, deviations: Array) -> Array:
    one_sided = {"at_most": deviations, "falling": deviations, "at_least": -deviations, "rising": -deviations}
    badness = one_sided.get(claim.gate, np.abs(deviations))
    return np.where(np.isnan(badness), math.inf, badness)


def _passes(claim: Claim, worst: float) -> bool:
    if claim.gate == "asymptotic":
        return worst <= claim.largest_error
    return worst < (-LARGEST_Z if claim.gate in ("rising", "falling") else LARGEST_Z)


def _slope(claim: Claim, x: Array, curve: Array, samples: Array) -> tuple[tuple[float, float, float, float], bool]:
    """Exponent of the law and of the means, the latter's jackknife error, relative error; whether it passes."""
    seeds = len(samples)
    means = (samples.mean(0), *((samples.sum(0) - samples) / (seeds - 1)))
    law, found, *left_out = (float(np.polyfit(np.log(x), np.log(y), 1)[0]) for y in (curve, *means))
    error = math.sqrt((seeds - 1) * np.var(left_out))
    return (law, found, error, found / law - 1), abs(found / law - 1) <= claim.largest_error
