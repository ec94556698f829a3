"""A board as one compact table for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from ..core.method import TRACKS
from .numbers import MISSING, OUTSIDE, count, score, share

if TYPE_CHECKING:
    from ..board import Board, Entry


def summary(board: Board) -> Table:
    """Entries by track and rank, then those not ranked, then the references in italics."""
    title = f"{board.protocol.name} v{board.protocol.version}: recovered gap R"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for column in ("track", "rank", "entry"):
        table.add_column(column, no_wrap=True)
    tasks = [task for task in board.tasks if task.counts]
    for column in ("R", *(task.name for task in tasks), "real", "sec."):
        table.add_column(column, justify="right", no_wrap=True)
    for track in TRACKS:
        ranked = board.standings(track)
        for standing in ranked:
            table.add_row(track, str(standing.rank), *_cells(board, standing.entry))
        placed = {standing.entry.label for standing in ranked}
        for entry in board.competitors(track):
            if entry.label not in placed:
                state = board.state(entry)
                table.add_row(track, MISSING if state == "done" else _states(state), *_cells(board, entry))
    for entry in board.references:
        table.add_row("", "", *_cells(board, entry), style="italic dim")
    return table


def _states(state: str) -> str:
    return "incomplete" if state in {"missing", "failed"} else state


def _cells(board: Board, entry: Entry) -> list[str]:
    overall, costs = board.overall(entry).seed_interval, board.costs(entry)
    return [
        escape(entry.label),
        score(overall.centre),
        *(OUTSIDE if board.lacks(entry, task) else score(board.score(entry, task).centre) for task in board.counting),
        share(board.real_share(entry)),
        count(costs.get("seconds")),
    ]
