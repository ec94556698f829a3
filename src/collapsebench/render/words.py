"""Words of a board's pages that stand on more than one of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..board import Board

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
