"""What is not ranked and why: incomplete, diverged and skipped cells, and the commands that complete them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..numbers import MISSING, OUTSIDE
from ..words import TO_COMPLETE, progress
from .pieces import Cell, Column, Row, bullets, element, entry_row, interval_cell, name_cell, plain, table

if TYPE_CHECKING:
    from ...board import Board, BoardTask, Entry, State


def incomplete_section(board: Board, entries: Sequence[Entry], order: Sequence[str]) -> str:
    """How far the entries are that lack cells, and the commands that run those; nothing where all are complete."""
    waiting = [entry for entry in entries if board.state(entry) in {"missing", "failed"}]
    if not waiting:
        return ""
    tasks = [task for task in board.tasks if any(task in board.needed(entry) for entry in waiting)]
    columns = [
        Column("entry", numeric=False),
        Column("track", numeric=False),
        *(Column(plain(task.name), numeric=False, task=task.name) for task in tasks),
    ]
    rows = [
        entry_row(
            board,
            entry,
            [
                Cell("reference" if entry.reference else entry.track, entry.track, "track"),
                *(_progress(board, entry, task) for task in tasks),
            ],
            order,
        )
        for entry in waiting
    ]
    caption = 'Incomplete entries <span class="scope">Seeds that are done, and R over them. Not ranked.</span>'
    commands = [
        f'<pre class="command" tabindex="0"><code>{plain(board.command(entry))}</code></pre>' for entry in waiting
    ]
    hint = TO_COMPLETE.format(option="<code>--plugin</code>")
    return "\n".join(
        (table(caption, columns, rows), bullets(_failures(board, waiting), "notes"), f"<p>{hint}</p>", *commands)
    )


def ended_section(board: Board, entries: Sequence[Entry]) -> str:
    """Cells that diverged or were skipped, with the reason."""
    columns = [Column(title, numeric=False) for title in ("entry", "task", "how", "seeds", "reason")]
    rows = []
    states: tuple[State, ...] = ("diverged", "skipped")
    for state in states:
        for entry in entries:
            for task, seeds in board.cells_in(entry, state, board.tasks).items():
                reason = "; ".join(sorted({board.reason(entry, task, seed) for seed in seeds}))
                words = (task, state, ", ".join(map(str, seeds)), reason)
                cells = [name_cell(board, entry), *(Cell(plain(text), text) for text in words)]
                rows.append(Row(cells, track="" if entry.reference else entry.track, task=task))
    return table("Diverged and skipped cells", columns, rows) if rows else ""


def _progress(board: Board, entry: Entry, task: BoardTask) -> Cell:
    """How many seeds an incomplete entry has on a task, and R over them where the task counts."""
    if task not in board.needed(entry):
        return Cell(OUTSIDE if board.lacks(entry, task) else MISSING, None, "missing")
    done = board.cells_in(entry, "done", [task])
    small = element("small", progress(board, entry, task))
    if not (done and task.counts):
        return Cell(small, None, "" if done else "missing")
    measured = interval_cell(board.score(entry, task))
    return Cell(f"{measured.html}<br>{small}", measured.value)


def _failures(board: Board, waiting: Sequence[Entry]) -> list[str]:
    return [
        f"{element('b', plain(entry.label))} on {plain(task)}, seed {seed}: {plain(board.reason(entry, task, seed))}"
        for entry in waiting
        for task, seeds in board.cells_in(entry, "failed").items()
        for seed in seeds
    ]
