"""`collapsebench leaderboard`: regenerate the boards from their records."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..errors import StaleBoard, UsageError, unknown_name
from .options import DEFAULT_BOARDS, BoardsOption


def leaderboard(
    protocol: Annotated[str | None, typer.Option("--protocol", help="Only this board; all by default.")] = None,
    check: Annotated[bool, typer.Option("--check", help="Write nothing; exit 4 if a page is stale.")] = False,
    boards: BoardsOption = DEFAULT_BOARDS,
) -> None:
    """Regenerate leaderboard pages from their records; the same records give the same bytes."""
    from ..board import stale_pages, write_board

    for folder in _folders(boards, protocol):
        if not check:
            for page in write_board(folder):
                typer.echo(str(page))
        elif stale := stale_pages(folder):
            raise StaleBoard(
                f"{', '.join(str(page) for page in stale)} differ from what the records give.",
                "Run `collapsebench leaderboard` and commit the pages with the records.",
            )
    if check:
        typer.echo("Boards are up to date.")


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
