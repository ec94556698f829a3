"""Claims on weights: variance of a normal's mean where each generation sees n real and r n synthetic examples."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch

from ... import laws
from ...core.checked import PositiveShare, Share
from ...core.context import Context
from ...core.corpus import Corpus
from ...core.method import Method, MethodCard
from ..claim import Claim, Metric, Seen, Setting

D, N, GENERATIONS = 50, 400, 24
"""At this n the fitted spread, which the laws take as known, is within 1 % of the truth."""

UNIT = D / N
"""Sigma2/n, summed over the coordinates."""


class Informed(Method):
    """D_{t-1} and what arrived, weighted as the best linear estimate of a mean, given how much of each is real.

    A row that is real with probability π says π times what the mean is off by, so a source of n such rows is worth
    n π². With marks the arrivals are two sources: the marked rows and the others.

    Args:
        alpha: share of real rows among the arrivals.
        missed: P(no mark | synthetic); 1 for no marks.
        false_alarm: P(mark | real); 0 for no marks.
    """

    alpha: PositiveShare
    missed: Share = 1.0
    false_alarm: Share = 0.0

    name = "Informed"
    card = MethodCard(title="Informed weights", access={"history", "mark"})

    def curate(self, arrivals: Corpus, ctx: Context) -> Corpus:
        """The mean moves by gain · Σ n_i π_i (mean of source i − mean of D_{t−1})."""
        expected = laws.effective_sample_size([len(arrivals)], [self.alpha], self.missed, self.false_alarm)
        share = torch.full((len(arrivals),), self.alpha, dtype=torch.float64)
        if self.missed < 1:
            share = torch.where(ctx.mark(arrivals), self._real(self.false_alarm, 1 - self.missed), share)
            share = torch.where(ctx.mark(arrivals), share, self._real(1 - self.false_alarm, self.missed))
        gain = 1 / (ctx.n + (ctx.t - 1) * expected + float(share.square().sum()))
        before = ctx.previous
        held = torch.ones(len(before), dtype=torch.float64) if before.weights is None else before.weights
        rest = held * (1 - gain * float(share.sum())) / held.sum()
        return Corpus.concat([before.with_weights(rest), arrivals.with_weights(gain * share)])

    def _real(self, of_real: float, of_synthetic: float) -> float:
        """P(real | mark) from the probabilities of that mark."""
        real = self.alpha * of_real
        return real / (real + (1 - self.alpha) * of_synthetic) if real > 0 else 0.0


def claims() -> list[Claim]:
    """The weight of the golden ratio at three ratios, no weights, real data that are the same each time, and sources.

    N new real and as many synthetic examples without weights are w = 1/2.
    """
    pooled = Setting("gaussian", N, GENERATIONS, "take_newest", {"d": D}, world=_stream(1.0))
    reused = Setting("gaussian", N, GENERATIONS, "golden_ratio", {"d": D}, {"real": "first"})
    limit = laws.weighted_variance_reused_limit(1.0, laws.golden_weight(1.0))
    return [
        *(claim for r in (0.5, 1.0, 4.0) for claim in _golden(r)),
        _stationary("weighted_variance_limit", pooled, laws.weighted_variance_limit(1.0, 0.5)),
        _stationary("weighted_variance_reused_limit", reused, limit, seeds=800),
        *(_sources(*marks) for marks in ((1.0, 0.0), (0.0, 0.0), (0.2, 0.1))),
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


def given_weight(seen: Seen) -> float:
    """One less the regression of each mean on the mean before, over all generations: the weight on new real data."""
    means = torch.stack([model.mean for model in seen.models])
    before, after = means[:-1], means[1:]
    return 1 - float((before * after).sum() / before.square().sum()) if len(before) else math.nan


def _stream(r: float) -> dict[str, object]:
    """A world of N new real rows and r N of the newest model in each generation, with marks that do not err."""
    return {"kind": "purify", "k": round((1 + r) * N), "alpha": 1 / (1 + r), "missed": 0.0, "false_alarm": 0.0}


def _golden(r: float) -> list[Claim]:
    setting = Setting("gaussian", N, GENERATIONS, "golden_ratio", {"d": D}, world=_stream(r))
    weight = laws.golden_weight(r)
    given, found = np.full(GENERATIONS + 1, weight), "weight, from how each mean follows the last"
    what, curve = "‖μ̂‖² in σ²d/n", laws.weighted_variance(r, weight, GENERATIONS)
    metric, judged = Metric("mean_sq", UNIT), (1, 5)
    return [
        Claim("weighted_variance", what, (setting,), metric, curve, 800, gate="asymptotic", judged=judged),
        _stationary("golden_weight", setting, weight, fast=0 if r == 4 else 100),
        Claim("golden_weight", found, (setting,), given_weight, given, 200, 40, "asymptotic", judged=(GENERATIONS,)),
    ]


def _stationary(law: str, setting: Setting, value: float, fast: int = 0, seeds: int = 500) -> Claim:
    what, probe = "‖μ̂‖² in σ²d/n, mean of 12 generations", Lately("mean_sq", UNIT)
    theory = np.full(GENERATIONS + 1, value)
    return Claim(law, what, (setting,), probe, theory, seeds, fast, "asymptotic", judged=(GENERATIONS,))


def _sources(missed: float, false_alarm: float) -> Claim:
    """The variance is 1 over what D_0 and all arrivals are worth; marks that always miss are not asked for."""
    n, k, alpha, generations = 200, 600, 0.5, 4
    world = {"kind": "purify", "k": k, "alpha": alpha, "missed": missed, "false_alarm": false_alarm}
    method = {"alpha": alpha, "missed": missed, "false_alarm": false_alarm}
    setting = Setting("gaussian", n, generations, Informed, {"d": D}, method, world)
    worth = [laws.effective_sample_size([k] * t, [alpha] * t, missed, false_alarm) for t in range(generations + 1)]
    what, metric, theory = "‖μ̂‖² in σ²d/n", Metric("mean_sq", D / n), n / (n + np.array(worth))
    return Claim(
        "effective_sample_size", what, (setting,), metric, theory, 800, 0, "asymptotic", (1, 4), tolerance=0.025
    )
