"""Lineage: the generations of one cell. Every stage gets its named streams, is metered, and its result is checked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pydantic import ValidationError

from ..core.access import Access
from ..core.context import Context
from ..core.corpus import Corpus
from ..core.costs import Costs
from ..core.errors import PluginError
from ..core.records import GenerationRecord, problem
from ..core.task import Start
from .arrivals import Arrivals
from .cache import Result
from .checks import bounded, check_report, measured
from .desk import Desk, Sizes, Stand, WorldView
from .ledger import Ledger
from .stage import Data, Model, facts, stage

if TYPE_CHECKING:
    from ..scoring.lm_eval.named import NamedTasks
    from .cell import Cell
    from .store import Store


class Lineage(Arrivals):
    """The generations of one cell, and how far it is.

    Args:
        cell, store: as of `Stages`.
        keep_checkpoints: keep the model of every generation instead of the first and the last.

    Attributes:
        t: the last generation that was evaluated, -1 before the first.
        history: D_0, A_1, ..., the newest last.
        corpus, model, initial_model: D_t, M_t and M_0.
        parameters: size of the models, 0 before the first is fitted.
    """

    history: list[Data]
    corpus: Data
    model: Model
    initial_model: Model

    def __init__(self, cell: Cell, store: Store | None, keep_checkpoints: bool = False) -> None:
        super().__init__(cell, store)
        self._keep_checkpoints = keep_checkpoints
        n, limits, world = self.rules.n, self.rules.limits, self.world
        fresh = max(round(limits.fresh_real * n), world.arrivals)  # references have as many as arrive
        self._sizes = Sizes(n, fresh, round(limits.candidates * n), limits.corpus_bytes)
        self._view, self._ledger = _view(cell), Ledger()
        self._lm_eval = self._named_tasks()
        self._unbatched = self._training(self._stream("batches", 0))
        self.history, self.t, self.parameters = [], -1, 0
        self._pooled: list[Corpus] = []
        self._most = n + world.generations * world.arrivals
        self._weighting = cell.method_key if self.method.weights_sites else ""

    def generations(self) -> Iterator[GenerationRecord]:
        """The protocol: train, sample, the method curates, train, ... with an evaluation at every generation."""
        corpus = self.real(self.rules.n)
        self.history.append(corpus)
        self.initial_model = model = self.fit(corpus, None, 0, "")
        self.parameters = model.value.parameters
        yield self._ended(0, corpus, model)
        for t in range(1, self.world.generations + 1):
            self.history.append(self.arrivals(self.history[0], self.model, t))
            corpus = self.curate(tuple(self.history), self.corpus, self.model, self.initial_model, t)
            continued = self.model if self.rules.start == "previous" else None
            model = self.fit(corpus, continued, t, self._weighting)
            yield self._ended(t, corpus, model)

    @stage
    def curate(self, history: tuple[Data, ...], previous: Data, model: Model, initial_model: Model, t: int) -> Data:
        """D_t, made by the method of D_0, A_1..A_t, D_{t-1}, M_{t-1} and M_0."""
        costs = Costs()
        stand = Stand(t, history, lambda: self._pool(history), previous, model, initial_model)
        access = Access(self.method.name, self.method.access())
        desk = Desk(stand, self._sizes, self.source, self._view, access, costs, self._ledger)
        ctx = Context(desk)
        corpus = desk.returned(self.method.curate(ctx.arrivals, ctx))
        return Result(corpus, costs, desk.logged, facts(corpus))

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
        check_report(report, self.rules.budget.steps, self.task.name)
        return Result(learner, Costs(trained_tokens=report.tokens, optimizer_steps=report.steps))

    @stage
    def evaluate(self, model: Model, first: Data, initial_model: Model) -> Result[None]:
        """The metrics of M_t on held-out real data, as facts."""
        start = Start(first.value, lambda: initial_model.value)
        found = self.task.evaluate(model.value, start, self._restarted("evaluate"))
        metrics = measured(found, self.task, self.t + 1)
        if self._lm_eval:
            metrics.update(bounded(self._lm_eval.score(model.value)))
        return Result(None, facts=metrics)

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

    def _named_tasks(self) -> NamedTasks | None:
        """The lm-eval tasks to score besides, checked before anything is trained."""
        if not self.rules.lm_eval:
            return None
        from ..scoring.lm_eval.named import NamedTasks

        return NamedTasks(self.rules.lm_eval, self.rules.lm_eval_limit, self._new_learner())

    def _pool(self, history: tuple[Data, ...]) -> Corpus:
        """D_0 and A_1..A_t as one corpus, grown from what it was last time."""
        known = self._pooled
        if len(known) > len(history):  # D_t is computed again, of a generation before the last
            return Corpus.concat([corpus.value for corpus in history])
        for corpus in history[len(known) :]:
            known.append(corpus.value if not known else known[-1].extended(corpus.value, self._most))
        return known[-1]


def _view(cell: Cell) -> WorldView:
    """What methods see of the world; its references see marks without error."""
    world = cell.world
    missed, false_alarm = (0.0, 0.0) if cell.method.card.reference else (world.missed, world.false_alarm)
    return WorldView(world.phi, world.psi, missed, false_alarm, world.extends)
