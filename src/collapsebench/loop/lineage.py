"""Lineage: the generations of one cell. Every stage gets its named streams, is metered, and its result is checked."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeAlias, TypeVar

import torch
from pydantic import ValidationError

from ..core.access import Access
from ..core.context import Context, check_decoding
from ..core.corpus import Corpus, shares
from ..core.costs import Costs
from ..core.errors import PluginError
from ..core.learner import Decoding, FitConfig, Learner, SiteWeights
from ..core.plugin import working
from ..core.records import GenerationRecord, problem
from ..core.seeds import stream, stream_seed
from ..core.task import Start, Task
from .cache import Cache, Result
from .checks import check_metrics
from .desk import Desk, Sizes, Stand, WorldView
from .ledger import Ledger
from .source import RealSource
from .training_set import read_training_set
from .world import CURVE

if TYPE_CHECKING:
    from ..scoring.lm_eval.named import NamedTasks
    from .cell import Cell
    from .store import Store

P = ParamSpec("P")
T = TypeVar("T")

Data: TypeAlias = Result[Corpus]
Model: TypeAlias = Result[Learner]


def stage(compute: Callable[Concatenate[Lineage, P], Result[T]]) -> Callable[Concatenate[Lineage, P], Result[T]]:
    """A stage of the protocol as a cached function of its arguments; its costs, log and time are noted."""
    kind = compute.__name__

    @functools.wraps(compute)
    def call(lineage: Lineage, /, *inputs: P.args, **named: P.kwargs) -> Result[T]:
        if lineage.cache is None:
            start = time.perf_counter()
            result = compute(lineage, *inputs, **named)
            result.seconds = time.perf_counter() - start
        else:
            parts = (*lineage.cell.stage_key(kind), *inputs, *named.values())
            result = lineage.cache.call(kind, lambda: compute(lineage, *inputs, **named), parts)
        if result.costs is not None:
            lineage.costs.add(result.costs)
        if result.log:
            lineage.log.update(result.log)
        lineage.seconds[kind] = result.seconds
        return result

    return call


def prepared_task(cell: Cell) -> Task:
    """The task as this cell's seed sees it.

    Raises:
        DataError, PluginError: its data are missing or damaged, or its models do not fit them.
    """
    with working(f"Task '{cell.task.name}'"):
        return cell.task.prepared(cell.rules.n, stream("real", cell.task.name, cell.seed))


class Lineage:
    """The stages of one cell, and how far it is.

    Args:
        cell: what to run.
        store: where stages of gradient-trained learners are kept; closed-form learners stay in memory.
        keep_checkpoints: keep the model of every generation instead of the first and the last.

    Attributes:
        t: the last generation that was evaluated, -1 before the first.
        history: D_0, S_1, ..., the newest last.
        corpus, model, initial_model: D_t, M_t and M_0.
        costs: counts since the start.
        log, seconds: of the stages of this generation so far.
    """

    history: list[Data]
    corpus: Data
    model: Model
    initial_model: Model

    def __init__(self, cell: Cell, store: Store | None, keep_checkpoints: bool = False) -> None:
        self.cell, self.rules, self.world, self.method = cell, cell.rules, cell.world, cell.method
        self.task = prepared_task(cell)
        self._keep_checkpoints = keep_checkpoints
        n, limits = self.rules.n, self.rules.limits
        fresh = max(round(limits.fresh_real * n), self.world.arrivals)  # references have as many as arrive
        self._sizes = Sizes(n, fresh, round(limits.candidates * n), limits.corpus_bytes)
        self._source = RealSource(self.task, n, cell.seed)
        self._view, self._ledger = _view(cell), Ledger()
        self._generators = {name: torch.Generator() for name in ("init", "sample", "evaluate")}
        learner = self._new_learner()
        self.closed_form = learner.closed_form
        self._lm_eval = self._named_tasks(learner)
        self.cache = None if self.closed_form or store is None else Cache(store, self._decoded)
        self._conditional = type(self.task).conditions is not Task.conditions
        self._unbatched = self._training(self._stream("batches", 0))
        self.costs, self.history, self.t = Costs(), [], -1
        self._pooled: list[Corpus] = []
        self._most = self.rules.n + self.world.generations * self.world.arrivals
        self._weighting = cell.method_key if self.method.weights_sites else ""
        self.log: dict[str, float] = {}
        self.seconds: dict[str, float] = {}

    def generations(self) -> Iterator[GenerationRecord]:
        """The protocol: train, sample, the method curates, train, ... with an evaluation at every generation."""
        corpus = self.real(self.rules.n)
        self.history.append(corpus)
        self.initial_model = model = self.fit(corpus, None, 0, "")
        yield self._ended(0, corpus, model)
        for t in range(1, self.world.generations + 1):
            self.history.append(self._arrivals(t))
            corpus = self.curate(tuple(self.history), self.corpus, self.model, self.initial_model, t)
            continued = self.model if self.rules.start == "previous" else None
            model = self.fit(corpus, continued, t, self._weighting)
            yield self._ended(t, corpus, model)

    def _arrivals(self, t: int) -> Data:
        """A_t: what the world says."""
        if self.world.kind == CURVE:
            sizes = tuple(round(multiple * self.rules.n) for multiple in self.world.multiples[:t])
            return self.grow(self.history[0], sizes)
        decoding = self.method.decoding(t)
        check_decoding(self.task, decoding)
        model, m = self.model, self.world.arrivals - self.world.real
        if self.world.generator == "outside":
            model, decoding = self._outside, Decoding(self.world.temperature or 1.0)
        if not self.world.real:
            return self.sample(model, m, decoding, t)
        return self.mix(self.world.real, self.sample(model, m, decoding, t) if m else None, t)

    # -- the stages, in the order of the protocol ------------------------------------------------

    @stage
    def real(self, n: int) -> Data:
        """D_0, of n examples."""
        corpus = self._source.first()
        return Result(corpus, Costs(real_examples=n), facts=_facts(corpus))

    @stage
    def grow(self, first: Data, sizes: tuple[int, ...]) -> Data:
        """The real rows of the last of these sizes of the learning curve: the first of D_0, or D_0 and more."""
        n = self.rules.n
        if sizes[-1] <= n:
            return Result(first.value.select(torch.arange(sizes[-1])))
        growth = sizes[-1] - max(n, *sizes[:-1])
        return Result(self._source.more(first.value, [s for s in sizes if s > n]), Costs(real_examples=growth))

    @stage
    def outside(self, rows: int) -> Model:
        """The outside generator, fitted on real rows that are in no D_0, the same in every generation."""
        learner = self.task.learner(self._stream("outside/init", 0))
        learner.fit(self._source.outside(rows), self._training(self._stream("outside/batches", 0)))
        return Result(learner)

    @stage
    def mix(self, real: int, synthetic: Data | None, t: int) -> Data:
        """A_t of so many new real rows and generated ones, in an order drawn at random."""
        rows = [self._source.fresh(t, 0, real, real), *([] if synthetic is None else [synthetic.value])]
        order = stream_seed("arrivals", self.task.name, self.cell.seed, t)
        return Result(Corpus.concat(rows).shuffled(order), Costs(real_examples=real))

    @stage
    def sample(self, model: Model, m: int, decoding: Decoding, t: int) -> Data:
        """S_t, m examples sampled from M_{t-1} as the method's decoding says."""
        conditions = self._conditions(m, t) if self._conditional else None
        synthetic = model.value.sample(m, self._restarted("sample", t), decoding, conditions)
        if len(synthetic) != m:
            raise PluginError(f"Task '{self.task.name}' sampled {len(synthetic)} examples, not {m}.")
        return Result(synthetic.with_origin(t), Costs(synthetic_examples=m))

    @stage
    def curate(self, history: tuple[Data, ...], previous: Data, model: Model, initial_model: Model, t: int) -> Data:
        """D_t, made by the method of D_0, A_1..A_t, D_{t-1}, M_{t-1} and M_0."""
        costs = Costs()
        stand = Stand(t, history, lambda: self._pool(history), previous, model, initial_model)
        access = Access(self.method.name, self.method.access())
        desk = Desk(stand, self._sizes, self._source, self._view, access, costs, self._ledger)
        ctx = Context(desk)
        corpus = desk.returned(self.method.curate(ctx.arrivals, ctx))
        return Result(corpus, costs, desk.logged, _facts(corpus))

    @stage
    def fit(self, corpus: Data, continued: Model | None, t: int, weighting: str) -> Model:
        """M_t, trained on D_t from the task's start or from the model that it continues.

        Its `weighting` is the key of the method that re-weights the loss, or "": M_0 is the world's.
        """
        if self.closed_form and t > 0:
            added = corpus.value.added_since(self.corpus.value)
            if added is not None and (extended := self.model.value.extended(added)):
                return Result(extended, Costs(trained_tokens=extended.tokens(corpus.value)))
        learner = self._new_learner()
        if continued is not None:
            learner.load(continued.value.state())
        hook = self.method.site_weights if weighting else None
        training = self._unbatched if self.closed_form else self._training(self._stream("batches", t), hook)
        report = learner.fit(corpus.value, training)
        return Result(learner, Costs(trained_tokens=report.tokens, optimizer_steps=report.steps))

    @stage
    def evaluate(self, model: Model, first: Data, initial_model: Model) -> Result[None]:
        """The metrics of M_t on held-out real data, as facts."""
        start = Start(first.value, lambda: initial_model.value)
        found = self.task.evaluate(model.value, start, self._restarted("evaluate"))
        check_metrics(found, self.task, self.t + 1)
        if self._lm_eval:
            found = {**found, **self._lm_eval.score(model.value)}
        return Result(None, facts={name: float(value) for name, value in found.items()})  # as they are when read back

    # -- inside ----------------------------------------------------------------------------------

    @functools.cached_property
    def _outside(self) -> Model:
        return self.outside(self.world.generator_rows or 0)

    def _ended(self, t: int, corpus: Data, model: Model) -> GenerationRecord:
        """Evaluate M_t, and go on to it."""
        evaluation = self.evaluate(model, self.history[0], self.initial_model)
        if t > 1 and not self._keep_checkpoints:
            self.model.drop()
        self.t, self.corpus, self.model = t, corpus, model
        log, seconds, self.log, self.seconds = self.log, self.seconds, {}, {}
        make = GenerationRecord if log or self._lm_eval or t == 0 else GenerationRecord.unchecked
        try:
            return make(
                t=t,
                metrics=evaluation.facts,
                costs=self.costs.to_dict(),
                rows=int(corpus.facts["rows"]),
                real_share=corpus.facts["real_share"],
                synthetic_share=corpus.facts["synthetic_share"],
                log=log,
                seconds=seconds,
            )
        except ValidationError as error:  # a task or a method may name its numbers in any way
            raise PluginError(f"Generation {t} has no record: {': '.join(problem(error))}.") from error

    def _training(self, batches: torch.Generator, hook: SiteWeights | None = None) -> FitConfig:
        budget = self.rules.budget
        return FitConfig(batches, budget.steps, budget.epochs, budget.batch, hook)

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

    def _named_tasks(self, learner: Learner) -> NamedTasks | None:
        """The lm-eval tasks to score besides, checked before anything is trained."""
        if not self.rules.lm_eval:
            return None
        from ..scoring.lm_eval.named import NamedTasks

        return NamedTasks(self.rules.lm_eval, self.rules.lm_eval_limit, learner)

    def _conditions(self, m: int, t: int) -> Corpus | None:
        """What examples are generated for; where real rows arrive too, inputs of D_0 would tell the generated ones."""
        first = self.history[0].value if self.world.extends else None
        return self.task.conditions(m, self._stream("conditions", t), first)

    def _pool(self, history: tuple[Data, ...]) -> Corpus:
        """D_0 and A_1..A_t as one corpus, grown from what it was last time."""
        known = self._pooled
        if len(known) > len(history):  # D_t is computed again, of a generation before the last
            return Corpus.concat([corpus.value for corpus in history])
        for corpus in history[len(known) :]:
            known.append(corpus.value if not known else known[-1].extended(corpus.value, self._most))
        return known[-1]


def _facts(corpus: Corpus) -> dict[str, float]:
    real, synthetic = shares(corpus)
    return {"rows": len(corpus), "real_share": real, "synthetic_share": synthetic}


def _view(cell: Cell) -> WorldView:
    """What methods see of the world; its references see marks without error."""
    world = cell.world
    missed, false_alarm = (0.0, 0.0) if cell.method.card.reference else (world.missed, world.false_alarm)
    return WorldView(world.phi, world.psi, missed, false_alarm, world.extends)
