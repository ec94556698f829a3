"""Methods followed by hand: real rows are 1, 2, ..., n, those of S_1 are 101, 102, ..., 100 + n."""

from types import SimpleNamespace

import pytest
import torch

from collapsebench.core.method import METHODS
from collapsebench.testing import Toy, tiny_run


class Outcome:
    """D_t (`corpus`, sorted `rows`, the `real` ones of them), S_t (sorted `synthetic`), what was logged and charged."""

    def __init__(self, run, t):
        self.corpus, self.log = run.corpora[t], run.log
        self.rows = sorted(self.corpus["x"].tolist())
        is_real = torch.as_tensor(self.corpus.table.labels).expand(len(self.corpus)) == 0
        self.real = sorted(self.corpus["x"][is_real].tolist())
        self.synthetic = sorted(run.history[t]["x"].tolist())
        before, after = (run.records[i].costs for i in (t - 1, t))
        self.costs = {name: after[name] - before[name] for name in after}


@pytest.fixture
def curate():
    """Run a built-in method up to generation t (by default 1) on the toy task."""

    def run(name, n=8, seed=0, t=1, task=None, **params):
        method = METHODS.get(name)(**params)
        return Outcome(tiny_run(method, task or Toy(drift=100), generations=t, seed=seed, n=n), t)

    return run


@pytest.fixture
def given():
    """A context with just these attributes; `logged` collects what is logged."""

    def make(seed=0, **attributes):
        logged = {}
        rng = torch.Generator().manual_seed(seed)
        return SimpleNamespace(rng=rng, logged=logged, log=logged.__setitem__, **attributes)

    return make
