"""Claims on `categorical`: squared L2 error and diversity of proportions that are fitted again and again."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ...laws import (
    Array,
    Draws,
    categorical_diversity,
    categorical_error,
    categorical_error_limit,
    categorical_size_to_improve,
    entropy,
    tempered,
    zipf,
)
from ..claim import Claim, Gate, Metric, Setting

if TYPE_CHECKING:
    from ...core.records import GenerationRecord
    from ...loop.lineage import Lineage

ONE = {"contexts": 1, "tokens": 50, "support": 50}
"""One Zipf distribution over 50 outcomes: every draw is of it, so that n_t is the law's."""

MANY = {"contexts": 20, "tokens": 50, "support": 50}
"""Twenty of them with n / 20 draws each: the same law, less noise per cell."""


def claims() -> list[Claim]:
    """Without fresh draws, with them, at the size where they begin to help, and under a temperature."""
    return [*_without_fresh(), *_with_fresh(), *_improving(), *_temperature()]


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


def _with_fresh() -> list[Claim]:
    """A constant share by both ways of counting, then a falling share with growing sizes."""
    return [
        *(claim for draws in ("mixture", "counts") for claim in _fresh({"alpha": 0.1, "draws": draws})),
        *_fresh({"alpha": 0.8, "decay": 0.5, "growth": 0.5}),
    ]


def _fresh(params: dict[str, Any]) -> list[Claim]:
    n, generations = 200, 40
    t = np.arange(1.0, generations + 1)
    sizes = [n, *np.round(n * t ** params.get("growth", 0.0)).astype(int).tolist()]
    alphas = params["alpha"] / t ** params.get("decay", 0.0)
    draws: Draws = params.get("draws", "mixture")
    setting = Setting("categorical", n, generations, "fresh_mix", ONE, params, limits=_LIMITS)

    def error() -> Array:
        return categorical_error(zipf(50), sizes, alphas.tolist(), draws)

    def limit() -> Array:
        return np.full(generations + 1, categorical_error_limit(zipf(50), n, params["alpha"], draws))

    curve = _error((setting,), error, (0, 1, 5, 20, 40), fast=100 if "growth" in params else 0)
    return (
        [curve] if "growth" in params else [curve, _error((setting,), limit, (30, 40), law="categorical_error_limit")]
    )


_LIMITS = {"fresh_real": 8.0, "candidates": 8.0}


def _error(
    settings: tuple[Setting, ...],
    theory: Callable[[], Array],
    judged: tuple[int, ...] | None,
    fast: int = 0,
    law: str = "categorical_error",
    gate: Gate = "exact",
) -> Claim:
    what = "l2" if gate == "exact" else f"l2, {gate}"
    return Claim(law, what, settings, Metric("l2"), theory, 1000, fast, gate=gate, judged=judged)


def _improving() -> list[Claim]:
    """At the threshold a generation leaves the error alone; half as many examples raise it, twice as many lower it."""
    p, n, alpha = zipf(50), 200, 0.2
    threshold = categorical_size_to_improve(p, alpha, float(categorical_error(p, [n], [])[0]))
    found = []
    cases: tuple[tuple[float, Gate], ...] = ((1.0, "exact"), (0.5, "rising"), (2.0, "falling"))
    for factor, gate in cases:
        size = round(factor * threshold)
        setting = Setting("categorical", n, 1, "fresh_mix", ONE, {"alpha": alpha, "size": size / n}, limits=_LIMITS)
        theory = partial(categorical_error, p, [n, size], [alpha])
        found.append(_error((setting,), theory, None, 500, "categorical_size_to_improve", gate))
    return found


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
