"""Plan: expand a protocol, methods and seeds into cells, references included."""

from __future__ import annotations

import hashlib
import json
import typing
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import MISSING, dataclass, fields, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from ..core.errors import CollapsebenchError, PluginError, ProtocolError, UsageError, unknown_name
from ..core.files import content_digest
from ..core.method import Method, default_of, track_of
from ..core.records import REFERENCES, SCHEMA, CellRecord, CellResult, Status
from ..core.registry import METHODS, TASKS, load_plugins
from ..core.seeds import stream
from ..core.task import Task
from ..data import data_path
from .digests import environment, harness_digest, plugin_digest
from .protocol import Protocol, TaskRules

Plugin = TypeVar("Plugin", Method, Task)

_PRETRAINED = ("base", "external_prior")
"""Parameters of tasks that are paths of models."""


@dataclass(frozen=True)
class CellSpec:
    """A cell in plain data, as it travels to a worker.

    Args:
        protocol: the protocol as JSON.
        task: name of the task; its sizes are in the protocol.
        method: name of the method.
        params: the method's hyper-parameters that were set.
        seed: the seed of every stream.
        plugins: plug-in files to load first.
    """

    protocol: str
    task: str
    method: str
    params: Mapping[str, Any]
    seed: int
    plugins: tuple[str, ...] = ()


@dataclass(frozen=True)
class Cell:
    """The unit of work, of resume and of failure: (protocol, task, method + parameters, seed)."""

    protocol: Protocol
    task: Task
    method: Method
    seed: int
    plugins: tuple[str, ...] = ()

    @property
    def spec(self) -> CellSpec:
        """This cell in plain data."""
        rules, params = self.protocol.model_dump_json(), _plain(self.method.params())
        return CellSpec(rules, self.task.name, self.method.name, params, self.seed, self.plugins)

    @cached_property
    def rules(self) -> TaskRules:
        """Sizes, budget and limits of this cell."""
        return self.protocol.rules(self.task.name)

    @property
    def name(self) -> str:
        """For messages: method, task and seed."""
        return f"{self.method.label} on {self.task.name}, seed {self.seed}"

    def prepared_task(self) -> Task:
        """The task as this cell's seed sees it.

        Raises:
            DataError, PluginError: its data are missing or damaged, or its models do not fit them.
        """
        return self.task.prepared(self.rules.n, stream("real", self.task.name, self.seed))

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
        return _digest([SCHEMA, self.rules.digest(), self.task_key, self.method_key, self.seed])

    @cached_property
    def storage_digest(self) -> str:
        """The key of this cell in a store: also the harness's own code, so that no old result is reused."""
        return _digest([self.digest, harness_digest(), *self.extra_evals])

    @cached_property
    def extra_evals(self) -> list[list[str]]:
        """What is measured with lm-eval besides the task's own metrics: name, limit and where the items come from."""
        if not self.rules.lm_eval:
            return []
        from ..scoring.lm_eval.named import source

        return [[name, str(self.rules.lm_eval_limit or "all"), source(name)] for name in self.rules.lm_eval]

    def key_parts(self) -> dict[str, str]:
        """What the storage key is made of, by name, for `run --explain`."""
        return {
            "cell": self.storage_digest,
            "rules of the task": self.rules.digest(),
            "task": self.task_key,
            "method": self.method_key,
            "harness code": harness_digest(),
        }

    def unsupported(self) -> str | None:
        """What this method declares to need and this task does not have, in words; None if it has all."""
        with _working(f"Method '{self.method.name}'"):
            needed = self.method.needs() | (self.method.access() & {"verifier", "reward", "prior"})
        lacking = sorted(needed - frozenset(self.task.card.supports) - {self.task.card.modality})
        return f"needs {', '.join(lacking)}, which {self.task.name} does not have" if lacking else None

    def skip_reason(self) -> str | None:
        """Why this method cannot run on this task, or None: the task lacks something, or the method declines."""
        with _working(f"Method '{self.method.name}'"):
            return self.unsupported() or self.method.skip(self.task.card)

    def record(self, status: Status, reason: str = "") -> CellRecord:
        """The self-contained record of this cell."""
        task, method, protocol = self.task, self.method, self.protocol
        with _working(f"Task '{task.name}'"):
            theory = tuple(task.theory(method.name, self.rules.n, self.rules.generations))
        return CellRecord(
            cell=self.digest,
            protocol=described(protocol),
            task={
                "name": task.name,
                "digest": self.task_key,
                "generations": self.rules.generations,
                **{k: getattr(task.card, k) for k in ("title", "version", "data", "primary", "unit")},
                "metrics": dict(task.card.metrics),
                "shown": list(task.card.shown),
                **self._lm_eval(),
            },
            method={
                "name": method.name,
                "label": method.label,
                "params": _plain(method.params()),
                "digest": self.method_key,
                "title": method.card.title,
                "description": description(type(method)),
                "paper": method.card.paper,
                "track": track_of(method.access()),  # what plug-ins say of themselves is not asked
                "reference": method.name in REFERENCES,
            },
            seed=self.seed,
            status=status,
            reason=reason,
            theory=theory,
            environment={**environment(), "date": datetime.now(UTC).date().isoformat()},
        )

    def with_current_metadata(self, result: CellResult) -> CellResult:
        """A stored result of this cell with the record as it is written now.

        The protocol may have had another version or other tasks when it ran, and sentences may have been mended.
        """
        told = self.record(result.cell.status, result.cell.reason)
        return replace(result, cell=replace(told, environment=result.cell.environment))

    def _lm_eval(self) -> dict[str, Any]:
        """For the record: what stands in its metrics besides those of the card."""
        if not self.extra_evals:
            return {}
        sources = {name: source for name, _, source in self.extra_evals}
        return {"lm_eval": {"tasks": list(sources), "limit": self.rules.lm_eval_limit, "sources": sources}}


def described(protocol: Protocol) -> dict[str, Any]:
    """The `protocol` part of a record."""
    named = {"name", "version", "description", "generations", "seeds", "average_last"}
    return {**protocol.model_dump(include=named), "digest": protocol.digest(), "tasks": list(protocol.tasks)}


def task_key(task: Task) -> str:
    """Digest of a task: name, version, data, source and sizes; of pretrained models the content, wherever they lie."""
    sizes = {
        name: content_digest(data_path(str(value))) or value if name in _PRETRAINED and value else value
        for name, value in task.params().items()
    }
    return _digest([task.name, task.card.version, task.card.data, plugin_digest(type(task)), sizes])


def method_key(method: Method) -> str:
    """Digest of a method: name, source and hyper-parameters."""
    return _digest([method.name, plugin_digest(type(method)), method.params()])


def enumerate_cells(
    protocol: Protocol,
    methods: Sequence[tuple[str, Mapping[str, Any]]],
    tasks: Sequence[str] | None = None,
    seeds: int | None = None,
    plugins: Sequence[str] = (),
) -> list[CellSpec]:
    """All cells of a run, references first, ordered so that costly shared work is not waited for.

    Args:
        protocol: the rules.
        methods: names with the hyper-parameters that were set.
        tasks: names, or None for all of the protocol.
        seeds: how many seeds, or None for the protocol's.
        plugins: plug-in files that workers must load.

    Raises:
        UsageError: an unknown task, method or hyper-parameter.
    """
    wanted = list(protocol.tasks) if tasks is None else list(tasks)
    for name in wanted:
        protocol.rules(name)
    lineup: dict[str, tuple[str, Mapping[str, Any]]] = {}
    for name, params in [*((reference, {}) for reference in REFERENCES), *methods]:
        lineup.setdefault(make_method(name, params).label, (name, params))
    text = protocol.model_dump_json()
    return [
        CellSpec(text, task, name, dict(params), seed, tuple(plugins))
        for task in wanted
        for name, params in lineup.values()
        for seed in range(seeds or protocol.seeds)
    ]


def build_cell(spec: CellSpec) -> Cell:
    """The cell of a spec, with its plug-ins loaded.

    Raises:
        UsageError, PluginError, ProtocolError: as `make_method` and `make_task`.
    """
    load_plugins(Path(path) for path in spec.plugins)
    protocol = Protocol.model_validate_json(spec.protocol)
    task = make_task(spec.task, protocol.rules(spec.task).params)
    check_start(task, protocol.rules(spec.task).start)
    check_lm_eval(task, protocol.rules(spec.task).lm_eval)
    method = make_method(spec.method, spec.params)
    method.check(protocol.rules(spec.task).n)
    return Cell(protocol, task, method, spec.seed, spec.plugins)


def check_start(task: Task, start: str) -> None:
    """Refuse a protocol whose `start` is not what the task's learner begins at.

    Raises:
        ProtocolError: the message names task and field.
    """
    if start == "pretrained" and not task.pretrained:
        raise ProtocolError(
            f"tasks.{task.name}.start is 'pretrained', but the task's model begins at random weights.",
            "Name a pretrained model in its params, or write start: scratch.",
        )
    if start == "scratch" and task.pretrained:
        raise ProtocolError(
            f"tasks.{task.name}.start is 'scratch', but its params name a pretrained model.",
            "Write start: pretrained.",
        )


def check_lm_eval(task: Task, names: Sequence[str]) -> None:
    """Refuse a protocol that wants lm-eval's tasks of a task without a language model.

    Raises:
        ProtocolError: the message names task and field.
    """
    if names and "lm_eval" not in frozenset(task.card.supports):
        raise ProtocolError(
            f"tasks.{task.name}.lm_eval names {', '.join(names)}, but the task has no language model to read them.",
            "Leave it out; `collapsebench list tasks` shows which tasks support lm_eval.",
        )


def make_method(name: str, params: Mapping[str, Any]) -> Method:
    """A method with hyper-parameters, given as values or as text from the command line.

    Raises:
        UsageError: unknown method or hyper-parameter, or a value of the wrong type.
        PluginError: values that the method itself refuses, such as a share above 1.
    """
    return _instance("method", METHODS.get(name), name, params, UsageError)


def make_task(name: str, params: Mapping[str, Any]) -> Task:
    """A task with the sizes that a protocol gives it.

    Raises:
        UsageError: unknown task.
        ProtocolError: unknown size, or a value of the wrong type.
        PluginError: sizes that the task itself refuses.
    """
    return _instance("task", TASKS.get(name), name, params, ProtocolError)


def description(cls: type) -> str:
    """The first line of a class docstring, or "" if the class has none of its own."""
    doc = cls.__doc__ or ""
    return "" if doc.startswith(f"{cls.__name__}(") else doc.strip().partition("\n")[0]


def _instance(
    kind: str, cls: type[Plugin], name: str, params: Mapping[str, Any], wrong: type[CollapsebenchError]
) -> Plugin:
    types = typing.get_type_hints(cls)
    known = {f.name: f for f in fields(cls)}  # type: ignore[arg-type]
    values: dict[str, Any] = {}
    for key, value in params.items():
        if key not in known:
            error = unknown_name("parameter", key, known, owner=f"{kind} '{name}'")
            raise wrong(error.message, error.hint)
        try:
            values[key] = TypeAdapter(types[key]).validate_python(value)
        except ValidationError as invalid:
            problem = invalid.errors()[0]["msg"]
            raise wrong(f"Parameter {key}={value!r} of {kind} '{name}': {problem}.") from None
    if missing := [f.name for f in known.values() if default_of(f) is MISSING and f.name not in values]:
        raise wrong(f"{kind.capitalize()} '{name}' needs {', '.join(missing)}.", f"--set {missing[0]}=VALUE")
    try:
        return cls(**values)
    except CollapsebenchError:
        raise
    except Exception as error:  # a plug-in may refuse its parameters in any way
        refusal = f"{kind.capitalize()} '{name}' refuses its parameters: {type(error).__name__}: {error}"
        raise PluginError(refusal) from error


@contextmanager
def _working(plugin: str) -> Iterator[None]:
    """A plug-in that fails outside its cell, where nothing could be run, cannot be used at all."""
    try:
        yield
    except CollapsebenchError:
        raise
    except Exception as error:
        raise PluginError(f"{plugin} cannot be used: {type(error).__name__}: {error}") from error


def _plain(params: Mapping[str, Any]) -> dict[str, Any]:
    return {k: v if isinstance(v, (bool, int, float, str, type(None))) else str(v) for k, v in params.items()}


def _digest(parts: Iterable[Any]) -> str:
    return hashlib.sha256(json.dumps(list(parts), sort_keys=True, default=str).encode()).hexdigest()
