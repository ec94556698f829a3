"""Plan: from a protocol, methods and seeds to cells, references included."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from ..core.errors import PluginError, ProtocolError, unknown_name
from ..core.method import Method, references
from ..core.plugin import source_file, working
from ..core.registry import load_plugins
from ..core.shipped import builtin_folder
from ..core.task import Task
from .cell import Cell, CellSpec
from .plugins import make_method, make_task
from .protocol import Protocol
from .world import CURVE, World, curve_sizes


def enumerate_cells(
    protocol: Protocol,
    methods: Sequence[Method],
    tasks: Sequence[str] | None = None,
    seeds: int | None = None,
    plugins: Sequence[str] = (),
    worlds: Sequence[str] | None = None,
) -> list[Cell]:
    """All cells of a run: of each task its learning curve, and in each world the references before the methods.

    Args:
        protocol: the rules.
        methods: what is run beside the references; one whose label stands twice is run once.
        tasks: names, or None for all of the protocol.
        seeds: how many seeds, or None for the protocol's.
        plugins: plug-in files that workers must load.
        worlds: names, or None for all of each task.

    Raises:
        UsageError: a task that the protocol does not score, or a world that none of them has.
        PluginError, ProtocolError: a method or a task does not work under these rules.
    """
    wanted = {name: protocol.rules(name) for name in (protocol.tasks if tasks is None else tasks)}
    known = {world for rules in wanted.values() for world in rules.worlds}
    if unknown := [world for world in worlds or () if world not in known]:
        raise unknown_name("world", unknown[0], known, owner=f"protocol '{protocol.name}' on these tasks")
    cells: list[Cell] = []
    for name, rules in wanted.items():
        task = _task(protocol, name)
        for world in (CURVE, *(world for world in rules.worlds if worlds is None or world in worlds)):
            for method in _lineup(protocol, name, world, methods):
                check_method(method, rules.n)
                cells += [
                    Cell(protocol, task, method, seed, world, tuple(plugins)) for seed in range(seeds or protocol.seeds)
                ]
    return cells


def _lineup(protocol: Protocol, task: str, world: str, methods: Sequence[Method]) -> Collection[Method]:
    """The methods that run in a world, its references first; one that is asked for runs where it is a reference."""
    question = CURVE if world == CURVE else protocol.world(task, world).question.name
    lineup = {name: make_method(name, {}) for name in references(question)}
    for method in methods if world != CURVE else ():
        if not method.card.reference or question in method.card.reference:
            lineup.setdefault(method.label, method)
    return lineup.values()


def build_cell(spec: CellSpec) -> Cell:
    """The cell of a spec, with its plug-ins loaded.

    Raises:
        UsageError, PluginError, ProtocolError: as `make_method` and `make_task`.
    """
    load_plugins(Path(path) for path in spec.plugins)
    protocol = Protocol.model_validate_json(spec.protocol)
    rules = protocol.rules(spec.task)
    task, method = _task(protocol, spec.task), make_method(spec.method, spec.params)
    check_method(method, rules.n)
    return Cell(protocol, task, method, spec.seed, spec.world, spec.plugins)


def check_method(method: Method, n: int) -> None:
    """Refuse a method that cannot work with n real examples, and one that takes what only references have.

    Raises:
        PluginError: the message names the method.
    """
    if method.card.reference and not source_file(type(method)).is_relative_to(builtin_folder("methods")):
        raise PluginError(
            f"Method '{method.name}' calls itself a reference; only methods of this package are.",
            "Leave `reference` out of its card.",
        )
    with working(f"Method '{method.name}'"):
        access = method.access()
    if "fresh" in access and not method.card.reference:
        raise PluginError(
            f"Method '{method.name}' declares access 'fresh': new real data are the world's, not a method's to order.",
            "Look for real rows among `ctx.arrivals`, in a world in which some arrive.",
        )
    with working(f"Method '{method.name}'"):
        method.check(n)


def _task(protocol: Protocol, name: str) -> Task:
    rules = protocol.rules(name)
    task = make_task(name, rules.params)
    check_start(task, rules.start)
    check_lm_eval(task, rules.lm_eval)
    if not curve_sizes(rules.n, task.card.population):
        raise ProtocolError(
            f"tasks.{name}.n is {rules.n}: of {task.card.population} real examples no other size has two or more.",
            "Write a smaller or a larger n; the learning curve needs a second size.",
        )
    for world in rules.worlds:
        check_world(task, rules.n, protocol.world(name, world))
    return task


def check_world(task: Task, n: int, world: World) -> None:
    """Refuse a world that a task cannot have.

    Raises:
        ProtocolError: the message names task and field.
    """
    field = f"tasks.{task.name}.worlds.{world.name}"
    if world.temperature not in (None, 1.0) and "temperature" not in task.card.supports:
        raise ProtocolError(
            f"{field}.generator.temperature is {world.temperature}, but {task.name} samples at temperature 1 only.",
            "Write temperature: 1.0.",
        )
    if (population := task.card.population) is None:
        return
    outside, fresh = world.generator_rows or 0, world.arrivals if world.kind == "grow" else world.real
    needed = n + world.generations * fresh + outside
    if needed > population:
        what = "generator.rows" if outside and needed - outside <= population else "m" if world.kind == "grow" else "k"
        raise ProtocolError(
            f"{field}.{what}: {needed} real examples are needed ({n} for D_0, {fresh} in each of {world.generations} "
            f"generations, {outside} for the generator), but {task.name} has {population}.",
            "Write fewer rows or generations.",
        )


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
