"""One task under test: its instance, its data and a fitted learner, each made once."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

import torch

from ..core.block import REAL
from ..core.corpus import Corpus, of_origin
from ..core.learner import PLAIN, Decoding, FitConfig, Learner
from ..core.method import METHODS
from ..core.seeds import stream
from ..core.task import Start, Task
from ..loop.source import RealSource
from .random_state import global_random_state
from .tiny import tiny_cell, tiny_task

if TYPE_CHECKING:
    from ..loop.cell import Cell


class TaskTrial:
    """A task under test, at a tiny size if it is a core one, with one fitted learner that several checks look at."""

    def __init__(self, cls: type[Task]) -> None:
        self.cls = cls

    def cell(self, method: str = "replace", kind: str = "preserve") -> Cell:
        """A tiny cell on an instance at its size."""
        return tiny_cell(METHODS.get(method).make({}), tiny_task(self.cls), kind)

    @cached_property
    def task(self) -> Task:
        """An instance at its size, as seed 0 sees it."""
        return self.cell().task.prepared(self.n, self.stream("real"))

    @property
    def supports(self) -> frozenset[str]:
        """What the card declares."""
        return frozenset(self.task.card.supports)

    @cached_property
    def n(self) -> int:
        """Rows of D_0."""
        return self.cell().rules.n

    def stream(self, purpose: str, seed: int = 0) -> torch.Generator:
        """A fresh generator at the start of a named stream."""
        return stream(purpose, self.cls.name, seed)

    @cached_property
    def real(self) -> Corpus:
        """D_0."""
        return of_origin(self.task.real(self.n, self.stream("real")), REAL)

    def fit(self, corpus: Corpus, site_weights: Callable[[torch.Tensor], torch.Tensor] | None = None) -> Learner:
        """A new learner fitted on a corpus."""
        learner = self.task.learner(self.stream("init"))
        learner.fit(corpus, self.training(site_weights))
        return learner

    def training(self, site_weights: Callable[[torch.Tensor], torch.Tensor] | None = None) -> FitConfig:
        """What a fit is told, the same each time."""
        budget = self.cell().rules.budget
        return FitConfig(self.stream("batches"), budget.steps, budget.epochs, budget.batch, site_weights)

    @cached_property
    def fitted(self) -> Learner:
        """M_0."""
        return self.fit(self.real)

    @cached_property
    def outside(self) -> Corpus:
        """Half as many other real rows, for an outside generator."""
        return RealSource(self.task, self.n, 0).outside(max(2, self.n // 2))

    def losses(self, rows: int, seeds: int) -> torch.Tensor:
        """The primary metric of a fit on so many real rows, by seed, float64 `[seeds]`."""
        return torch.tensor([self._loss(rows, seed) for seed in range(seeds)], dtype=torch.float64)

    def _loss(self, rows: int, seed: int) -> float:
        model = self.fit(self.task.real(rows, self.stream("real", seed)))
        return self.metrics(model, seed)[self.task.card.primary]

    def sample(self, learner: Learner, decoding: Decoding | None = None) -> Corpus:
        """As many examples of a learner as D_0 has, from the same stream each time."""
        conditions = self.task.conditions(self.n, self.stream("conditions"))
        return learner.sample(self.n, self.stream("sample"), decoding or Decoding(), conditions)

    def metrics(self, learner: Learner, seed: int = 0) -> dict[str, float]:
        """What `evaluate` says, from the same stream each time."""
        return self.task.evaluate(learner, Start(self.real, lambda: self.fitted), self.stream("evaluate", seed))

    def mask(self) -> torch.Tensor:
        """About half of the editable sites, bool `[n, s]`."""
        editable = self.fitted.sites(self.real).editable
        return editable & (torch.rand(editable.shape, generator=self.stream("mask")) < 0.5)

    def resample(self, mask: torch.Tensor) -> Corpus:
        """D_0 with sites drawn anew, from the same stream each time."""
        return self.fitted.resample(self.real, mask, self.stream("resample"), PLAIN)

    @cached_property
    def traces(self) -> dict[str, tuple[bool, bool]]:
        """For each thing that a task and its learner do: whether it changed D_0, and global random state."""
        learner, real = self.fitted, self.real
        calls: dict[str, Callable[[], object]] = {
            "real": lambda: self.task.real(self.n, self.stream("real")),
            "conditions": lambda: self.task.conditions(self.n, self.stream("conditions")),
            "fit": lambda: self.fit(real),
            "sample": lambda: self.sample(learner),
            "evaluate": lambda: self.metrics(learner),
            "pictures": lambda: self.task.pictures(real),
        }
        optional: dict[str, dict[str, Callable[[], object]]] = {
            "log_prob": {"log_prob": lambda: learner.log_prob(real)},
            "sites": {"sites": lambda: learner.sites(real), "resample": lambda: self.resample(self.mask())},
            "verifier": {"verify": lambda: self.task.verify(real)},
            "reward": {"reward": lambda: self.task.reward(real)},
            "prior": {"prior": lambda: self.task.prior(self.stream("prior"))},
        }
        for capability in sorted(self.supports & optional.keys()):
            calls |= optional[capability]
        return {what: self._traced(call) for what, call in calls.items()}

    def _traced(self, call: Callable[[], object]) -> tuple[bool, bool]:
        digest, state = self.real.digest(), global_random_state()
        call()
        return self.real.digest() != digest, global_random_state() != state
