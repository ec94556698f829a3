"""References that need no training here: reference cells and learning curves from verified records of a board."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from ..core.errors import RecordError
from ..core.records import CellResult, Place
from ..core.shipped import builtin_folder
from ..loop.cell import Cell
from .reader import read_results
from .signature import FOLDER, verified


class Verified(NamedTuple):
    """What the records of a board hold of some reference cells, where a maintainer verified just these records.

    Args:
        board: its folder.
        results: by place of the cell.
        refused: in sentences, why records that were verified once are not taken.
    """

    board: Path
    results: dict[Place, CellResult]
    refused: tuple[str, ...] = ()


def published_board(protocol: str) -> Path:
    """The folder of the board that is published: in a checkout `leaderboards/`, else what the package ships of it."""
    return builtin_folder("leaderboards") / protocol


def verified_references(folder: Path, cells: Iterable[Cell]) -> Verified:
    """The reference cells of a run that are done or diverged in verified records, with just the keys of today.

    Args:
        folder: of the board.
        cells: of the run. One that has to be measured with lm-eval too is never there.

    Raises:
        RecordError: a file of the board is not one that a run or `verify --sign` wrote.
    """
    wanted = _wanted(cells)
    known = _records(folder, wanted)
    signed = verified(folder, known)
    ended = {
        (result.place, result.cell.cell): result
        for result in known
        if result.cell.method.name in signed and result.cell.status in ("done", "diverged")
    }
    changed = sorted({result.cell.method.name for result in known} - signed.keys())
    return Verified(
        folder,
        {cell.place: ended[key] for cell in wanted if (key := (cell.place, cell.digest)) in ended},
        tuple(
            f"{folder / 'records' / name}.jsonl is not what {folder / FOLDER / name}.json was written for, so nothing "
            "is taken from it."
            for name in changed
            if (folder / FOLDER / f"{name}.json").is_file()
        ),
    )


def published_references(folder: Path, cells: Sequence[Cell]) -> Verified:
    """The same of the published board, for a run that fills the board in `folder`.

    A record that stands there with the key of today gives way only to one that was made here, so that what a run with
    `--own-references` left is not replaced by the next.
    """
    board = published_board(cells[0].protocol.name) if cells else folder
    if board.resolve() == folder.resolve():
        return Verified(board, {})
    try:
        found = verified_references(board, cells)
    except RecordError as error:  # a board that this version does not read is no reason not to run
        return Verified(board, {}, (f"Nothing is taken from the published board: {error.message}",))
    standing = {
        (old.place, old.cell.cell): old for old in _records(folder, _wanted(cells)) if old.cell.status != "failed"
    }

    def gives_way(cell: Cell) -> bool:
        old, now = standing.get((cell.place, cell.digest)), cell.with_current_metadata
        return old is None or now(old).includes(now(found.results[cell.place]))

    taken = {cell.place for cell in cells if cell.place in found.results and gives_way(cell)}
    return found._replace(results={place: result for place, result in found.results.items() if place in taken})


def _wanted(cells: Iterable[Cell]) -> list[Cell]:
    return [cell for cell in cells if cell.method.card.reference and not cell.extra_evals]


def _records(folder: Path, cells: Iterable[Cell]) -> list[CellResult]:
    """All records of the methods of these cells."""
    paths = [folder / "records" / f"{name}.jsonl" for name in dict.fromkeys(cell.method.name for cell in cells)]
    return [result for path in paths if path.exists() for result in read_results(path)]
