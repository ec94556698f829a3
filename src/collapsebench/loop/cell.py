"""Cell: the unit of work, with its keys and its record."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from pydantic import ValidationError

from ..core.digests import module_code, plugin_code
from ..core.errors import PluginError
from ..core.files import content_digest, digest
from ..core.method import Method, MethodCard, track_of
from ..core.plugin import working
from ..core.records import (
    SCHEMA,
    CellRecord,
    CellResult,
    LmEvalRecord,
    MethodRecord,
    MetricRecord,
    Part,
    Place,
    ProtocolRecord,
    Status,
    TaskRecord,
    WorldRecord,
    one_line,
    problem,
)
from ..core.task import Task, TaskCard
from ..data import data_path
from .protocol import Protocol, TaskRules
from .world import CURVE, World, curve

LOOP = "loop.lineage"
"""The module that turns a cell into numbers."""

_PRETRAINED = ("base", "external_prior")
"""Parameters of tasks that are paths of models."""


@dataclass(frozen=True)
class CellSpec:
    """A cell in plain data, as it travels to a worker.

    Args:
        protocol: the protocol as JSON.
        task: name of the task; its sizes are in the protocol.
        world: name of the world; what arrives in it is in the protocol.
        method: name of the method.
        params: the method's hyper-parameters that were set.
        seed: the seed of every stream.
        plugins: plug-in files to load first.
    """

    protocol: str
    task: str
    world: str
    method: str
    params: Mapping[str, Any]
    seed: int
    plugins: tuple[str, ...] = ()


@dataclass(frozen=True)
class Cell:
    """The unit of work, of resume and of failure: (protocol, task, world, method + parameters, seed)."""

    protocol: Protocol
    task: Task
    method: Method
    seed: int
    world_name: str = "preserve"
    plugins: tuple[str, ...] = ()

    @property
    def spec(self) -> CellSpec:
        """This cell in plain data."""
        rules, params = self.protocol.model_dump_json(), _plain(self.method.params())
        return CellSpec(rules, self.task.name, self.world_name, self.method.name, params, self.seed, self.plugins)

    @cached_property
    def rules(self) -> TaskRules:
        """Sizes, budget and limits of this cell."""
        return self.protocol.rules(self.task.name)

    @cached_property
    def world(self) -> World:
        """What arrives in each generation."""
        if self.world_name == CURVE:
            return curve(self.rules.n, self.task.card.population)
        return self.protocol.world(self.task.name, self.world_name)

    @property
    def place(self) -> Place:
        """Label, task, world and seed, as of its result."""
        return self.method.label, self.task.name, self.world_name, self.seed

    @property
    def name(self) -> str:
        """For messages: method, task, world and seed."""
        return f"{self.method.label} on {self.task.name}/{self.world_name}, seed {self.seed}"

    @cached_property
    def task_key(self) -> str:
        """Digest of the task, as `task_key`."""
        return task_key(self.task)

    @cached_property
    def method_key(self) -> str:
        """Digest of the method, as `method_key`."""
        return method_key(self.method)

    @cached_property
    def digest(self) -> str:
        """The key of this cell: everything that can change its records."""
        return digest([SCHEMA, self.rules.digest(), self.world.digest(), self.task_key, self.method_key, self.seed])

    @cached_property
    def storage_digest(self) -> str:
        """The key of this cell in a store: also what is measured besides the task's own metrics."""
        return digest([self.digest, self.extra_key])

    @cached_property
    def extra_evals(self) -> list[list[str]]:
        """What is measured with lm-eval besides the task's own metrics: name, limit and where the items come from."""
        if not self.rules.lm_eval:
            return []
        from ..scoring.lm_eval.named import source

        return [[name, str(self.rules.lm_eval_limit or "all"), source(name)] for name in self.rules.lm_eval]

    @cached_property
    def extra_key(self) -> str:
        """Digest of `extra_evals` and of the code that makes them; "" where there are none."""
        return digest([self.extra_evals, module_code("scoring.lm_eval.named").digest]) if self.extra_evals else ""

    def stage_key(self, kind: str) -> list[Any]:
        """What a stage of this cell depends on besides its inputs."""
        rules = self.rules
        own: dict[str, list[Any]] = {
            "outside": [rules.n, rules.budget.model_dump_json()],  # a tokenizer may be made of D_0
            "curate": [self.method_key, rules.n, rules.limits.model_dump_json(), self.world.digest()],
            "fit": [rules.budget.model_dump_json()],
            "evaluate": [self.extra_key],
        }
        return [SCHEMA, kind, self.task_key, self.seed, *own.get(kind, [])]

    def key_parts(self) -> dict[str, str]:
        """What the storage key is made of, by name, for `run --explain`."""
        task, method, loop = plugin_code(type(self.task)), plugin_code(type(self.method)), module_code(LOOP)
        return {
            "cell": self.storage_digest,
            "rules of the task": self.rules.digest(),
            "world": self.world.digest(),
            "task": self.task_key,
            "task code": task.own,
            "learner, scorer and base code": f"{task.harness} ({', '.join(task.modules)})",
            "loop code": f"{loop.digest} ({', '.join(loop.modules)})",
            "method": self.method_key,
            "method code": method.own,
            "method base code": f"{method.harness} ({', '.join(method.modules)})",
            **({"lm-eval": self.extra_key} if self.extra_key else {}),
        }

    def unsupported(self) -> str | None:
        """What this method declares to need and this task does not have, in words; None if it has all."""
        with working(f"Method '{self.method.name}'"):
            if self.world.question.name not in self.method.questions():
                return f"is not made for the question {self.world.question.name}"
            needed = self.method.needs() | (self.method.access() & {"verifier", "reward", "prior"})
        lacking = sorted(needed - frozenset(self.task.card.supports) - {self.task.card.modality})
        return f"needs {', '.join(lacking)}, which {self.task.name} does not have" if lacking else None

    def skip_reason(self) -> str | None:
        """Why this method cannot run on this task, or None: the task lacks something, or the method declines."""
        with working(f"Method '{self.method.name}'"):
            reason = self.unsupported() or self.method.skip(self.task.card)
            if reason is not None and not isinstance(reason, str):
                raise TypeError(f"skip returned {type(reason).__name__}, not text or None")
            return reason

    def record(self, status: Status, reason: str = "") -> CellRecord:
        """The self-contained record of this cell; a run adds its environment.

        Raises:
            PluginError: what a plug-in says of itself is no record.
        """
        with _recording(f"Method '{self.method.name}'"):
            method = self._method_record()
        with _recording(f"Task '{self.task.name}'"):
            return CellRecord(
                cell=self.digest,
                protocol=protocol_record(self.protocol),
                task=self._task_record(),
                world=self._world_record(),
                method=method,
                seed=self.seed,
                status=status,
                reason=one_line(reason),
                theory={name: tuple(values) for name, values in self._theory().items()},
                parameters=0,
                environment={},
            )

    def with_current_metadata(self, result: CellResult) -> CellResult:
        """A stored result of this cell with the record as it is written now.

        The protocol may have had another version or other tasks when it ran, and sentences may have been mended.
        """
        now = self.record(result.cell.status, result.cell.reason)
        then = result.cell
        return replace(result, cell=now.changed(environment=then.environment, parameters=then.parameters))

    def _task_record(self) -> TaskRecord:
        sources = {name: source for name, _, source in self.extra_evals}
        asked = LmEvalRecord(tasks=tuple(sources), limit=self.rules.lm_eval_limit, sources=sources)
        return TaskRecord(
            **_told_by(self.task.card, TaskRecord, beside={"metrics"}),
            name=self.task.name,
            digest=self.task_key,
            n=self.rules.n,
            metrics={name: MetricRecord(**vars(metric)) for name, metric in self.task.card.metrics.items()},
            budget=self.rules.budget.in_words,
            steps=self.rules.budget.steps,
            fresh=round(self.rules.limits.fresh_real * self.rules.n),
            candidates=round(self.rules.limits.candidates * self.rules.n),
            lm_eval=asked if sources else None,
        )

    def _method_record(self) -> MethodRecord:
        method = self.method
        return MethodRecord(
            **_told_by(method.card, MethodRecord, beside={"access", "reference"}),
            name=method.name,
            label=method.label,
            params=_plain(method.params()),
            digest=self.method_key,
            description=one_line(method.description()),
            access=tuple(sorted(method.access())),
            track=track_of(method.access()),  # what plug-ins say of themselves is not asked
            reference=bool(method.card.reference),
        )

    def _world_record(self) -> WorldRecord:
        world = self.world
        told = world.model_dump(include=set(WorldRecord.model_fields))
        question = world.question
        return WorldRecord(**told, question=question.name, floor=question.floor, ceiling=question.ceiling)

    def _theory(self) -> Mapping[str, Sequence[float]]:
        """Expected metrics by generation: the primary one of a learning curve, and where just S_t of n rows arrives."""
        n, world = self.rules.n, self.world
        if world.kind == CURVE:
            losses = self.task.learning_curve([n, *(round(m * n) for m in world.multiples)])
            return {self.task.card.primary: losses} if losses else {}
        if (world.kind == "preserve" and world.arrivals == n) or self.method.name == "frozen":
            return self.task.theory(self.method.name, n, world.generations)
        return {}


def protocol_record(protocol: Protocol) -> ProtocolRecord:
    """The rules as a record tells them."""
    return ProtocolRecord(
        name=protocol.name,
        version=protocol.version,
        description=protocol.description,
        digest=protocol.digest(),
        generations=protocol.generations,
        seeds=protocol.seeds,
        average_last=protocol.average_last,
        tasks=tuple(protocol.tasks),
    )


def task_key(task: Task) -> str:
    """Digest of a task: name, version, data, sizes, and the code of task, learner, scorer, bases and the loop.

    Of pretrained models the content counts, wherever they lie.
    """
    sizes = {
        name: content_digest(data_path(str(value))) or value if name in _PRETRAINED and value else value
        for name, value in task.params().items()
    }
    code = [plugin_code(type(task)).digest, module_code(LOOP).digest]
    return digest([task.name, task.card.version, task.card.data, code, sizes])


def method_key(method: Method) -> str:
    """Digest of a method: name, hyper-parameters, and the code of the method and of its bases."""
    return digest([method.name, plugin_code(type(method)).digest, method.params()])


@contextmanager
def _recording(plugin: str) -> Iterator[None]:
    """As `working`, where also what a plug-in says of itself may be no record."""
    with working(plugin):
        try:
            yield
        except ValidationError as error:
            raise PluginError(f"{plugin} cannot be used: {': '.join(problem(error))}.") from error


def _told_by(card: TaskCard | MethodCard, part: type[Part], beside: Collection[str] = ()) -> dict[str, Any]:
    """The fields of a part that a card has, sentences on one line each."""
    names = [name for name in part.model_fields if hasattr(card, name) and name not in beside]
    values = ((name, getattr(card, name)) for name in names)
    return {name: one_line(value) if isinstance(value, str) else value for name, value in values}


def _plain(params: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters as JSON holds them; what it does not hold, such as infinity, as text."""

    def holds(value: Any) -> bool:
        return value is None or isinstance(value, str) or (isinstance(value, int | float) and math.isfinite(value))

    return {name: value if holds(value) else str(value) for name, value in params.items()}
