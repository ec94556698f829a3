"""Claims on curation by reward: with two levels of reward, the rarer half of `categorical` follows the map of two."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ... import laws
from ..claim import Claim, Metric, Seen, Setting
from .categorical import ONE

RARE = float(laws.zipf(50)[25:].sum())
"""Probability of the rewarded half."""

N = 20_000
"""Large enough for the population map: the mean of a generation is off it by less than a tenth of its error."""


def claims() -> list[Claim]:
    """One step, the loop with and without real data, and the two inequalities.

    The bound of the divergence is that of a model with all mass where a large reward doubles it.
    """
    gain, divergent = (_setting(2, math.inf, 6),), (_setting(2, 0.5, 10, reward=4.0),)
    bound = np.full(11, laws.curated_divergence(2, 0.5))
    judged = tuple(range(1, 7))
    return [
        *map(_step, (2, 4)),
        *(_loop(k, mix) for k, mix in ((2, math.inf), (2, 0.5), (4, 0.25))),
        Claim(
            "curated_gain", "rise of E[e^r] beyond the bound", gain, Surplus(2), np.zeros(7), 200, 0, "at_least", judged
        ),
        Claim("curated_divergence", "KL(model ‖ P*)", divergent, divergence, bound, 50, 20, "at_most"),
    ]


@dataclass(frozen=True)
class Surplus:
    """A probe: by how much E[e^r] rose in this generation beyond the law's least rise; 0 at t = 0."""

    k: int

    def __call__(self, seen: Seen) -> float:
        """From the rewarded mass of the newest two generations."""
        if len(seen.records) < 2:
            return 0.0
        before, after = (record.metrics["tail_mass"] for record in seen.records[-2:])
        return (after - before) * (math.e - 1) - laws.curated_gain([1 - before, before], [0.0, 1.0], self.k)


def divergence(seen: Seen) -> float:
    """KL(model ‖ P*), nats."""
    return float((seen.model.tables.xlogy(seen.model.tables) - seen.model.tables.xlogy(seen.task.law)).sum())


def _setting(k: int, mix: float, generations: int, reward: float = 1.0) -> Setting:
    return Setting("categorical", N, generations, "reward_curate", {**ONE, "rare_reward": reward}, {"k": k, "lam": mix})


def _step(k: int) -> Claim:
    theory = np.array([RARE, laws.curated([1 - RARE, RARE], [0.0, 1.0], k)[1]])
    return Claim("curated", "rewarded mass", (_setting(k, math.inf, 1),), Metric("tail_mass"), theory, 200, 200)


def _loop(k: int, mix: float) -> Claim:
    theory = laws.curated_loop([1 - RARE, RARE], [0.0, 1.0], k, mix, 6)[:, 1]
    return Claim("curated_loop", "rewarded mass", (_setting(k, mix, 6),), Metric("tail_mass"), theory, 200)
