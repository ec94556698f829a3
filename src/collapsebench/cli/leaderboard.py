"""`collapsebench leaderboard`: regenerate the boards from their records."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..core.errors import RecordError, StaleBoard, UsageError, unknown_name
from .options import DEFAULT_BOARDS, BoardsOption

if TYPE_CHECKING:
    from ..board.cells import Entry
    from ..core.records import CellRecord
    from ..render.view import View

IN_FRONT = ("quick", "standard", "classic")
"""Boards in the order in which the HTML page shows them; others follow by name."""


def leaderboard(
    path: Annotated[
        Path | None, typer.Argument(help="With --html: the file to write.", show_default="<boards>/index.html")
    ] = None,
    protocol: Annotated[str | None, typer.Option("--protocol", help="Only this board; all by default.")] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit 4 if a page or a record is stale.")
    ] = False,
    strict: Annotated[
        bool,
        typer.Option("--strict", help="With --check: draw every figure anew, and refuse files that no record gives."),
    ] = False,
    html: Annotated[
        bool, typer.Option("--html", help="Write all boards as one HTML file that needs no network, and nothing else.")
    ] = False,
    boards: BoardsOption = DEFAULT_BOARDS,
) -> None:
    """Regenerate leaderboard pages from their records; the same records give the same bytes.

    A file that does not hold what a run writes is put aside: the others are shown, the page and standard error name it,
    and the command exits with 3.
    """
    if path and not html:
        raise UsageError(f"A file, {path}, is only written with --html.", f"`collapsebench leaderboard --html {path}`")
    if html and check:
        raise UsageError("--html writes a file and --check writes none.", "Give one of both.")
    if strict and not check:
        raise UsageError("--strict says how to check.", "`collapsebench leaderboard --check --strict`")
    folders = _folders(boards, protocol)
    if html:
        _require_whole(_write_html(folders, path or boards / "index.html"))
    elif check:
        _check(folders, strict)
    else:
        _require_whole(_write(folders))


def _require_whole(views: Iterable[View]) -> None:
    if aside := [file.error.message for view in views for file in view.aside]:
        raise RecordError(
            " ".join(aside),
            "The pages show the other files. Restore this one, or delete it and run its cells again: a board that "
            "lacks a file is not to be committed.",
        )


def _write(folders: list[Path]) -> list[View]:
    from ..render.files import write_board
    from ..render.page import files
    from ..results.merge import board_lock

    views = []
    for folder in folders:
        with board_lock(folder):
            views.append(write_board(folder))
        for name in files(views[-1]):
            typer.echo(str(folder / name))
    return views


def _check(folders: list[Path], strict: bool) -> None:
    """Pages against records; then, of methods that ship, records against the installed source."""
    from ..core.registry import judge
    from ..render.files import foreign_files, load_view, stale_pages
    from ..results.audit import source_changed

    judge()
    views = {folder: load_view(folder) for folder in folders}
    _require_whole(views.values())
    for folder, view in views.items():
        if stale := stale_pages(folder, view):
            raise StaleBoard(
                f"{', '.join(str(page) for page in stale)} differ from what the records give.",
                "Run `collapsebench leaderboard` and commit the pages with the records.",
            )
    for folder, view in views.items():
        if changed := [entry.label for entry in view.board.entries if any(map(source_changed, _by_code(entry)))]:
            raise StaleBoard(
                f"{folder / 'records'}: protocol, task or method changed after the records of {', '.join(changed)}.",
                f"`collapsebench verify {folder} --cells 0` says what; run these cells again.",
            )
    for folder, view in views.items() if strict else ():
        if foreign := foreign_files(folder, view):
            raise StaleBoard(
                f"{', '.join(map(str, foreign))}: no record gives this file, or not as it is.",
                "Delete it; `collapsebench leaderboard` then writes what belongs there.",
            )
    typer.echo("Boards are up to date.")


def _by_code(entry: Entry) -> Iterable[CellRecord]:
    """One cell of each protocol, task and method of an entry: its seeds share them."""
    cells = [result.cell for result in entry.cells.values()]
    return {(cell.protocol.digest, cell.task.digest, cell.method.digest): cell for cell in cells}.values()


def _write_html(folders: list[Path], path: Path) -> list[View]:
    from ..core.files import write_atomic
    from ..render.files import load_view
    from ..render.html import page
    from ..render.page import whole

    known = {name: place for place, name in enumerate(IN_FRONT)}
    folders = sorted(folders, key=lambda folder: (known.get(folder.name, len(known)), folder.name))
    views = [load_view(folder) for folder in folders]
    write_atomic(path, page([whole(view) for view in views]).encode())
    typer.echo(str(path))
    return views


def _folders(boards: Path, protocol: str | None) -> list[Path]:
    found = sorted(path.parent for path in boards.glob("*/records"))
    if not found:
        raise UsageError(f"No board in {boards}.", "`collapsebench run --method NAME` makes one.")
    if protocol is None:
        return found
    by_name = {folder.name: folder for folder in found}
    if protocol not in by_name:
        raise unknown_name("board", protocol, by_name)
    return [by_name[protocol]]
