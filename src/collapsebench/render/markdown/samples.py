"""What the data looked like: a sheet of pictures for each entry, generation by generation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .text import blocks, linked, plain, table

if TYPE_CHECKING:
    from ...board import Board, BoardTask, Entry


def samples(board: Board, task: BoardTask, entries: Sequence[Entry]) -> str:
    """Links to the sheets of a task and, folded, the sheets themselves; nothing where there are none."""
    shown = [(entry, f"{path.parent.name}/{path.name}") for entry, path in board.sheets_of(task, entries)]
    if not shown:
        return ""
    links = " · ".join(f"[{plain(entry.label)}]({path})" for entry, path in shown)
    rows = [[linked(board, entry), f"![{plain(entry.label)} by generation]({path})"] for entry, path in shown]
    return blocks(
        f"Samples by generation, seed 0: {links}",
        "<details><summary>All of them: the first row is real, the next what generation 0 drew, and so on</summary>",
        table(["entry", "samples"], rows, left=2),
        "</details>",
    )
