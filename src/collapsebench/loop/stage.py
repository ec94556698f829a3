"""Stage: a step of a generation as a cached function, and what all steps of a cell work with."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeAlias, TypeVar

import torch

from ..core.corpus import Corpus, shares
from ..core.costs import Costs
from ..core.learner import Checkpoint, FitConfig, Learner, SiteWeights
from ..core.plugin import working
from ..core.seeds import stream, stream_seed
from ..core.task import Task
from .cache import Cache, Result
from .training_set import read_training_set

if TYPE_CHECKING:
    from .cell import Cell
    from .store import Store

P = ParamSpec("P")
T = TypeVar("T")
S = TypeVar("S", bound="Stages")

Data: TypeAlias = Result[Corpus]
Model: TypeAlias = Result[Learner]


def stage(compute: Callable[Concatenate[S, P], Result[T]]) -> Callable[Concatenate[S, P], Result[T]]:
    """A stage of the protocol as a cached function of its arguments; its costs, log and time are noted."""
    kind = compute.__name__

    @functools.wraps(compute)
    def call(stages: S, /, *inputs: P.args, **named: P.kwargs) -> Result[T]:
        if stages.cache is None:
            start = time.perf_counter()
            result = compute(stages, *inputs, **named)
            result.seconds = time.perf_counter() - start
        else:

            def resumed(checkpoint: Checkpoint) -> Result[T]:
                before, stages.checkpoint = stages.checkpoint, checkpoint
                try:
                    return compute(stages, *inputs, **named)
                finally:  # a stage may read the value of an earlier one, which is then computed again inside it
                    stages.checkpoint = before

            parts = (*stages.cell.stage_key(kind), *inputs, *named.values())
            result = stages.cache.call(kind, resumed, parts)
        if result.costs is not None:
            stages.costs.add(result.costs)
        if result.log:
            stages.log.update(result.log)
        stages.seconds[kind] = result.seconds
        return result

    return call


def prepared_task(cell: Cell) -> Task:
    """The task as this cell's seed sees it.

    Raises:
        DataError, PluginError: its data are missing or damaged, or its models do not fit them.
    """
    with working(f"Task '{cell.task.name}'"):
        return cell.task.prepared(cell.rules.n, stream("real", cell.task.name, cell.seed))


class Stages:
    """What the stages of a cell work with: its task as the seed sees it, the cache, named streams, and their account.

    Args:
        cell: what to run.
        store: where stages of gradient-trained learners are kept; closed-form learners stay in memory.

    Attributes:
        costs: counts since the start.
        log, seconds: of the stages of this generation so far.
        checkpoint: where the stage that runs may leave how far it is; None outside stages that are kept.
    """

    checkpoint: Checkpoint | None = None

    def __init__(self, cell: Cell, store: Store | None) -> None:
        self.cell, self.rules, self.world, self.method = cell, cell.rules, cell.world, cell.method
        self.task = prepared_task(cell)
        self._generators = {name: torch.Generator() for name in ("init", "sample", "evaluate")}
        self.closed_form = self._new_learner().closed_form
        self.cache: Cache | None = None
        if not self.closed_form and store is not None:
            self.cache = Cache(store, self._decoded, 60 * self.rules.cell.checkpoint_minutes)
        self.costs = Costs()
        self.log: dict[str, float] = {}
        self.seconds: dict[str, float] = {}

    def _training(self, batches: torch.Generator, hook: SiteWeights | None = None) -> FitConfig:
        budget = self.rules.budget
        return FitConfig(batches, budget.steps, budget.epochs, budget.batch, hook, self.checkpoint)

    def _stream(self, purpose: str, t: int) -> torch.Generator:
        return stream(purpose, self.task.name, self.cell.seed, t)

    def _restarted(self, purpose: str, t: int = 0) -> torch.Generator:
        """A stream of a purpose that uses one at a time: to put a generator back takes a third of making one."""
        return self._generators[purpose].manual_seed(stream_seed(purpose, self.task.name, self.cell.seed, t))

    def _new_learner(self) -> Learner:
        return self.task.learner(self._restarted("init"))

    def _decoded(self, kind: str, tensors: Mapping[str, torch.Tensor]) -> Corpus | Learner:
        if kind not in ("fit", "outside"):
            return read_training_set(tensors)
        learner = self._new_learner()
        learner.load(tensors)
        return learner


def facts(corpus: Corpus) -> dict[str, float]:
    """What a record says of a corpus: its rows, and the shares of them that are real and that a model made."""
    real, synthetic = shares(corpus)
    return {"rows": len(corpus), "real_share": real, "synthetic_share": synthetic}
