"""Claims on weights: variance of a normal's mean where each generation sees n real and r n synthetic examples."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ... import laws
from ..claim import Claim, Metric, Seen, Setting

D, N, GENERATIONS = 50, 400, 24
"""At this n the fitted spread, which the laws take as known, is within 1 % of the truth."""

UNIT = D / N
"""Sigma2/n, summed over the coordinates."""


def claims() -> list[Claim]:
    """The weight of the golden ratio at three ratios, no weights, and real data that are the same each time.

    N fresh and n synthetic examples without weights are w = 1/2.
    """
    pooled = _setting("fresh_mix", {"alpha": 0.5, "size": 2.0, "draws": "counts"})
    reused, limit = _setting("golden_ratio", {"real": "first"}), laws.weighted_variance_reused_limit
    return [
        *(claim for r in (0.5, 1.0, 4.0) for claim in _golden(r)),
        _stationary("weighted_variance_limit", pooled, laws.weighted_variance_limit(1.0, 0.5)),
        _stationary("weighted_variance_reused_limit", reused, limit(1.0, laws.golden_weight(1.0))),
    ]


@dataclass(frozen=True)
class Lately:
    """A probe: a metric averaged over the newest generations, in units of the law."""

    name: str
    unit: float
    generations: int = 12

    def __call__(self, seen: Seen) -> float:
        """Over fewer, at the start."""
        return float(np.mean([record.metrics[self.name] for record in seen.records[-self.generations :]])) / self.unit


def _setting(method: str, params: dict[str, object], synthetic: int | None = None) -> Setting:
    return Setting("gaussian", N, GENERATIONS, method, {"d": D}, params, synthetic)


def _golden(r: float) -> list[Claim]:
    setting, weight = _setting("golden_ratio", {}, round(r * N)), laws.golden_weight(r)
    what, curve = "‖μ̂‖² in σ²d/n", laws.weighted_variance(r, weight, GENERATIONS)
    metric, judged = Metric("mean_sq", UNIT), (0, 1, 2, 5)
    return [
        Claim("weighted_variance", what, (setting,), metric, curve, 1000, gate="asymptotic", judged=judged),
        _stationary("golden_weight", setting, weight, fast=0 if r == 4 else 100),
    ]


def _stationary(law: str, setting: Setting, value: float, fast: int = 0) -> Claim:
    what, probe = "‖μ̂‖² in σ²d/n, mean of 12 generations", Lately("mean_sq", UNIT)
    theory = np.full(GENERATIONS + 1, value)
    return Claim(law, what, (setting,), probe, theory, 1000, fast, "asymptotic", judged=(GENERATIONS,))
