"""The files of a board: which there are, which are stale, and writing them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..board.load import load_board
from ..board.model import Board
from ..core.files import write_atomic
from ..core.method import TRACKS
from ..results.signature import badges
from .figure import MARK, digest
from .samples import find_sheets, stray_sheets

if TYPE_CHECKING:
    from rich.table import Table


COST_PLOT, CURVES = "cost.svg", "curves"
"""The plot of a board, and the folder of its tasks' figures, in which a task may have any name."""


def load_shown(folder: Path) -> Board:
    """The board of a folder with what lies beside its records: the marks of verified entries, and sheets of samples.

    Raises:
        StoreError: as `load_board`.
    """
    board = load_board(folder)
    marks = badges(folder, [result for entry in board.entries for result in entry.cells.values()])
    entries = tuple(replace(entry, badge=marks[entry.label]) for entry in board.entries)
    return replace(board, entries=entries, sheets=find_sheets(folder, entries))


def write_board(folder: Path) -> list[Path]:
    """Bring the pages and curves of a board up to date with its records, each file whole or not at all.

    Returns:
        The pages of the board, `README.md` first, whether they changed or not.

    Raises:
        StoreError: as `load_board`.
    """
    board = load_shown(folder)
    for path, content in _changes(board, folder).items():
        if content is None:
            path.unlink()
        else:
            write_atomic(path, content.encode())
    return [folder / name for name in _page_names(board)]


def stale_pages(folder: Path) -> list[Path]:
    """Pages and curves that `write_board` would write, rewrite or remove.

    Raises:
        StoreError: as `load_board`.
    """
    return sorted(_changes(load_shown(folder), folder))


def _page_names(board: Board) -> list[str]:
    tracks = [f"{track}.md" for track in TRACKS if board.competitors(track)]
    figures = [f"{CURVES}/{task.name}.svg" for task in board.tasks if task.primary]
    return ["README.md", *tracks, *figures, *([COST_PLOT] if board.complete else [])]


def _changes(board: Board, folder: Path) -> dict[Path, str | None]:
    """New content of every file that has to change; None for one that has to go."""
    changes: dict[Path, str | None] = {}
    for name in _page_names(board):
        path = folder / name
        old = path.read_bytes() if path.is_file() else b""
        new = _figure(board, name, old) if path.suffix == ".svg" else _page(board, path.stem, old)
        if new is not None:
            changes[path] = new
    known = {folder / name for name in _page_names(board)}
    pages = [path for track in TRACKS if (path := folder / f"{track}.md").is_file()]
    drawn = [path for where in (folder, folder / CURVES) for path in where.glob("*.svg")]
    figures = [path for path in drawn if MARK.encode() in path.read_bytes()]
    changes.update({path: None for path in (*pages, *figures) if path not in known})
    changes.update(dict.fromkeys(stray_sheets(folder, board.sheets)))
    return changes


def _page(board: Board, name: str, old: bytes) -> str | None:
    """A page, or None if it is as it was."""
    from . import markdown

    page = markdown.readme(board) if name == "README" else markdown.track_page(board, name)
    return None if page.encode() == old else page


def _figure(board: Board, name: str, old: bytes) -> str | None:
    """A figure, or None if the old one shows the same."""
    from . import cost_plot
    from . import curves as svg

    if name == COST_PLOT:
        costs = cost_plot.cost_plot(board)
        return None if digest(costs).encode() in old else cost_plot.draw(costs)
    curves = svg.curves(board, Path(name).stem)
    return None if digest(curves).encode() in old else svg.draw(curves)


def summary_table(folder: Path) -> Table:
    """A compact table of a board for the terminal; incomplete entries are in it, with what they have.

    Raises:
        StoreError: as `load_board`.
    """
    from . import terminal

    return terminal.summary(load_board(folder))
