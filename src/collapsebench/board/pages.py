"""The files of a board: which there are, which are stale, and writing them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..method import TRACKS
from ..store import write_atomic
from .load import load_board
from .model import Board
from .sheets import stray_sheets

if TYPE_CHECKING:
    from rich.table import Table


def write_board(folder: Path) -> list[Path]:
    """Bring the pages and curves of a board up to date with its records, each file whole or not at all.

    Returns:
        The pages of the board, `README.md` first, whether they changed or not.

    Raises:
        StoreError: as `load_board`.
    """
    board = load_board(folder)
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
    return sorted(_changes(load_board(folder), folder))


def _page_names(board: Board) -> list[str]:
    tracks = [f"{track}.md" for track in TRACKS if board.competitors(track)]
    return ["README.md", *tracks, *(f"{task.name}.svg" for task in board.tasks if task.primary)]


def _changes(board: Board, folder: Path) -> dict[Path, str | None]:
    """New content of every file that has to change; None for one that has to go."""
    from ..render import markdown, svg

    changes: dict[Path, str | None] = {}
    for name in _page_names(board):
        path = folder / name
        old = path.read_bytes() if path.is_file() else None
        if path.suffix == ".svg":
            curves = svg.curves(board, path.stem)
            if old is None or svg.digest(curves).encode() not in old:
                changes[path] = svg.draw(curves)
        else:
            new = markdown.readme(board) if name == "README.md" else markdown.track_page(board, path.stem)
            if new.encode() != old:
                changes[path] = new
    known = {folder / name for name in _page_names(board)}
    generated = [folder / f"{track}.md" for track in TRACKS] + [
        path for path in folder.glob("*.svg") if svg.MARK.encode() in path.read_bytes()
    ]
    changes.update({path: None for path in generated if path.is_file() and path not in known})
    changes.update(dict.fromkeys(stray_sheets(folder, board.sheets)))
    return changes


def summary_table(folder: Path) -> Table:
    """A compact table of a board for the terminal; incomplete entries are in it, with what they have.

    Raises:
        StoreError: as `load_board`.
    """
    from ..render import terminal

    return terminal.summary(load_board(folder))
