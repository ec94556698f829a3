"""From the finished cells of a store to a submission: what is there, what is missing, and whether it fits the board."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..core.commands import run_command
from ..core.errors import RecordError
from ..core.method import Method
from ..core.records import CellResult
from ..loop.plan import enumerate_cells
from ..loop.protocol import Protocol, load_protocol
from ..loop.runner import finished
from ..loop.store import Store
from .merge import Place, check_board


@dataclass(frozen=True)
class Submission:
    """A complete entry, and the reference cells that the board still lacks.

    Args:
        label: of the method with its hyper-parameters.
        own: its cells on every task and seed of the protocol.
        references: cells of `replace`, `frozen` and `fresh_real` that are not on the board.
    """

    label: str
    own: tuple[CellResult, ...]
    references: tuple[CellResult, ...]


def collect(protocol: str, method: Method, plugins: Sequence[Path], store: Store, board: Path) -> Submission:
    """The finished cells of one method, with what its plug-in says of it now.

    Args:
        protocol: shipped, or the path of a file; all its tasks and seeds have to be there.
        method: with its hyper-parameters.
        plugins: plug-in files.
        store: where `run` left the cells.
        board: the folder of the board that they go to.

    Raises:
        UsageError, PluginError: as `expand`.
        RecordError: cells are missing, with the command that completes them; or the board holds records of another
            version of the protocol, of a task or of the method.
    """
    rules, label = load_protocol(protocol), method.label
    cells = enumerate_cells(rules, [method], plugins=[str(path.resolve()) for path in plugins])
    there = {place: result.cell.cell for place, result in check_board(board, cells).items()}
    found: list[CellResult] = []
    missing: list[Place] = []
    for cell in cells:
        place = (cell.method.label, cell.task.name, cell.seed)
        if cell.method.label != label and there.get(place) == cell.digest:
            continue
        if result := finished(cell, store):
            found.append(cell.with_current_metadata(result))
        else:
            missing.append(place)
    if missing:
        missing.sort(key=lambda place: place[0] != label)
        command = run_command(label, [task for _, task, _ in missing], protocol, plugins)
        raise RecordError(f"{label} is not complete: {in_words(missing)}.", f"These cells are run by: {command}")
    own = tuple(result for result in found if result.cell.method.label == label)
    return Submission(label, own, tuple(result for result in found if result.cell.method.label != label))


def missing_places(results: Sequence[CellResult], rules: Protocol) -> list[Place]:
    """The cells that the entries of a file lack: every task and seed of the protocol must have one that ended."""
    labels = sorted({result.cell.method.label for result in results})
    there = {result.place for result in results if result.cell.status != "failed"}
    wanted = ((label, task, seed) for label in labels for task in rules.tasks for seed in range(rules.seeds))
    return [place for place in wanted if place not in there]


def in_words(places: Iterable[Place]) -> str:
    """`accumulate lacks seeds 0, 1 on gaussian, kde; replace lacks seed 1 on gaussian`."""
    seeds: dict[tuple[str, str], list[int]] = {}
    for label, task, seed in places:
        seeds.setdefault((label, task), []).append(seed)
    tasks: dict[tuple[str, tuple[int, ...]], list[str]] = {}
    for (label, task), own in seeds.items():
        tasks.setdefault((label, tuple(own)), []).append(task)
    return "; ".join(
        f"{label} lacks seed{'s' if len(own) > 1 else ''} {', '.join(map(str, own))} on {', '.join(on)}"
        for (label, own), on in tasks.items()
    )


def commands(places: Sequence[Place], protocol: str) -> list[str]:
    """The command line for each entry of a file that lacks cells."""
    tasks: dict[str, list[str]] = {}
    for label, task, _ in places:
        tasks.setdefault(label, []).append(task)
    return [run_command(label, lacking, protocol) for label, lacking in tasks.items()]
