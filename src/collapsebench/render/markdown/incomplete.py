"""What is not ranked and why: incomplete, diverged and skipped cells, and the commands that complete them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..numbers import OUTSIDE
from ..words import TO_COMPLETE, progress
from .scores import task_score
from .text import blocks, bullets, linked, plain, table, task_link

if TYPE_CHECKING:
    from ...board import Board, BoardTask, Entry, State


def not_ranked(board: Board, entries: Sequence[Entry]) -> str:
    """A section each for what is incomplete, diverged and skipped, where there is any."""
    ended = (_ended(board, entries, state) for state in ("diverged", "skipped"))
    return blocks(_incomplete(board, entries), *ended)


def _incomplete(board: Board, entries: Sequence[Entry]) -> str:
    waiting = [entry for entry in entries if board.state(entry) in {"missing", "failed"}]
    if not waiting:
        return ""
    tasks = [task for task in board.tasks if any(task in board.needed(entry) for entry in waiting)]
    rows = [
        [linked(board, entry), entry.track, *(_progress(board, entry, task) for task in tasks)] for entry in waiting
    ]
    reasons = [
        f"{linked(board, entry)} on {task}, seed {seed}: {plain(board.reason(entry, task, seed))}"
        for entry in waiting
        for task, seeds in board.cells_in(entry, "failed").items()
        for seed in seeds
    ]
    commands = [board.command(entry) for entry in waiting]
    return blocks(
        "## Incomplete",
        table(["entry", "track", *(task_link(task) for task in tasks)], rows, left=2),
        bullets(reasons),
        TO_COMPLETE.format(option="`--plugin`"),
        "\n".join(["```sh", *commands, "```"]),
    )


def _progress(board: Board, entry: Entry, task: BoardTask) -> str:
    """What an incomplete entry has on a task: how many seeds, and R over them where the task counts."""
    if task not in board.needed(entry):
        return OUTSIDE if board.lacks(entry, task) else ""
    words = progress(board, entry, task)
    done = board.cells_in(entry, "done", [task])
    return f"{task_score(board, entry, task)} ({words})" if done and task.counts else words


def _ended(board: Board, entries: Sequence[Entry], state: State) -> str:
    rows = []
    for entry in entries:
        for task, seeds in board.cells_in(entry, state, board.tasks).items():
            reasons = sorted({board.reason(entry, task, seed) for seed in seeds})
            rows.append([linked(board, entry), task, ", ".join(map(str, seeds)), plain("; ".join(reasons))])
    if not rows:
        return ""
    return f"## {state.capitalize()}\n\n" + table(["entry", "task", "seeds", "reason"], rows, left=4)
