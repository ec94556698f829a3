"""Claims on weights: variance of a normal's mean where each generation sees n real and r n synthetic examples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ...laws import Array, golden_weight, weighted_variance, weighted_variance_limit, weighted_variance_reused_limit
from ..claim import Claim, Metric, Probe, Setting

if TYPE_CHECKING:
    from ...core.records import GenerationRecord
    from ...loop.lineage import Lineage

D, N, GENERATIONS = 50, 400, 24
"""At this n the fitted spread, which the laws take as known, is within 1 % of the truth."""

UNIT = D / N
"""Sigma2/n, summed over the coordinates."""


def claims() -> list[Claim]:
    """The weight of the golden ratio at three ratios, no weights, and real data that are the same each time."""
    return [
        *(claim for r in (0.5, 1.0, 4.0) for claim in _golden(r)),
        _stationary("weighted_variance_limit", _pooled(), weighted_variance_limit(1.0, 0.5)),
        _stationary(
            "weighted_variance_reused_limit", _reused(), weighted_variance_reused_limit(1.0, golden_weight(1.0))
        ),
    ]


@dataclass(frozen=True)
class Lately:
    """A probe: a metric averaged over the newest generations, in units of the law."""

    name: str
    unit: float
    generations: int = 12

    def __call__(self, lineage: Lineage, records: list[GenerationRecord]) -> float:
        """Over fewer, at the start."""
        return float(np.mean([record.metrics[self.name] for record in records[-self.generations :]])) / self.unit


def _golden(r: float) -> list[Claim]:
    setting = Setting("gaussian", N, GENERATIONS, "golden_ratio", {"d": D}, synthetic=round(r * N))
    weight = golden_weight(r)

    def curve() -> Array:
        return weighted_variance(r, weight, GENERATIONS)

    limit = _stationary("golden_weight", setting, weight, fast=0 if r == 4 else 100)
    return [_claim("weighted_variance", setting, Metric("mean_sq", UNIT), curve, judged=(0, 1, 2, 5)), limit]


def _pooled() -> Setting:
    """N fresh and n synthetic examples without weights: w = 1/2."""
    return Setting("gaussian", N, GENERATIONS, "fresh_mix", {"d": D}, {"alpha": 0.5, "size": 2.0, "draws": "counts"})


def _reused() -> Setting:
    return Setting("gaussian", N, GENERATIONS, "golden_ratio", {"d": D}, {"real": "first"})


def _stationary(law: str, setting: Setting, value: float, fast: int = 0) -> Claim:
    return _claim(
        law, setting, Lately("mean_sq", UNIT), lambda: np.full(GENERATIONS + 1, value), judged=(GENERATIONS,), fast=fast
    )


def _claim(law: str, setting: Setting, probe: Probe, theory: object, judged: tuple[int, ...], fast: int = 0) -> Claim:
    what = "‖μ̂‖² in σ²d/n" + (", mean of 12 generations" if isinstance(probe, Lately) else "")
    return Claim(law, what, (setting,), probe, theory, 1000, fast, gate="asymptotic", judged=judged)  # type: ignore[arg-type]
