"""Plan: from a protocol, methods and seeds to cells, references included."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..core.errors import ProtocolError
from ..core.method import Method
from ..core.plugin import working
from ..core.records import REFERENCES
from ..core.registry import load_plugins
from ..core.task import Task
from .cell import Cell, CellSpec
from .plugins import make_method, make_task
from .protocol import Protocol, TaskRules


def enumerate_cells(
    protocol: Protocol,
    methods: Sequence[Method],
    tasks: Sequence[str] | None = None,
    seeds: int | None = None,
    plugins: Sequence[str] = (),
) -> list[Cell]:
    """All cells of a run, references first, ordered so that costly shared work is not waited for.

    Args:
        protocol: the rules.
        methods: what is run beside the references; one whose label stands twice is run once.
        tasks: names, or None for all of the protocol.
        seeds: how many seeds, or None for the protocol's.
        plugins: plug-in files that workers must load.

    Raises:
        UsageError: a task that the protocol does not score.
        PluginError, ProtocolError: a method or a task does not work under these rules.
    """
    wanted = {name: protocol.rules(name) for name in (protocol.tasks if tasks is None else tasks)}
    lineup: dict[str, Method] = {}
    for method in (*(make_method(reference, {}) for reference in REFERENCES), *methods):
        lineup.setdefault(method.label, method)
    cells: list[Cell] = []
    for name, rules in wanted.items():
        task = _task(name, rules)
        for method in lineup.values():
            check_method(method, rules.n)
            cells += [Cell(protocol, task, method, seed, tuple(plugins)) for seed in range(seeds or protocol.seeds)]
    return cells


def build_cell(spec: CellSpec) -> Cell:
    """The cell of a spec, with its plug-ins loaded.

    Raises:
        UsageError, PluginError, ProtocolError: as `make_method` and `make_task`.
    """
    load_plugins(Path(path) for path in spec.plugins)
    protocol = Protocol.model_validate_json(spec.protocol)
    rules = protocol.rules(spec.task)
    task, method = _task(spec.task, rules), make_method(spec.method, spec.params)
    check_method(method, rules.n)
    return Cell(protocol, task, method, spec.seed, spec.plugins)


def check_method(method: Method, n: int) -> None:
    """Refuse a method that cannot work with n real examples.

    Raises:
        PluginError: the message names the method.
    """
    with working(f"Method '{method.name}'"):
        method.check(n)


def _task(name: str, rules: TaskRules) -> Task:
    task = make_task(name, rules.params)
    check_start(task, rules.start)
    check_lm_eval(task, rules.lm_eval)
    return task


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
