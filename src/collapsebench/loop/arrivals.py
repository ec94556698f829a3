"""Arrivals: D_0, and what arrives in each generation as the world says."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import torch

from ..core.context import check_decoding
from ..core.corpus import Corpus, of_origin
from ..core.costs import Costs
from ..core.errors import PluginError
from ..core.learner import Decoding
from ..core.seeds import stream_seed
from ..core.task import Task
from .cache import Result
from .source import RealSource
from .stage import Data, Model, Stages, facts, stage
from .world import CURVE

if TYPE_CHECKING:
    from .cell import Cell
    from .store import Store


class Arrivals(Stages):
    """The stages that make D_0 and A_t.

    Args:
        cell, store: as of `Stages`.

    Attributes:
        source: real examples of the task and seed.
    """

    def __init__(self, cell: Cell, store: Store | None) -> None:
        super().__init__(cell, store)
        self.source = RealSource(self.task, self.rules.n, cell.seed)
        self._conditional = type(self.task).conditions is not Task.conditions

    def arrivals(self, first: Data, model: Model, t: int) -> Data:
        """A_t, where D_0 and M_{t-1} are these."""
        if self.world.kind == CURVE:
            sizes = tuple(round(multiple * self.rules.n) for multiple in self.world.multiples[:t])
            return self.grow(first, sizes)
        decoding = self.method.decoding(t)
        check_decoding(self.task, decoding)
        m = self.world.arrivals - self.world.real
        if self.world.generator == "outside":
            model, decoding = self._outside, Decoding(self.world.temperature or 1.0)
        # Where real rows arrive too, inputs of D_0 would tell the generated ones.
        labelled = first if self._conditional and self.world.extends else None
        if not self.world.real:
            return self.sample(model, m, decoding, labelled, t)
        return self.mix(self.world.real, self.sample(model, m, decoding, labelled, t) if m else None, t)

    @stage
    def real(self, n: int) -> Data:
        """D_0, of n examples."""
        corpus = self.source.first()
        return Result(corpus, Costs(real_examples=n), facts=facts(corpus))

    @stage
    def grow(self, first: Data, sizes: tuple[int, ...]) -> Data:
        """The real rows of the last of these sizes of the learning curve: the first of D_0, or D_0 and more."""
        n = self.rules.n
        if sizes[-1] <= n:
            return Result(first.value.select(torch.arange(sizes[-1])))
        growth = sizes[-1] - max(n, *sizes[:-1])
        return Result(self.source.more(first.value, [s for s in sizes if s > n]), Costs(real_examples=growth))

    @stage
    def mix(self, real: int, synthetic: Data | None, t: int) -> Data:
        """A_t of so many new real rows and generated ones, in an order drawn at random."""
        rows = [self.source.fresh(t, 0, real, real), *([] if synthetic is None else [synthetic.value])]
        order = stream_seed("arrivals", self.task.name, self.cell.seed, t)
        return Result(Corpus.concat(rows).shuffled(order), Costs(real_examples=real))

    @stage
    def sample(self, model: Model, m: int, decoding: Decoding, labelled: Data | None, t: int) -> Data:
        """S_t, m examples of a model; a conditional one is given new inputs, or those of `labelled`."""
        conditions = None
        if self._conditional:
            first = None if labelled is None else labelled.value
            conditions = self.task.conditions(m, self._stream("conditions", t), first)
        synthetic = model.value.sample(m, self._restarted("sample", t), decoding, conditions)
        if len(synthetic) != m:
            raise PluginError(f"Task '{self.task.name}' sampled {len(synthetic)} examples, not {m}.")
        return Result(of_origin(synthetic, t), Costs(synthetic_examples=m))

    @stage
    def outside(self, rows: int) -> Model:
        """The outside generator, fitted on real rows that are in no D_0, the same in every generation."""
        learner = self.task.learner(self._stream("outside/init", 0))
        learner.fit(self.source.outside(rows), self._training(self._stream("outside/batches", 0)))
        return Result(learner)

    @functools.cached_property
    def _outside(self) -> Model:
        return self.outside(self.world.generator_rows or 0)
