"""The table of costs: what each entry saw, scored, asked, trained on and took."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...board.model import COSTS
from ..markdown.scores import coverage, rows_of
from ..numbers import MISSING, count, share
from ..words import ABOUT_COSTS
from .pieces import Cell, Column, entry_row, number_cell, table

if TYPE_CHECKING:
    from ...board import Board

_COLUMNS = (*COSTS, "seconds")


def costs_section(board: Board, tracks: Sequence[str], order: Sequence[str]) -> str:
    """Costs in the order of the scores, below a plot of them against the gap."""
    columns = [
        Column("entry", numeric=False),
        Column("tasks"),
        *(Column(name, ascending=True) for name in _COLUMNS),
        Column("real rows", about="share of the rows trained on after generation 0 that are real"),
    ]
    rows = []
    for _, entry in rows_of(board, tracks):
        spent = board.costs(entry)
        real = board.real_share(entry)
        cells = [
            Cell(coverage(board, entry), float(len(board.scope(entry)))),
            *(number_cell(count(spent.get(name)), spent.get(name)) for name in _COLUMNS),
            number_cell(share(real) if spent else MISSING, real),
        ]
        rows.append(entry_row(board, entry, cells, order))
    caption = f'Costs <span class="scope">{ABOUT_COSTS}</span>'
    return f'<div class="cost-plot"></div>\n{table(caption, columns, rows, "costs")}'
