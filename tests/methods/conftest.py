"""A task whose every number is known: real rows are 0, 1, 2, ..., generated rows 100, 101, 102, ..."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace

import pytest
import torch

from collapsebench import Context, Corpus, FitReport, Learner, Sites, Task, TaskCard
from collapsebench.core.context import RealSource
from collapsebench.core.costs import Costs
from collapsebench.core.method import METHODS
from collapsebench.loop.protocol import TaskRules


class Counter(Learner):
    """Generates 100, 101, ...; redraws a row by adding `step`.

    As sites, it is certain of even rows and gives odd ones ½; as rows, the larger the more surprising.
    """

    closed_form = True

    def __init__(self, step):
        self._step = step
        self._made = 100

    def fit(self, corpus, training):
        return FitReport(len(corpus))

    def sample(self, n, rng, decoding, conditions=None):
        self._made += n
        return Corpus({"x": torch.arange(self._made - n, self._made)})

    def sites(self, corpus):
        log_prob = torch.where(corpus["x"] % 2 == 0, 0.0, math.log(0.5)).unsqueeze(1)
        return Sites(log_prob, corpus["x"].unsqueeze(1) > 0)

    def resample(self, corpus, mask, rng, top_k=None, temperature=1.0):
        return corpus.with_columns(x=corpus["x"] + self._step * mask.squeeze(1))

    def log_prob(self, corpus):
        return -corpus["x"].double()

    def state(self):
        return {}

    def load(self, state):
        pass


@dataclass(frozen=True)
class Toy(Task):
    """The verifier keeps even rows and the reward is the row itself, unless told otherwise."""

    verifier: Callable = lambda x: x % 2 == 0
    scorer: Callable = torch.Tensor.double

    card = TaskCard(title="Toy", modality="vector", primary="none", unit="-", metrics={"none": "nothing"})
    name = "toy"

    def real(self, n, rng):
        return Corpus({"x": torch.arange(n)})

    def learner(self, rng):
        return Counter(1000)

    def prior(self, rng):
        return Counter(3000)

    def evaluate(self, learner, start, rng):
        return {"none": 0.0}

    def verify(self, corpus):
        return self.verifier(corpus["x"])

    def reward(self, corpus):
        return self.scorer(corpus["x"])


class Outcome:
    """What a method returned (`corpus`, sorted `rows`), logged and was charged for."""

    def __init__(self, corpus, ctx, costs):
        self.corpus, self.log, self.costs = corpus, ctx.logged, costs
        self.rows = sorted(corpus["x"].tolist())
        self.real = sorted(corpus["x"][torch.as_tensor(corpus.table.origin).expand(len(corpus)) == 0].tolist())


@pytest.fixture
def curate():
    """Run one generation (by default t = 1) of a built-in method on the toy task."""

    def run(name, n=8, previous=None, seed=0, toy=None, t=1, **params):
        method, task, costs = METHODS.get(name)(**params), Toy(**(toy or {})), Costs()
        source = RealSource(task, n, seed)
        real = source.first()
        first, current = Counter(1000), Counter(2000)
        synthetic = current.sample(n, torch.Generator(), None).with_origin(1)
        ctx = Context(
            t=t,
            seed=seed,
            task=task,
            method=method,
            rules=TaskRules(generations=1, n=n, synthetic=n),
            source=source,
            history=lambda: (real, synthetic),
            pool=lambda: Corpus.concat([real, synthetic]),
            previous=lambda: previous or real,
            model=lambda: current,
            initial_model=lambda: first,
            costs=costs,
        )
        return Outcome(method.curate(synthetic, ctx), ctx, costs)

    return run


@pytest.fixture
def given():
    """A context with just these attributes; `logged` collects what is logged."""

    def make(seed=0, **attributes):
        logged = {}
        rng = torch.Generator().manual_seed(seed)
        return SimpleNamespace(rng=rng, logged=logged, log=logged.__setitem__, **attributes)

    return make
