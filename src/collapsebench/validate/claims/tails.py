"""Claims on cut tails: `categorical` with one context is a memorising model of outcomes p_i ∝ i^-beta."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ... import laws
from ..claim import Claim, Seen, Setting

BETA, OUTCOMES = 2.0, 100_000
DRAWS = (300, 1000, 3000, 10_000)
TASK = {"contexts": 1, "tokens": OUTCOMES, "support": OUTCOMES, "exponent": BETA}


def claims() -> list[Claim]:
    """One fit at several sizes, a tail cut by top-k sampling, and ten more generations of the loop."""
    return [*_one_fit(), _cut(), _generations()]


def missed(seen: Seen) -> float:
    """Probability under P* of the outcomes that the model has not seen."""
    return float(seen.task.law[seen.model.tables == 0].sum())


def distinct(seen: Seen) -> float:
    """Number of outcomes that the model has seen."""
    return OUTCOMES * (1 - seen.records[-1].metrics["support_lost"])


def _one_fit() -> list[Claim]:
    """`frozen`, so that the last generation is the first fit."""
    settings = tuple(Setting("categorical", draws, 1, "frozen", TASK) for draws in DRAWS)
    exact = np.array([laws.memorising_error(BETA, draws, OUTCOMES) for draws in DRAWS])
    scaling = np.array([laws.tail_scaling(BETA, draws) for draws in DRAWS])
    cut = np.array([laws.effective_cut(BETA, draws) for draws in DRAWS])
    fit = Claim("memorising_error", "unseen mass", settings, missed, exact, 300, 100, axis="draws", x=DRAWS)
    return [
        fit,
        replace(fit, law="tail_scaling", theory=scaling, gate="asymptotic"),
        replace(fit, law="tail_scaling", theory=scaling, gate="slope"),
        replace(fit, law="effective_cut", what="outcomes seen", probe=distinct, theory=cut, gate="slope"),
    ]


def _cut() -> Claim:
    """M_0 sees enough to rank the first outcomes right; its samples are cut at rank k, and M_1 cannot see beyond."""
    cuts = (40, 60, 80)
    methods = ({"temperature": 1.0, "top_k": cut} for cut in cuts)
    settings = tuple(Setting("categorical", 600_000, 1, "tempered", TASK, method) for method in methods)
    unlimited = 1e18  # 600,000 draws see everything up to the cut
    floor = np.array([laws.tail_scaling(BETA, unlimited, cut) for cut in cuts])
    return Claim("tail_scaling", "unseen mass", settings, missed, floor, 10, gate="asymptotic", axis="cut", x=cuts)


def _generations() -> Claim:
    what = "unseen mass, relative to generation 0"
    settings = (Setting("categorical", 3000, 10, "replace", TASK),)
    loss = laws.tail_generations(BETA, 10)
    return Claim("tail_generations", what, settings, missed, loss, 300, 100, "asymptotic", relative=True)
