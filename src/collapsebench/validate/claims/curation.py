"""Claims on curation by reward: with two levels of reward, the rarer half of `categorical` follows the map of two."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ...laws import Array, curated, curated_divergence, curated_gain, curated_loop, zipf
from ..claim import Claim, Metric, Setting
from .categorical import ONE

if TYPE_CHECKING:
    from ...core.records import GenerationRecord
    from ...loop.lineage import Lineage

RARE = float(zipf(50)[25:].sum())
"""Probability of the rewarded half."""

N = 20_000
"""Large enough for the population map: the mean of a generation is off it by less than a tenth of its error."""


def claims() -> list[Claim]:
    """One step, the loop with and without real data, and the two inequalities."""
    return [_step(2), _step(4), _loop(2, math.inf), _loop(2, 0.5), _loop(4, 0.25), _gain(), _divergence()]


@dataclass(frozen=True)
class Surplus:
    """A probe: by how much E[e^r] rose in this generation beyond the law's least rise; 0 at t = 0."""

    k: int

    def __call__(self, lineage: Lineage, records: list[GenerationRecord]) -> float:
        """From the rewarded mass of the newest two generations."""
        if len(records) < 2:
            return 0.0
        before, after = (record.metrics["tail_mass"] for record in records[-2:])
        return (after - before) * (math.e - 1) - curated_gain([1 - before, before], [0.0, 1.0], self.k)


def divergence(lineage: Lineage, records: list[GenerationRecord]) -> float:
    """KL(model ‖ P*), nats."""
    task: Any = lineage.cell.task
    model: Any = lineage.model.value
    return float((model.tables.xlogy(model.tables) - model.tables.xlogy(task.law)).sum())


def _setting(k: int, mix: float, generations: int, reward: float = 1.0) -> Setting:
    return Setting("categorical", N, generations, "reward_curate", {**ONE, "rare_reward": reward}, {"k": k, "lam": mix})


def _step(k: int) -> Claim:
    def theory() -> Array:
        return np.array([RARE, curated([1 - RARE, RARE], [0.0, 1.0], k)[1]])

    return Claim("curated", "rewarded mass", (_setting(k, math.inf, 1),), Metric("tail_mass"), theory, 200, 200)


def _loop(k: int, mix: float) -> Claim:
    def theory() -> Array:
        return curated_loop([1 - RARE, RARE], [0.0, 1.0], k, mix, 6)[:, 1]

    return Claim("curated_loop", "rewarded mass", (_setting(k, mix, 6),), Metric("tail_mass"), theory, 200)


def _gain() -> Claim:
    return Claim(
        "curated_gain",
        "rise of E[e^r] beyond the bound",
        (_setting(2, math.inf, 6),),
        Surplus(2),
        lambda: np.zeros(7),
        200,
        gate="at_least",
        judged=tuple(range(1, 7)),
    )


def _divergence() -> Claim:
    """A large reward; the bound is that of a model with all mass where the reward doubles it."""
    return Claim(
        "curated_divergence",
        "KL(model ‖ P*)",
        (_setting(2, 0.5, 10, reward=4.0),),
        divergence,
        lambda: np.full(11, curated_divergence(2, 0.5)),
        50,
        20,
        gate="at_most",
    )
