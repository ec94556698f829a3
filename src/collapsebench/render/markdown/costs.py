"""The table of costs: what each entry saw, scored, asked, trained on and took."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...board.model import COSTS
from ..numbers import MISSING, count, share
from ..words import ABOUT_COSTS
from .scores import coverage, rows_of
from .text import blocks, linked, table

if TYPE_CHECKING:
    from ...board import Board


def costs_section(board: Board, tracks: Sequence[str]) -> str:
    """Costs in the order of the scores."""
    columns = [*COSTS, "seconds"]
    rows = []
    for _, entry in rows_of(board, tracks):
        spent = board.costs(entry)
        real = share(board.real_share(entry)) if spent else MISSING
        counts = [count(spent.get(column)) for column in columns]
        rows.append([linked(board, entry), coverage(board, entry), *counts, real])
    costs = table(["entry", "tasks", *columns, "real rows trained on"], rows, left=1)
    note = f"{ABOUT_COSTS} Real rows: share of the rows trained on after generation 0; the rest is synthetic."
    plot = "![recovered gap against cost](cost.svg)" if board.complete else ""
    return blocks(costs, note, plot)
