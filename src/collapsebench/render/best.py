"""The best entries of a group: what figures and the one page show where a board has more than anybody reads."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, get_args

from ..board.ranks import Where
from ..core.method import TRACKS
from .cost_plot import CostPlot
from .curves import Curve, Curves
from .document import Block, Figure, Fold, Section, Table

if TYPE_CHECKING:
    from ..board import Board, Group

MOST = 20
"""So many entries of each track stand in the figures of a group and, on the one page, in its part.

The tables of the Markdown page on the group hold all.
"""

SHOWN = f"the references and the {MOST} best of each track"
"""In words."""


def best(board: Board, group: Group) -> frozenset[str] | None:
    """Labels of the best entries of each track and of the references; None where these are all.

    Those with a rank come before those without, a higher score before a lower.
    """
    places = get_args(Where)
    ordered = sorted(
        board.ranks.by_score(board.competitors(*TRACKS), group),
        key=lambda entry: places.index(board.ranks.place(entry, group)),
    )
    tracks = [[entry for entry in ordered if entry.track == track] for track in TRACKS]
    if all(len(own) <= MOST for own in tracks):
        return None
    return frozenset(entry.label for own in (*(own[:MOST] for own in tracks), board.references) for entry in own)


def only(blocks: Sequence[Block], labels: Collection[str], tables: bool = True) -> list[Block]:
    """The same blocks, without what figures, and `tables` too, say of other entries."""
    return [_only(block, labels, tables) for block in blocks]


def _only(block: Block, labels: Collection[str], tables: bool) -> Block:
    match block:
        case Section() | Fold():
            return replace(block, blocks=only(block.blocks, labels, tables))
        case Table():
            return _table(block, labels) if tables else block
        case Figure(shown=CostPlot() as plot):
            kept = [place for place, dot in enumerate(plot.dots) if dot.label in labels]
            shown = replace(plot, dots=tuple(plot.dots[place] for place in kept))
            return replace(block, shown=shown, points=[block.points[place] for place in kept])
        case Figure(shown=Curves() as curves):
            beside = tuple(replace(panel, lines=_lines(panel.lines, labels)) for panel in curves.beside)
            few = replace(curves, lines=_lines(curves.lines, labels), beside=beside)
            values = _table(block.values, labels) if tables and block.values else block.values
            return replace(block, shown=few, values=values)
    return block


def _table(table: Table, labels: Collection[str]) -> Table:
    return replace(table, rows=[row for row in table.rows if row.entry is None or row.entry.label in labels])


def _lines(lines: Sequence[Curve], labels: Collection[str]) -> tuple[Curve, ...]:
    return tuple(line for line in lines if line.label in labels)
