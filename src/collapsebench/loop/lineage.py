"""Lineage: the stages of one cell. It gives each stage its named streams, meters it and checks what comes back."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from pydantic import ValidationError
from safetensors.torch import save as save_tensors

from ..core.context import Context, RealSource, check_decoding
from ..core.corpus import Block, Corpus
from ..core.costs import Costs
from ..core.errors import Diverged, LimitExceeded, PluginError
from ..core.learner import FitConfig, Learner
from ..core.records import GenerationRecord, problem
from ..core.seeds import generator, stream, stream_seed
from ..core.task import Start, Task
from .cache import Artefact, Codec, InMemoryStages, Stages, StoredStages

if TYPE_CHECKING:
    from ..scoring.lm_eval.named import NamedTasks
    from .cell import Cell
    from .store import Store


class Lineage:
    """Everything that the harness does for one cell, stage by stage.

    Args:
        cell: what to run.
        store: where stages of gradient-trained learners are kept; closed-form learners stay in memory.
        keep_checkpoints: keep the model of every generation instead of the first and the last.
    """

    def __init__(self, cell: Cell, store: Store | None, keep_checkpoints: bool = False) -> None:
        self.cell, self.rules, self._method = cell, cell.rules, cell.method
        self.task = cell.prepared_task()
        self._conditional = type(cell.task).conditions is not Task.conditions
        self._keep_checkpoints = keep_checkpoints
        self._source = RealSource(self.task, self.rules.n, cell.seed)
        self._constant: dict[str, tuple[torch.Generator, int]] = {}
        learner = self._new_learner()
        self.closed_form = learner.closed_form
        self._lm_eval = self._named_tasks(learner)
        self._stages: Stages = InMemoryStages() if self.closed_form or store is None else StoredStages(store)
        self._unbatched = self._training(self._stream("batches", 0))
        self.costs = Costs()
        self.history: list[Artefact[Corpus]] = []
        self.corpus: Artefact[Corpus]
        self.model: Artefact[Learner]
        self.initial_model: Artefact[Learner]
        self.t = -1
        self._pool_so_far: Corpus | None = None
        self._pooled = 0
        self._log: dict[str, float] = {}
        self._seconds: dict[str, float] = {}

    # -- the stages, in the order of the protocol ------------------------------------------------

    def real(self) -> Artefact[Corpus]:
        """D_0."""

        def compute() -> Artefact[Corpus]:
            corpus = self._source.first()
            return Artefact(corpus, Costs(real_examples=len(corpus)), facts=_facts(corpus))

        corpus = self._run("real", lambda: (self.rules.n,), compute, CORPUS)
        self.history.append(corpus)
        return corpus

    def sample(self, model: Artefact[Learner], t: int) -> Artefact[Corpus]:
        """S_t, sampled from M_{t-1} as the method's decoding says."""
        m, decoding = self.rules.synthetic, self._method.decoding(t)
        check_decoding(self.task, decoding)

        def compute() -> Artefact[Corpus]:
            synthetic = model.value.sample(m, self._stream("sample", t), decoding, self._conditions(m, t))
            if len(synthetic) != m:
                raise PluginError(f"Task '{self.task.name}' sampled {len(synthetic)} examples, not {m}.")
            return Artefact(synthetic.with_origin(t), Costs(synthetic_examples=m))

        synthetic = self._run("sample", lambda: (model.digest, m, repr(decoding), t), compute, CORPUS)
        self.history.append(synthetic)
        return synthetic

    def curate(self, synthetic: Artefact[Corpus], model: Artefact[Learner], t: int) -> Artefact[Corpus]:
        """D_t, made by the method and checked by the harness."""
        previous = self.corpus

        def compute() -> Artefact[Corpus]:
            costs = Costs()
            real, candidates = self.history[0].value, synthetic.value
            ctx = Context(
                t=t,
                seed=self.cell.seed,
                task=self.task,
                method=self._method,
                rules=self.rules,
                source=self._source,
                history=lambda: self._history(t),
                pool=lambda: self._pool(t),
                previous=lambda: previous.value,
                model=lambda: model.value,
                initial_model=lambda: self.initial_model.value,
                costs=costs,
            )
            ctx.guard(candidates)
            corpus = self._method.curate(candidates, ctx)
            ctx.check_inputs()
            corpus = self._checked(corpus, real, t)
            return Artefact(corpus, costs, log=ctx.logged, facts=_facts(corpus))

        def inputs() -> tuple[Any, ...]:
            digests = [corpus.digest for corpus in self.history]
            limits = self.rules.limits.model_dump_json()
            models = (model.digest, self.initial_model.digest)
            return (self.cell.method_key, self.rules.n, limits, t, *digests, previous.digest, *models)

        return self._run("curate", inputs, compute, CORPUS)

    def fit(self, corpus: Artefact[Corpus], t: int) -> Artefact[Learner]:
        """M_t, trained on D_t from the task's start."""
        budget = self.rules.budget
        continued = self.model if t > 0 and self.rules.start == "previous" else None

        def compute() -> Artefact[Learner]:
            if t > 0 and self.closed_form and (extended := self._extended(corpus.value)):
                return Artefact(extended, Costs(trained_tokens=extended.tokens(corpus.value)))
            learner = self._new_learner()
            if continued is not None:
                learner.load(continued.value.state())
            training = self._unbatched if self.closed_form else self._training(self._stream("batches", t))
            report = learner.fit(corpus.value, training)
            return Artefact(learner, Costs(trained_tokens=report.tokens, optimizer_steps=report.steps))

        def inputs() -> tuple[Any, ...]:
            weighting = self.cell.method_key if self._method.weights_sites else ""
            return (corpus.digest, budget.model_dump_json(), weighting, continued.digest if continued else "", t)

        model = self._run("fit", inputs, compute, Codec(_encode_learner, self.decode_learner))
        self.corpus = corpus
        if t == 0:
            self.initial_model = model
        return model

    def evaluate(self, model: Artefact[Learner], t: int) -> GenerationRecord:
        """The record of generation t: metrics of M_t on held-out real data, and all that was counted."""
        first, initial_model = self.history[0], self.initial_model

        def compute() -> Artefact[None]:
            start = Start(first.value, lambda: initial_model.value)
            found = self.task.evaluate(model.value, start, self._restarted("evaluate"))
            self._check_metrics(found, t)
            beside = self._lm_eval.score(model.value) if self._lm_eval else {}
            metrics = {name: float(value) for name, value in (found | beside).items()}  # as they are when read back
            return Artefact(None, Costs(), facts=metrics)

        def inputs() -> tuple[Any, ...]:
            return (model.digest, first.digest, initial_model.digest, self.cell.extra_key)

        evaluation = self._run("evaluate", inputs, compute, None)
        if t > 1 and not self._keep_checkpoints:
            self.model.drop()
        self.t, self.model = t, model
        facts = self.corpus.facts
        try:
            record = GenerationRecord(
                t=t,
                metrics=evaluation.facts,
                costs=self.costs.to_dict(),
                rows=int(facts["rows"]),
                real_share=facts["real_share"],
                log=self._log,
                seconds=self._seconds,
            )
        except ValidationError as error:  # a task or a method may name its numbers in any way
            raise PluginError(f"Generation {t} has no record: {': '.join(problem(error))}.") from error
        self._log, self._seconds = {}, {}
        return record

    # -- inside ----------------------------------------------------------------------------------

    def _run(
        self,
        kind: str,
        inputs: Callable[[], tuple[Any, ...]],
        compute: Callable[[], Artefact[Any]],
        codec: Codec[Any] | None,
    ) -> Artefact[Any]:
        artefact = self._stages.run(kind, lambda: (self.cell.task_key, self.cell.seed, *inputs()), compute, codec)
        self.costs.add(artefact.costs)
        self._seconds[kind] = artefact.seconds
        if artefact.log:
            self._log.update(artefact.log)
        return artefact

    def _training(self, batches: torch.Generator) -> FitConfig:
        budget, hook = self.rules.budget, self._method.site_weights if self._method.weights_sites else None
        return FitConfig(batches, budget.steps, budget.epochs, budget.batch, hook)

    def _stream(self, purpose: str, t: int) -> torch.Generator:
        return stream(purpose, self.task.name, self.cell.seed, t)

    def _restarted(self, purpose: str) -> torch.Generator:
        """A stream that is the same at every t, put back to its start."""
        if purpose not in self._constant:
            seed = stream_seed(purpose, self.task.name, self.cell.seed)
            self._constant[purpose] = (generator(seed), seed)
        rng, seed = self._constant[purpose]
        return rng.manual_seed(seed)

    def _new_learner(self) -> Learner:
        return self.task.learner(self._restarted("init"))

    def _named_tasks(self, learner: Learner) -> NamedTasks | None:
        """The lm-eval tasks to score besides, checked before anything is trained."""
        if not self.rules.lm_eval:
            return None
        from ..scoring.lm_eval.named import NamedTasks

        return NamedTasks(self.rules.lm_eval, self.rules.lm_eval_limit, learner)

    def _conditions(self, m: int, t: int) -> Corpus | None:
        if not self._conditional:
            return None
        return self.task.conditions(m, self._stream("conditions", t), self.history[0].value)

    def _history(self, t: int) -> tuple[Corpus, ...]:
        """D_0 and S_1..S_t, also when the lineage is further and D_t has to be computed again."""
        return tuple(artefact.value for artefact in self.history[: t + 1])

    def _pool(self, t: int) -> Corpus:
        """D_0 and S_1..S_t as one corpus, grown from what it was last time."""
        if self._pooled > t + 1:
            return Corpus.concat(self._history(t))
        missing = [artefact.value for artefact in self.history[self._pooled : t + 1]]
        known = [] if self._pool_so_far is None else [self._pool_so_far]
        self._pool_so_far = Corpus.concat([*known, *missing])
        self._pooled = t + 1
        return self._pool_so_far

    def _extended(self, corpus: Corpus) -> Learner | None:
        """M_{t-1} brought up to date, where D_t is D_{t-1} plus new rows and the learner knows how."""
        added = corpus.added_since(self.corpus.value)
        return None if added is None else self.model.value.extended(added)

    def decode_learner(self, tensors: Mapping[str, torch.Tensor]) -> Learner:
        """A learner of this task with a saved state."""
        learner = self._new_learner()
        learner.load(tensors)
        return learner

    def _checked(self, corpus: Corpus, like: Corpus, t: int) -> Corpus:
        """The method's corpus with new rows stamped, if it is one that a model can be trained on."""
        check_corpus(corpus, like, self.rules.limits.corpus_bytes, self._method.name)
        if corpus.plain:
            return corpus
        check_values(corpus.blocks, self._method.name)
        return corpus.stamped(t)

    def _check_metrics(self, metrics: Mapping[str, float], t: int) -> None:
        primary = self.task.card.primary
        if primary not in metrics:
            raise PluginError(f"Task '{self.task.name}' did not return its primary metric '{primary}'.")
        if unknown := sorted(metrics.keys() - self.task.card.metrics.keys()):
            raise PluginError(
                f"Task '{self.task.name}' returned {', '.join(unknown)}, which its card does not describe.",
                "Describe every metric in the card's `metrics`.",
            )
        if not math.isfinite(metrics[primary]):
            raise Diverged(f"{primary} is {metrics[primary]} at generation {t}")


def generations_of(lineage: Lineage) -> Iterator[GenerationRecord]:
    """The protocol: train, sample, the method curates, train, ... with an evaluation at every generation."""
    corpus = lineage.real()
    model = lineage.fit(corpus, t=0)
    yield lineage.evaluate(model, t=0)
    for t in range(1, lineage.rules.generations + 1):
        synthetic = lineage.sample(lineage.model, t)
        corpus = lineage.curate(synthetic, lineage.model, t)
        model = lineage.fit(corpus, t)
        yield lineage.evaluate(model, t)


def check_corpus(corpus: object, like: Corpus, most_bytes: int, method: str) -> None:
    """Refuse what is not a corpus of the task's shape, an empty one and one larger than memory allows.

    Raises:
        PluginError, LimitExceeded: the message names the method and what is wrong.
    """
    if not isinstance(corpus, Corpus):
        raise PluginError(f"Method '{method}' returned {type(corpus).__name__}, not a Corpus.")
    if len(corpus) == 0:
        raise PluginError(f"Method '{method}' returned an empty corpus.", "Keep at least one example.")
    if not corpus.plain and corpus.schema != like.schema:
        raise PluginError(
            f"Method '{method}' returned {corpus!r} where the task's examples are {like!r}.",
            "Columns, types and row shapes must stay as they were.",
        )
    if (size := len(corpus) * like.row_bytes) > most_bytes:
        raise LimitExceeded(
            f"Method '{method}' returned {len(corpus)} rows, {size / 2**20:.0f} MiB; "
            f"the protocol allows {most_bytes / 2**20:.0f} MiB.",
            "Return fewer rows.",
        )


def check_values(blocks: Sequence[Block], method: str) -> None:
    """Refuse values and weights that no model can be trained on.

    Raises:
        PluginError: the message names the column.
    """
    for block in blocks:
        for name, column in block.columns.items():
            if column.is_floating_point() and not bool(torch.isfinite(column).all()):
                raise PluginError(f"Method '{method}' returned values in '{name}' that are not finite.")
        weights = block.weights
        if weights is not None and not (bool(torch.isfinite(weights).all()) and bool((weights >= 0).all())):
            raise PluginError(f"Method '{method}' returned row weights that are NaN, infinite or negative.")
    if all(block.weights is not None and not bool(block.weights.any()) for block in blocks):
        raise PluginError(f"Method '{method}' returned row weights that are all zero.")


def _facts(corpus: Corpus) -> dict[str, float]:
    return {"rows": len(corpus), "real_share": corpus.real_share()}


def _encode_corpus(corpus: Corpus) -> bytes:
    return save_tensors(_plain(corpus.to_tensors()))


def _encode_learner(learner: Learner) -> bytes:
    return save_tensors(_plain(learner.state()))


def _plain(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Copies that share no memory, as safetensors wants them."""
    return {name: tensor.detach().contiguous().clone() for name, tensor in tensors.items()}


CORPUS: Codec[Corpus] = Codec(_encode_corpus, Corpus.from_tensors)
