"""Entries set against each other on the cells that both have: one with many at once, as a board has many."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .stats import Floats
from .worth import LearningCurve, ahead

if TYPE_CHECKING:
    from .cells import Cells, Entry, Group

Places = NDArray[np.intp]
Hidden = NDArray[np.bool_]


class Pairs:
    """The losses of all entries of a board in the counting settings of a group."""

    def __init__(self, cells: Cells, group: Group) -> None:
        self._settings = group.counting
        self._seeds = sorted({seed for setting in self._settings for seed in setting.seeds})
        self._places = {entry.label: place for place, entry in enumerate(cells.entries)}
        self._losses = np.full((len(cells.entries), len(self._settings), len(self._seeds)), np.nan)
        there = np.zeros(self._losses.shape, dtype=np.bool_)
        for place, entry in enumerate(cells.entries):
            for row, setting in enumerate(self._settings):
                own = cells.losses_of(entry, setting)
                for column, seed in enumerate(self._seeds):
                    if seed in own and seed in setting.seeds:
                        self._losses[place, row, column], there[place, row, column] = own[seed], True
        self._kinds, kind = np.unique(there, axis=0, return_inverse=True)  # of entries that have the same cells
        self._kind = kind.reshape(-1)
        self._rows: dict[str, Floats] = {}

    def above(self, entry: Entry, other: Entry) -> float:
        """By how much an entry is above another; 0 where nothing tells them apart."""
        if entry.label not in self._rows:
            self._rows[entry.label] = self._row(self._places[entry.label], np.arange(len(self._losses)))
        return float(self._rows[entry.label][self._places[other.label]])

    def ahead(self, entries: Sequence[Entry], hidden: Hidden) -> list[int]:
        """How many of some entries are ahead of each: better, or `hidden[one, other]` says that the other is."""
        places = np.array([self._places[entry.label] for entry in entries], dtype=np.intp)
        counts = np.zeros(len(places), dtype=np.intp)
        for number, place in enumerate(places):
            above = self._row(place, places[number + 1 :])
            counts[number + 1 :] += (above > 0) | hidden[number + 1 :, number]
            counts[number] += np.count_nonzero((above < 0) | hidden[number, number + 1 :])
        return [int(count) for count in counts]

    def _row(self, place: np.intp | int, others: Places) -> Floats:
        """By how much one entry is above each of others."""
        above = np.zeros(len(others))
        for alike, rows, columns, curves in self._shared(place, others):
            own, theirs = (self._losses[np.ix_(who, rows, columns)] for who in (np.array([place]), others[alike]))
            above[alike] = ahead(curves, own[0], theirs)
        return above

    def _shared(
        self, place: np.intp | int, others: Places
    ) -> Iterator[tuple[Places, Places, Places, list[LearningCurve]]]:
        """Which of others have the same cells, and the settings and seeds that one entry shares with them."""
        for number, cells in enumerate(self._kinds):
            both = self._kinds[self._kind[place]] & cells
            rows, alike = np.flatnonzero(both.any(1)), np.flatnonzero(self._kind[others] == number)
            columns = np.flatnonzero(both[rows].all(0))
            if rows.size and columns.size and alike.size:
                seeds = [self._seeds[column] for column in columns]
                yield alike, rows, columns, [self._settings[row].curve_of(seeds) for row in rows]
