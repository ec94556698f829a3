"""From the finished cells of a store to a submission: what is there, what is missing, and whether it fits the board."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..core.commands import run_command
from ..core.errors import PluginError, RecordError
from ..core.method import Method
from ..core.records import CellResult, Place
from ..core.task import TASKS
from ..loop.plan import enumerate_cells
from ..loop.plugins import make_method
from ..loop.protocol import Protocol
from ..loop.runner import finished
from ..loop.store import Store
from ..loop.world import CURVE
from .apart import ask
from .merge import check_board
from .references import published_references


@dataclass(frozen=True)
class Submission:
    """A complete entry, and the cells of references that the board still lacks.

    Args:
        label: of the method with its hyper-parameters.
        own: its cells in every task, world and seed of the protocol.
        references: cells of reference lineages, learning curves among them, that are not on the board.
    """

    label: str
    own: tuple[CellResult, ...]
    references: tuple[CellResult, ...]


def collect(
    rules: Protocol, protocol: str, method: Method, plugins: Sequence[Path], store: Store, board: Path
) -> Submission:
    """The finished cells of one method, with what its plug-in says of it now.

    Args:
        rules: all tasks, worlds and seeds of the protocol have to be there.
        protocol: its name or the path of its file, as a command names it; "" for rules of the tasks' own.
        method: with its hyper-parameters.
        plugins: plug-in files.
        store: where `run` left the cells.
        board: the folder of the board that they go to.

    Raises:
        UsageError, PluginError: as `expand`.
        RecordError: cells are missing, with the command that completes them; or the board holds records of another
            version of the protocol, of a task or of the method.
    """
    label = method.label
    cells = enumerate_cells(rules, [method], plugins=[str(path.resolve()) for path in plugins])
    there = {place: result.cell.cell for place, result in check_board(board, cells).items()}
    published = published_references(board, cells).results
    found: list[CellResult] = []
    missing: list[Place] = []
    for cell in cells:
        if cell.method.label != label and there.get(cell.place) == cell.digest:
            continue
        if result := finished(cell, store) or published.get(cell.place):
            found.append(cell.with_current_metadata(result))
        else:
            missing.append(cell.place)
    if missing:
        missing.sort(key=lambda place: place[0] != label)
        command = _completing(label, missing, rules, protocol, plugins)
        raise RecordError(f"{label} is not complete: {in_words(missing)}.", f"These cells are run by: {command}")
    own = tuple(result for result in found if result.cell.method.label == label)
    return Submission(label, own, tuple(result for result in found if result.cell.method.label != label))


def missing_places(results: Sequence[CellResult], rules: Protocol, plugins: Sequence[str] = ()) -> list[Place]:
    """The cells that the entries of a file lack: all that a run of them gives must be there, and have ended.

    Args:
        results: of the file.
        rules: of its protocol.
        plugins: plug-in files, for a process of its own where a task of the protocol is not imported here.

    Raises:
        UsageError, PluginError: a plug-in is not installed, or refuses its hyper-parameters.
    """
    entries = {result.cell.method.label: result.cell.method for result in results}
    methods = [(entry.name, entry.params) for _, entry in sorted(entries.items())]
    there = {result.place for result in results if result.cell.status != "failed"}
    question = (rules.model_dump_json(), methods)
    if strange := sorted(set(rules.tasks) - set(TASKS.names())):
        answer = ask("results.collect:places", *question, plugins=list(plugins), about=f"Task '{strange[0]}'")
    else:
        answer = places(*question)
    try:
        wanted = [(str(label), str(task), str(world), int(seed)) for label, task, world, seed in answer]
    except (TypeError, ValueError):
        raise PluginError(f"Task '{strange[0]}' answered what are no places of cells.") from None
    return sorted((place for place in wanted if place[0] in entries and place not in there), key=lambda place: place[0])


def places(rules: str, methods: Iterable[tuple[str, Mapping[str, Any]]]) -> list[Place]:
    """Where a run of some methods under a protocol, as JSON, has cells."""
    made = [make_method(name, params) for name, params in methods]
    return [cell.place for cell in enumerate_cells(Protocol.model_validate_json(rules), made)]


def in_words(places: Iterable[Place]) -> str:
    """`accumulate lacks seeds 0, 1 on gaussian/preserve, kde/preserve; replace lacks seed 1 on gaussian/preserve`."""
    seeds: dict[tuple[str, str], list[int]] = {}
    for label, task, world, seed in places:
        seeds.setdefault((label, f"{task}/{world}"), []).append(seed)
    settings: dict[tuple[str, tuple[int, ...]], list[str]] = {}
    for (label, setting), own in seeds.items():
        settings.setdefault((label, tuple(own)), []).append(setting)
    return "; ".join(
        f"{label} lacks seed{'s' if len(own) > 1 else ''} {', '.join(map(str, own))} on {', '.join(on)}"
        for (label, own), on in settings.items()
    )


def commands(places: Sequence[Place], rules: Protocol, protocol: str, plugins: Sequence[Path] = ()) -> list[str]:
    """The command line for each entry of a file that lacks cells; `protocol` as for `collect`."""
    lacking: dict[str, list[Place]] = {}
    for place in places:
        lacking.setdefault(place[0], []).append(place)
    return [_completing(label, own, rules, protocol, plugins) for label, own in lacking.items()]


def _completing(
    label: str, missing: Sequence[Place], rules: Protocol, protocol: str, plugins: Sequence[Path] = ()
) -> str:
    """The command that runs the missing cells of a method, and learning curves, which come by themselves."""
    tasks = [task for _, task, _, _ in missing] if protocol else list(rules.tasks)
    worlds = {world for _, _, world, _ in missing} - {CURVE}
    every = dict.fromkeys(world for task in tasks for world in rules.rules(task).worlds)
    named = [] if worlds == set(every) else [world for world in every if world in worlds]
    return run_command(label, tasks, protocol, plugins, named)
