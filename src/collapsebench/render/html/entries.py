"""Who entered: what each method and reference does, its paper and its parameters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...board.against import copy_of
from .pieces import element, papers, place, plain

if TYPE_CHECKING:
    from ...board import Board, Entry


def entries_section(board: Board, entries: Sequence[Entry]) -> str:
    """A description list, one item for each entry."""
    return f'<dl class="entries">\n{"".join(_description(board, entry) for entry in entries)}</dl>'


def _description(board: Board, entry: Entry) -> str:
    track = "" if entry.reference else entry.track
    name = element("em" if entry.reference else "b", plain(entry.label))
    kind = element("span", f"{'reference' if entry.reference else plain(track)}, {plain(entry.badge)}", "track")
    params = "; ".join(f"{key} = {value}" for key, value in entry.params.items())
    original = copy_of(board, entry)
    copied = f"Here a copy of <em>{plain(original)}</em>: the same loss on every task and seed, to the last bit."
    facts = [
        plain(entry.title) + ".",
        plain(entry.description),
        papers(entry.paper),
        copied if original else "",
        element("code", plain(params)),
    ]
    return (
        f'<div id="{place(board, "entry", entry.label)}" data-track="{plain(track)}"><dt>{name} {kind}</dt>'
        f"<dd>{' '.join(filter(None, facts))}</dd></div>\n"
    )
