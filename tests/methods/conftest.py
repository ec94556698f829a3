"""Methods followed by hand: real rows are 1, 2, ..., n, those of S_1 are 101, 102, ..., 100 + n."""

from types import SimpleNamespace

import pytest
import torch

from collapsebench.core.method import METHODS
from collapsebench.testing import Toy, tiny_run


class Outcome:
    """D_t (`corpus`, sorted `rows`, the `real` ones of them), A_t (sorted `arrived`), what was logged and charged."""

    def __init__(self, run, t, edge):
        self.corpus, self.log = run.corpora[t], run.log
        self.rows = sorted(self.corpus["x"].tolist())
        self.real = [x for x in self.rows if x < edge]
        self.arrived = sorted(run.history[t]["x"].tolist())
        before, after = (run.records[i].costs for i in (t - 1, t))
        self.costs = {name: after[name] - before[name] for name in after}


@pytest.fixture
def curate():
    """Run a built-in method up to generation t (by default 1) on the toy task, in a world by its name or as written."""

    def run(name, n=8, seed=0, t=1, task=None, world="preserve", worlds=None, **params):
        worlds = {world: {}} if worlds is None else worlds
        made = METHODS.get(name)(**params)
        task = task or Toy(drift=100)
        cell = tiny_run(made, task, generations=t, seed=seed, world=next(iter(worlds)), n=n, worlds=worlds)
        return Outcome(cell, t, edge=max(50, task.drift / 2))

    return run


class Given(SimpleNamespace):
    """A context with just these attributes; logs go to `logged`, the memory of kept rows to `memory`."""

    def __init__(self, seed=0, **attributes):
        super().__init__(rng=torch.Generator().manual_seed(seed), logged={}, memory=None, **attributes)

    def log(self, key, value):
        self.logged[key] = float(value)

    def remember(self, kept, memory):
        self.memory = memory
        return kept


@pytest.fixture
def given():
    """`Given`, to make a context from its attributes."""
    return Given
