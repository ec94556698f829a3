"""Plan: from a protocol, methods and seeds to cells, references included."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..core.errors import ProtocolError
from ..core.records import REFERENCES
from ..core.registry import load_plugins
from ..core.task import Task
from .cell import Cell, CellSpec
from .plugins import make_method, make_task
from .protocol import Protocol


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
