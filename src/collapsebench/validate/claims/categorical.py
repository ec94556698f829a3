"""Claims on `categorical`: squared L2 error and diversity of proportions that are fitted again and again."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from ... import laws
from ...core.checked import NonNegative, Positive, Share
from ...core.context import Context
from ...core.corpus import Corpus
from ...core.method import Method, MethodCard
from ..claim import Claim, Gate, Metric, Seen, Setting

ONE = {"contexts": 1, "tokens": 50, "support": 50}
"""One Zipf distribution over 50 outcomes: every draw is of it, so that n_t is the law's."""

MANY = {"contexts": 20, "tokens": 50, "support": 50}
"""Twenty of them with n / 20 draws each: the same law, less noise per cell."""

_P = laws.zipf(50)
_LIMITS = {"fresh_real": 8.0, "candidates": 8.0}


class FreshDraws(Method):
    """Each of n_t examples is a new real one with probability α_t and generated otherwise.

    Args:
        alpha: α_t = alpha / t^decay.
        decay: how fast the share falls.
        size: n_t = size · n · t^growth, rounded.
        growth: how fast the size grows.
    """

    alpha: Share = 0.1
    decay: NonNegative = 0.0
    size: Positive = 1.0
    growth: NonNegative = 0.0

    name = "FreshDraws"
    card = MethodCard(title="Fresh draws", paper="arXiv:2602.10531", access={"fresh"})

    def curate(self, arrivals: Corpus, ctx: Context) -> Corpus:
        """Of the sizes that the schedule says."""
        alpha, n = self.alpha / ctx.t**self.decay, round(self.size * ctx.n * ctx.t**self.growth)
        fresh = int((torch.rand(n, generator=ctx.rng, dtype=torch.float64) < alpha).sum())
        parts = [ctx.fresh_real(fresh)] if fresh else []
        return Corpus.concat([*parts, ctx.candidates(n - fresh).sample(n - fresh, ctx.rng)])


def claims() -> list[Claim]:
    """Without fresh draws, with them, at the size where they begin to help, and under a temperature.

    The share of fresh draws is constant, by both ways of counting, then it falls while sizes grow.
    """
    return [
        *_without_fresh(),
        *_fresh({"alpha": 0.1}),
        *_counted(0.1),
        *_fresh({"alpha": 0.8, "decay": 0.5, "growth": 0.5}),
        *map(_accumulated, (0.3, 0.5)),
        *_improving(),
        _forgotten(),
        *_temperature(),
    ]


def diversity(seen: Seen) -> float:
    """Gini–Simpson index 1 − Σ p̂² of the model, mean over contexts."""
    return 1.0 - float(seen.model.tables.square().sum()) / len(seen.model.tables)


def lost(seen: Seen) -> float:
    """Share of the tokens of the commonest first count that the model cannot produce."""
    first, now = seen.models[0].tables[0], seen.model.tables[0]
    common = (first * seen.lineage.rules.n).round() == seen.lineage.rules.n // len(first)
    return float((now[common] == 0).double().mean())


def _without_fresh() -> list[Claim]:
    rows, generations, judged = 50, 50, (0, 9, 25, 50)
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
    setting = Setting("categorical", n, generations, FreshDraws, ONE, params, limits=_LIMITS)
    curve, judged = laws.categorical_error(_P, sizes, alphas), (0, 1, 5, 20, 40)
    if "growth" in params:
        return [_error(setting, curve, judged)]
    limit = np.full(generations + 1, laws.categorical_error_limit(_P, n, params["alpha"]))
    return [_error(setting, curve, judged), _error(setting, limit, (30, 40), law="categorical_error_limit")]


def _counted(alpha: float) -> list[Claim]:
    """The same as a polluted stream, where shares are counts, in every context."""
    rows, generations = 200, 40
    setting = _polluted("take_newest", rows, alpha, generations)
    curve = laws.categorical_error(_P, [rows] * (generations + 1), [alpha] * generations, "counts")
    limit = np.full(generations + 1, laws.categorical_error_limit(_P, rows, alpha, "counts"))
    return [
        _error(setting, curve, (0, 1, 5, 20, 40), seeds=200),
        _error(setting, limit, (30, 40), law="categorical_error_limit", seeds=200),
    ]


def _accumulated(alpha: float) -> Claim:
    rows, generations = 100, 60
    curve = laws.categorical_accumulate(_P, rows, alpha, generations)
    setting = _polluted("take_all", rows, alpha, generations)
    return _error(setting, curve, (0, 1, 10, 60), 20, "categorical_accumulate", seeds=200)


def _polluted(method: str, rows: int, alpha: float, generations: int) -> Setting:
    n = rows * MANY["contexts"]
    return Setting("categorical", n, generations, method, MANY, world={"kind": "purify", "alpha": alpha})


def _error(
    setting: Setting,
    theory: laws.Array,
    judged: tuple[int, ...] | None,
    fast: int = 0,
    law: str = "categorical_error",
    gate: Gate = "exact",
    seeds: int = 600,
) -> Claim:
    what = "l2" if gate == "exact" else f"l2, {gate}"
    return Claim(law, what, (setting,), Metric("l2"), theory, seeds, fast, gate, judged)


def _improving() -> list[Claim]:
    """At the threshold a generation leaves the error alone; half as many examples raise it, twice as many lower it.

    With equal probabilities the error has the least noise, of which a size moves it by a third.
    """
    n, alpha, p = 200, 0.2, laws.zipf(50, 0.0)
    threshold = laws.categorical_size_to_improve(p, alpha, float(laws.categorical_error(p, [n], [])[0]))
    found = []
    cases: tuple[tuple[float, Gate], ...] = ((1.0, "exact"), (0.5, "rising"), (2.0, "falling"))
    for factor, gate in cases:
        size = round(factor * threshold)
        method, task = {"alpha": alpha, "size": size / n}, {**ONE, "exponent": 0.0}
        setting = Setting("categorical", n, 1, FreshDraws, task, method, limits=_LIMITS)
        theory, seeds = laws.categorical_error(p, [n, size], [alpha]), 5000 if gate == "exact" else 1000
        found.append(_error(setting, theory, None, 500, "categorical_size_to_improve", gate, seeds))
    return found


def _forgotten() -> Claim:
    """After twice as many generations as the first count, whatever it is, e^-1 is forgotten, and more if it is small.

    Of 2000 equal tokens those are counted that D_0 shows as often as it does on average.
    """
    counts, tokens = (2, 4, 8, 16), 2000
    task = {"contexts": 1, "tokens": tokens, "support": tokens, "exponent": 0.0}
    settings = tuple(Setting("categorical", count * tokens, 2 * count, task_params=task) for count in counts)
    theory = np.array([laws.forgotten(count, 2 * count)[-1] for count in counts])
    what = "share forgotten after 2 · count generations"
    return Claim("forgotten", what, settings, lost, theory, 150, 50, "asymptotic", axis="first count", x=counts)


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
