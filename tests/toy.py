"""Plug-ins small enough to follow by hand: the mean of a few numbers, which drifts by one each generation.

`toy` is fitted in closed form; `toy_sgd` by a few gradient steps, so that its stages go through the store.
"""

import os
import signal
import time
from collections import Counter
from dataclasses import dataclass

import torch

from collapsebench import (
    Corpus,
    Decoding,
    Diverged,
    FitReport,
    Learner,
    Method,
    MethodCard,
    Sites,
    Task,
    TaskCard,
    method,
    task,
)

calls: Counter[str] = Counter()
"""How often each stage was really computed since this file was loaded."""


class Mean(Learner):
    """The mean of `x`; samples are the mean plus one, plus noise."""

    closed_form = True

    def __init__(self, mean: float, noise: float, limit: float) -> None:
        self.mean = torch.tensor([mean], dtype=torch.float64)
        self.noise, self.limit = noise, limit

    def fit(self, corpus, training):
        calls["fit"] += 1
        weights = torch.ones(len(corpus)) if corpus.weights is None else corpus.weights
        self.mean = ((corpus["x"] * weights).sum() / weights.sum()).reshape(1)
        self._check()
        return FitReport(len(corpus))

    def sample(self, n, rng, decoding, conditions=None):
        calls["sample"] += 1
        noise = torch.randn(n, generator=rng, dtype=torch.float64)
        return Corpus({"x": self.mean + 1 + self.noise * decoding.temperature * noise})

    def state(self):
        return {"mean": self.mean}

    def load(self, state):
        self.mean = state["mean"]

    def log_prob(self, corpus):
        return -((corpus["x"] - self.mean) ** 2)

    def sites(self, corpus):
        log_prob = self.log_prob(corpus).unsqueeze(1)
        return Sites(log_prob, torch.ones_like(log_prob, dtype=torch.bool))

    def resample(self, corpus, mask, rng, top_k=None, temperature=1.0):
        drawn = self.sample(len(corpus), rng, Decoding(temperature))["x"]
        return corpus.with_columns(x=torch.where(mask.squeeze(1), drawn, corpus["x"]))

    def _check(self):
        if not abs(self.mean.item()) <= self.limit:
            raise Diverged(f"the mean is {self.mean.item():g}")


class SteppedMean(Mean):
    """The same mean, approached by stochastic gradient steps on the squared distance."""

    closed_form = False

    def fit(self, corpus, training):
        calls["fit"] += 1
        steps = training.steps_for(len(corpus))
        for _ in range(steps):
            batch = torch.randint(len(corpus), (training.batch,), generator=training.rng)
            self.mean = self.mean + 0.5 * (corpus["x"][batch].mean() - self.mean)
        self._check()
        return FitReport(steps * training.batch, steps)


CARD = TaskCard(
    title="Toy",
    modality="vector",
    primary="error",
    unit="distance",
    metrics={"error": "fitted mean minus the mean of 1..n", "rows": "rows of D_0"},
    supports={"sites", "log_prob", "temperature", "verifier", "reward", "prior"},
)


@task("toy")
@dataclass(frozen=True)
class Toy(Task):
    """The numbers 1..n.

    Args:
        noise: standard deviation of the samples of a model.
        limit: a model whose mean is further from 0 has diverged.
        nan_above: the error is NaN for a model whose mean is larger.
    """

    noise: float = 0.0
    limit: float = 1e6
    nan_above: float = 1e6

    card = CARD

    def real(self, n, rng):
        calls["real"] += 1
        return Corpus({"x": torch.arange(1, n + 1, dtype=torch.float64)})

    def learner(self, rng):
        return Mean(0.0, self.noise, self.limit)

    def evaluate(self, learner, start, rng):
        calls["evaluate"] += 1
        mean = learner.mean.item()
        rows = len(start.corpus)
        return {"error": mean - (rows + 1) / 2 if mean <= self.nan_above else float("nan"), "rows": rows}

    def verify(self, corpus):
        return corpus["x"] > 0

    def reward(self, corpus):
        return corpus["x"]

    def prior(self, rng):
        return Mean(100.0, self.noise, self.limit)

    def theory(self, method, n, generations):
        return [float(t) for t in range(generations + 1)] if method == "replace" else []


@task("toy_sgd")
@dataclass(frozen=True)
class ToySgd(Toy):
    """The numbers 1..n, learnt in steps."""

    noise: float = 0.1

    def learner(self, rng):
        return SteppedMean(torch.randn(1, generator=rng).item(), self.noise, self.limit)


@task("toy_finite")
@dataclass(frozen=True)
class ToyFinite(Toy):
    """Ten real numbers and no more."""

    card = TaskCard(
        title="Finite toy", modality="vector", primary="error", unit="distance", metrics=CARD.metrics, population=10
    )

    def real(self, n, rng):
        return Corpus({"x": torch.randperm(10, generator=rng)[:n].double()})


@method("toy_blend")
@dataclass(frozen=True)
class Blend(Method):
    """Half of the last corpus, half of the newest samples, one of them drawn anew by the first model."""

    share: float = 0.5
    pause: float = 0.0

    card = MethodCard(title="Blend", access={"history"}, needs={"sites"})

    def curate(self, synthetic, ctx):
        time.sleep(self.pause)
        old = round(self.share * ctx.n)
        kept = ctx.previous.sample(min(old, len(ctx.previous)), ctx.rng)
        mixed = Corpus.concat([kept, ctx.history[-1].sample(ctx.n - len(kept), ctx.rng)])
        ctx.log("pool_mean", ctx.pool["x"].mean().item())
        mask = torch.zeros(len(mixed), 1, dtype=torch.bool)
        mask[0] = True
        return ctx.initial_model.resample(mixed, mask)


@method("toy_fail")
@dataclass(frozen=True)
class Fail(Method):
    """Raise at one generation, unless the environment variable TOY_WORKS is set."""

    at: int = 2

    card = MethodCard(title="Fail")

    def curate(self, synthetic, ctx):
        if ctx.t == self.at and "TOY_WORKS" not in os.environ:
            raise RuntimeError("boom")
        return synthetic


@method("toy_die")
@dataclass(frozen=True)
class Die(Method):
    """Kill the process, as the system does when memory runs out."""

    card = MethodCard(title="Die")

    def curate(self, synthetic, ctx):
        os.kill(os.getpid(), signal.SIGKILL)


@method("toy_picky")
@dataclass(frozen=True)
class Picky(Method):
    """A method for tasks that can sample with top_p."""

    card = MethodCard(title="Picky", needs={"top_p"})

    def curate(self, synthetic, ctx):
        return synthetic
