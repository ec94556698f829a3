"""Claims on curation by reward: with two levels of reward, the rarer half of `categorical` follows the map of two."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch
from pydantic import Field

from ... import laws
from ...core.checked import Count
from ...core.context import Context
from ...core.corpus import Corpus
from ...core.method import Method, MethodCard
from ..claim import Claim, Metric, Seen, Setting
from .categorical import ONE

RARE = float(laws.zipf(50)[25:].sum())
"""Probability of the rewarded half."""

STEEP = 2.5
"""Exponent of a Zipf law whose rarer half is rare indeed."""

SCARCE = float(laws.zipf(50, STEEP)[25:].sum())
"""Its probability."""

N = 20_000
"""An eighth of it is enough for the population map: the mean of a generation is off it by a tenth of its error."""


class Choice(Method):
    """The choices of `reward_curate` with nothing else: its log of a divergence takes longer than many candidates.

    Args:
        k: candidates per choice.
        lam: ratio of chosen to real examples.
    """

    k: Count = 2
    lam: Annotated[float, Field(gt=0)] = math.inf

    name = "Choice"
    card = MethodCard(title="Bradley–Terry choice", paper="arXiv:2407.09499", access={"reward", "history"})

    def curate(self, arrivals: Corpus, ctx: Context) -> Corpus:
        """N rows, real ones drawn anew among them."""
        real = round(ctx.n / (1 + self.lam))
        picks = ctx.n - real
        pool = ctx.candidates(self.k * picks).sample(self.k * picks, ctx.rng)
        best = torch.multinomial(ctx.reward(pool).view(picks, self.k).softmax(1), 1, generator=ctx.rng).squeeze(1)
        chosen = pool.select(best + self.k * torch.arange(picks))
        return Corpus.concat([ctx.trusted.sample(real, ctx.rng), chosen]) if real else chosen


def claims() -> list[Claim]:
    """One step, the loop with and without real data, and the two inequalities."""
    return [
        *map(_step, (2, 4)),
        *(_loop(k, mix) for k, mix in ((2, math.inf), (2, 0.5), (4, 0.25))),
        _gain(2, "rise over the bound", {**ONE, "rare_reward": 1.0}),
        _gain(
            48, "rise over the bound, which many candidates nearly reach", {**ONE, "rare_reward": -1.0, "exponent": 2.0}
        ),
        *_divergence(),
    ]


@dataclass(frozen=True)
class Rise:
    """A probe: by how much E[e^r] rose in the first generation, relative to the law's least rise; 1 at t = 0.

    Args:
        k: candidates per choice.
        reward: of the rarer half; the other half has 0.
    """

    k: int
    reward: float

    def __call__(self, seen: Seen) -> float:
        """From the mass of the rarer half before and after; the bound is that of the model before."""
        if len(seen.records) < 2:
            return 1.0
        before, after = (record.metrics["tail_mass"] for record in seen.records[-2:])
        least = laws.curated_gain([1 - before, before], [0.0, self.reward], self.k)
        return (after - before) * math.expm1(self.reward) / least


def divergence(seen: Seen) -> float:
    """KL(model ‖ P*), nats."""
    return float((seen.model.tables.xlogy(seen.model.tables) - seen.model.tables.xlogy(seen.task.law)).sum())


def _setting(k: int, mix: float, generations: int, reward: float = 1.0) -> Setting:
    method = {"memory": "replace", "k": k, "lam": mix}
    return Setting("categorical", N // 8, generations, "reward_curate", {**ONE, "rare_reward": reward}, method)


def _gain(k: int, what: str, task: dict[str, float]) -> Claim:
    """The bound is nearly reached where nearly every example has the largest reward and many compete."""
    limits, method = {"candidates": float(k)}, {"k": k, "lam": math.inf}
    settings = (Setting("categorical", N // 2, 1, Choice, task, method, limits=limits),)
    probe = Rise(k, task["rare_reward"])
    return Claim("curated_gain", what, settings, probe, np.ones(2), 600, 0, "at_least", judged=(1,))


def _divergence() -> list[Claim]:
    """Of two levels the whole divergence is far below the bound; a rare outcome's log ratio, which bounds it, is not.

    With 1 in 250 examples rewarded by 8, all choices that can be theirs are.
    """
    law, bound = "curated_divergence", np.full(11, laws.curated_divergence(2, 0.5))
    whole = (_setting(2, 0.5, 10, reward=4.0),)
    steep = {**ONE, "exponent": STEEP, "rare_reward": 8.0}
    rare = (Setting("categorical", N, 10, Choice, steep, {"k": 2, "lam": 0.5}),)
    ratio = np.full(11, math.exp(bound[0]))
    what, judged = "rewarded mass / P*'s", (10,)
    return [
        Claim(law, "KL(model ‖ P*)", whole, divergence, bound, 50, 20, "at_most"),
        Claim(law, what, rare, Metric("tail_mass", SCARCE), ratio, 1000, 0, "asymptotic", judged),
    ]


def _step(k: int) -> Claim:
    theory = np.array([RARE, laws.curated([1 - RARE, RARE], [0.0, 1.0], k)[1]])
    return Claim("curated", "rewarded mass", (_setting(k, math.inf, 1),), Metric("tail_mass"), theory, 800, 200)


def _loop(k: int, mix: float) -> Claim:
    theory = laws.curated_loop([1 - RARE, RARE], [0.0, 1.0], k, mix, 6)[:, 1]
    return Claim("curated_loop", "rewarded mass", (_setting(k, mix, 6),), Metric("tail_mass"), theory, 200)
