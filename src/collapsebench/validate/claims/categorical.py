"""Claims on `categorical`: squared L2 error and diversity of proportions that are fitted again and again."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from ...laws import (
    Array,
    categorical_diversity,
    categorical_error,
    entropy,
    tempered,
    zipf,
)
from ..claim import Claim, Gate, Metric, Setting

if TYPE_CHECKING:
    from ...lineage import Lineage
    from ...records import GenerationRecord

ONE = {"contexts": 1, "tokens": 50, "support": 50}
"""One Zipf distribution over 50 outcomes: every draw is of it, so that n_t is the law's."""

MANY = {"contexts": 20, "tokens": 50, "support": 50}
"""Twenty of them with n / 20 draws each: the same law, less noise per cell."""


def claims() -> list[Claim]:
    """Without fresh draws, and under a temperature."""
    return [*_without_fresh(), *_temperature()]


def diversity(lineage: Lineage, records: list[GenerationRecord]) -> float:
    """Gini–Simpson index 1 − Σ p̂² of the model, mean over contexts."""
    tables: Any = lineage.model.value
    return 1.0 - float(tables.tables.square().sum()) / len(tables.tables)


def _without_fresh() -> list[Claim]:
    rows, generations = 50, 50
    setting = Setting("categorical", 20 * rows, generations, task_params=MANY)
    p = zipf(50)

    def error() -> Array:
        return categorical_error(p, [rows] * (generations + 1), [0.0] * generations)

    judged = (0, 1, 9, 50)
    lost = partial(categorical_diversity, p, rows, generations)
    return [
        Claim("categorical_error", "l2", (setting,), Metric("l2"), error, seeds=400, fast=200, judged=judged),
        Claim("categorical_diversity", "1 − Σ p̂²", (setting,), diversity, lost, seeds=400, fast=200, judged=judged),
    ]


def _temperature() -> list[Claim]:
    """Sign and monotonicity for every temperature; the curve itself where rare outcomes keep enough draws."""
    found = []
    for temperature, generations, direction in ((0.8, 5, "falling"), (1.25, 4, "rising")):
        setting = Setting("categorical", 50_000, generations, "tempered", ONE, {"temperature": temperature})

        def curve(temperature: float = temperature, generations: int = generations) -> Array:
            return entropy(tempered(zipf(50), temperature, generations))

        gates: tuple[tuple[Gate, str], ...] = (("exact", "entropy"), (direction, f"entropy, {direction}"))  # type: ignore[assignment]
        for gate, what in gates:
            gate = "asymptotic" if gate == "exact" else gate
            found.append(
                Claim(
                    "tempered", what, (setting,), Metric("entropy"), curve, seeds=50, fast=20, gate=gate, tolerance=0.02
                )
            )
    return found
