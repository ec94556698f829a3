"""Words that all pages of a board use, whatever their markup."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ..core.commands import run_command

if TYPE_CHECKING:
    from ..board import Board, BoardTask, Entry, State

ABOUT_COSTS = (
    "Counts at the last generation, mean over seeds, summed over the scored tasks that the entry covers. Seconds are "
    "wall time under the load that the machine had, so they compare roughly."
)
"""Under the table of costs."""

SEES = {
    "blind": "nothing but the pool, shuffled: it does not know which rows are real",
    "anchored": "the pool with its history: it knows which rows are real",
    "fresh": "new real data in every generation",
    "assisted": "a verifier, a reward or a prior model from outside the loop",
}
"""What a method of each track may see."""

TO_COMPLETE = "To complete them (a protocol of your own goes by its path, a method of your own needs {option}):"
"""Before the commands that run missing cells."""


def plural(number_of: int, noun: str) -> str:
    """`1 seed`, `2 seeds`."""
    return f"{number_of} {noun}" if number_of == 1 else f"{number_of} {noun}s"


def lineage_length(board: Board) -> str:
    """`5 generations`, or `3 to 5 generations` where tasks differ."""
    lengths = {task.generations for task in board.tasks if task.primary} or {board.protocol.generations}
    shortest, longest = min(lengths), max(lengths)
    return f"{shortest} to {longest} generations" if shortest < longest else plural(longest, "generation")


def scored_window(board: Board) -> str:
    """Which generations the scored loss is taken from."""
    last = board.protocol.average_last
    return "at the last generation" if last == 1 else f"as a mean over the last {last} generations"


def standing_of_records(entry: Entry) -> str:
    """`verified` or `stale` where records are more or less than self-reported, else ""."""
    standing = entry.badge.partition(",")[0]
    return standing if standing in ("verified", "stale") else ""


def score_notes(
    board: Board, entries: Sequence[Entry], code: Callable[[str], str], plain: Callable[[str], str]
) -> list[str]:
    """What a reader of the table of scores has to know besides.

    Args:
        board: all that is known.
        entries: those in the table.
        code: marks up a command.
        plain: marks up a name.
    """
    notes = []
    if any(standing_of_records(entry) for entry in entries):
        notes.append(
            "✓ verified: a maintainer ran a sample of exactly these records again. Stale: protocol, task or method "
            "have changed since. Without a mark: self-reported."
        )
    if not board.counting:
        notes.append("No task is scored yet, so that R is missing; the losses stand under the tasks.")
    for reference, tasks in board.missing_references().items():
        command = run_command(reference, tasks, board.protocol.name)
        notes.append(f"The reference {code(reference)} has not run on {plain(', '.join(tasks))}: {code(command)}")
    if any(board.across_machines(entry) for entry in entries):
        notes.append(
            "† Some cells ran on another machine than the references that they are paired with; floating point "
            "differs between machines, and with it the pairing."
        )
    return notes


def progress(board: Board, entry: Entry, task: BoardTask) -> str:
    """`2 of 3 seeds, 1 failed`."""
    done = len(board.cells_in(entry, "done", [task]).get(task.name, []))
    words = [f"{done} of {plural(board.protocol.seeds, 'seed')}"]
    others: tuple[State, ...] = ("failed", "diverged", "skipped")
    words += [f"{len(here[task.name])} {state}" for state in others if (here := board.cells_in(entry, state, [task]))]
    return ", ".join(words)
