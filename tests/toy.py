"""The plug-in file of the tests: the toy task under three names, and methods that do one thing each."""

import os
import signal
import time
from dataclasses import dataclass

import torch

from collapsebench import Corpus, Method, MethodCard, method, task, testing


@task("toy")
@dataclass(frozen=True)
class Toy(testing.Toy):
    """The numbers 1..n."""


@task("toy_sgd")
@dataclass(frozen=True)
class ToySgd(Toy):
    """The numbers 1..n, learnt in steps."""

    noise: float = 0.1
    stepped: bool = True


@task("toy_finite")
@dataclass(frozen=True)
class ToyFinite(Toy):
    """Ten real numbers and no more."""

    population: int | None = 10


@method("toy_blend")
@dataclass(frozen=True)
class Blend(Method):
    """Half of the last corpus, half of the newest samples, one of them drawn anew by the first model."""

    share: float = 0.5
    pause: float = 0.0

    card = MethodCard(title="Blend", access={"history"}, needs={"sites"})

    def curate(self, arrivals, ctx):
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

    def curate(self, arrivals, ctx):
        if ctx.t == self.at and "TOY_WORKS" not in os.environ:
            raise RuntimeError("boom")
        return arrivals


@method("toy_die")
@dataclass(frozen=True)
class Die(Method):
    """Kill the process, as the system does when memory runs out."""

    card = MethodCard(title="Die")

    def curate(self, arrivals, ctx):
        os.kill(os.getpid(), signal.SIGKILL)


@method("toy_picky")
@dataclass(frozen=True)
class Picky(Method):
    """A method for tasks that are trained by gradient steps."""

    card = MethodCard(title="Picky", needs={"site_weights"})

    def curate(self, arrivals, ctx):
        return arrivals
