"""Claims on `categorical`: squared L2 error and diversity of proportions that are fitted again and again."""

from __future__ import annotations

from typing import Any

import numpy as np

from ... import laws
from ..claim import Claim, Gate, Metric, Seen, Setting

ONE = {"contexts": 1, "tokens": 50, "support": 50}
"""One Zipf distribution over 50 outcomes: every draw is of it, so that n_t is the law's."""

MANY = {"contexts": 20, "tokens": 50, "support": 50}
"""Twenty of them with n / 20 draws each: the same law, less noise per cell."""

_P = laws.zipf(50)
_LIMITS = {"fresh_real": 8.0, "candidates": 8.0}


def claims() -> list[Claim]:
    """Without fresh draws, with them, at the size where they begin to help, and under a temperature.

    The share of fresh draws is constant, by both ways of counting, then it falls while sizes grow.
    """
    return [
        *_without_fresh(),
        *_fresh({"alpha": 0.1, "draws": "mixture"}),
        *_fresh({"alpha": 0.1, "draws": "counts"}),
        *_fresh({"alpha": 0.8, "decay": 0.5, "growth": 0.5}),
        *_improving(),
        *_temperature(),
    ]


def diversity(seen: Seen) -> float:
    """Gini–Simpson index 1 − Σ p̂² of the model, mean over contexts."""
    return 1.0 - float(seen.model.tables.square().sum()) / len(seen.model.tables)


def _without_fresh() -> list[Claim]:
    rows, generations, judged = 50, 50, (0, 1, 9, 50)
    settings = (Setting("categorical", 20 * rows, generations, task_params=MANY),)
    error = laws.categorical_error(_P, [rows] * (generations + 1), [0.0] * generations)
    lost = laws.categorical_diversity(_P, rows, generations)
    return [
        Claim("categorical_error", "l2", settings, Metric("l2"), error, 400, 200, judged=judged),
        Claim("categorical_diversity", "1 − Σ p̂²", settings, diversity, lost, 400, 200, judged=judged),
    ]


def _fresh(params: dict[str, Any]) -> list[Claim]:
    n, generations = 200, 40
    t = np.arange(1.0, generations + 1)
    sizes = [n, *np.round(n * t ** params.get("growth", 0.0)).astype(int).tolist()]
    alphas = (params["alpha"] / t ** params.get("decay", 0.0)).tolist()
    draws: laws.Draws = params.get("draws", "mixture")
    setting = Setting("categorical", n, generations, "fresh_mix", ONE, params, limits=_LIMITS)
    curve, judged = laws.categorical_error(_P, sizes, alphas, draws), (0, 1, 5, 20, 40)
    if "growth" in params:
        return [_error(setting, curve, judged, fast=100)]
    limit = np.full(generations + 1, laws.categorical_error_limit(_P, n, params["alpha"], draws))
    return [_error(setting, curve, judged), _error(setting, limit, (30, 40), law="categorical_error_limit")]


def _error(
    setting: Setting,
    theory: laws.Array,
    judged: tuple[int, ...] | None,
    fast: int = 0,
    law: str = "categorical_error",
    gate: Gate = "exact",
) -> Claim:
    what = "l2" if gate == "exact" else f"l2, {gate}"
    return Claim(law, what, (setting,), Metric("l2"), theory, 1000, fast, gate, judged)


def _improving() -> list[Claim]:
    """At the threshold a generation leaves the error alone; half as many examples raise it, twice as many lower it."""
    n, alpha = 200, 0.2
    threshold = laws.categorical_size_to_improve(_P, alpha, float(laws.categorical_error(_P, [n], [])[0]))
    found = []
    cases: tuple[tuple[float, Gate], ...] = ((1.0, "exact"), (0.5, "rising"), (2.0, "falling"))
    for factor, gate in cases:
        size = round(factor * threshold)
        setting = Setting("categorical", n, 1, "fresh_mix", ONE, {"alpha": alpha, "size": size / n}, limits=_LIMITS)
        theory = laws.categorical_error(_P, [n, size], [alpha])
        found.append(_error(setting, theory, None, 500, "categorical_size_to_improve", gate))
    return found


def _temperature() -> list[Claim]:
    """Sign and monotonicity for every temperature; the curve itself where rare outcomes keep enough draws."""
    found = []
    cases: tuple[tuple[float, int, Gate], ...] = ((0.8, 5, "falling"), (1.25, 4, "rising"))
    for temperature, generations, direction in cases:
        settings = (Setting("categorical", 50_000, generations, "tempered", ONE, {"temperature": temperature}),)
        curve = laws.entropy(laws.tempered(_P, temperature, generations))
        gates: tuple[tuple[Gate, str], ...] = (("asymptotic", "entropy"), (direction, f"entropy, {direction}"))
        for gate, what in gates:
            found.append(Claim("tempered", what, settings, Metric("entropy"), curve, 50, 20, gate, tolerance=0.02))
    return found
