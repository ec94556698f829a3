"""Drift: how far the numbers of a cell that was run again may lie from its record, by the intervals of its board.

What a record says of its machine does not count: one rule holds for all. A closed form agrees up to rounding, counts
and shares agree exactly, and the numbers of a model that is trained in steps may move by a small share of what the
seeds move them. Where the references moved too, on the machine that both ran on again, the difference to them counts.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..core.records import CellResult
from ..loop.world import CURVE
from ..results.rerun import Difference, differences
from .load import scored_loss
from .stats import student_t_interval

if TYPE_CHECKING:
    from .cells import Entry, Setting
    from .model import Board

TOLERANCE = 0.05
"""Share of the half-width of an interval that a number may move by: with three seeds a fifth of a standard error."""

ROUNDING = 1e-6
"""By how much closed forms may differ, relatively."""

NEGLIGIBLE = 1e-3
"""A shift of log2 V, or of R, that no board shows; intervals may be narrower, as where an entry is `frozen`."""

_EXACT = {"costs": 0.0, "rows": 0.0, "shares": 1e-9}


class Drift(NamedTuple):
    """The number that moved most of what it may move.

    Args:
        quantity: its name and generation, "" where all numbers are equal.
        of_allowed: how much of what it may; above 1 the record is refused.
        said: what it was and is.
    """

    quantity: str
    of_allowed: float
    said: str


Pair = tuple[CellResult, CellResult]
"""A cell as it is recorded, and as it ran again."""


@dataclass(frozen=True)
class Yardstick:
    """The intervals of a board.

    Args:
        board: that the records stand on; None for a file of its own, where only rounding is allowed.
        tolerance: as `TOLERANCE`.
    """

    board: Board | None
    tolerance: float = TOLERANCE

    def drift(self, pair: Pair, references: Sequence[Pair]) -> Drift:
        """How far a cell moved; both results ended in the same way after as many generations.

        Args:
            pair: of the cell.
            references: of the floor and the ceiling of its world, task and seed, as far as they are not the cell.
        """
        stepped = _stepped(pair[1])
        offsets = [
            _moved(other) for other in references if stepped and len(other[0].generations) == len(other[1].generations)
        ]
        found = [self._number(pair[0], one, stepped, offsets) for one in differences(*pair)]
        if stepped and self.board and pair[0].cell.status == "done" and pair[0].cell.world.name != CURVE:
            found.append(self._score(pair, [other for other in references if other[1].cell.status == "done"]))
        return max(found, key=lambda drift: drift.of_allowed, default=Drift("", 0.0, ""))

    def _number(
        self, recorded: CellResult, one: Difference, stepped: bool, offsets: Sequence[Mapping[str, float]]
    ) -> Drift:
        if not one.apart:
            return Drift("", 0.0, "")
        quantity = f"{one.name} at t={one.t}"
        said = f"{one.name} at generation {one.t} is recorded as {one.recorded:.9g}; run again it is {one.again:.9g}"
        if one.field in _EXACT:
            return Drift(quantity, _share(abs(one.apart), _EXACT[one.field]), said)
        allowed, apart = ROUNDING * one.scale, [one.apart]
        if stepped and self.board:
            allowed = max(allowed, self.tolerance * self._half_width(recorded, one.field, one.name, one.t))
            apart += [one.apart - moved.get(quantity, 0.0) for moved in offsets if one.field == "metrics"]
        return Drift(quantity, _share(min(map(abs, apart)), allowed), said)

    def _half_width(self, recorded: CellResult, field: str, name: str, t: int) -> float:
        """Of a number's interval over seeds: the entry's own, or that of the usual entry where that is narrower."""

        def half_width(results: Iterable[CellResult]) -> float:
            values = [getattr(r.generations[t], field).get(name, math.nan) for r in results if len(r.generations) > t]
            return student_t_interval(values).half_width

        assert self.board is not None
        label, setting, _ = _place(recorded)
        own = {e.label: half_width(r for (s, _), r in e.cells.items() if s == setting) for e in self.board.entries}
        return _narrower(own.get(label, math.nan), own.values())

    def _score(self, pair: Pair, references: Sequence[Pair]) -> Drift:
        """What the deviation of the loss would do to the score in this setting, were it that of all seeds."""
        recorded, again = map(scored_loss, pair)
        apart = again - recorded
        moved = [apart, *(apart - (scored_loss(other[1]) - scored_loss(other[0])) for other in references)]
        share = min(self._shift(pair[0], by) for by in moved) / self.tolerance if any(moved) else 0.0
        name = f"scored {pair[0].cell.task.primary}"
        said = f"{name} is recorded as {recorded:.9g}; run again it is {again:.9g}, which moves the score by"
        return Drift(name, share, f"{said} {share * self.tolerance:.2g} of its interval")

    def _shift(self, recorded: CellResult, by: float) -> float:
        """By how much of the half-width of its interval worth would move, or R where worth is not known there."""
        assert self.board is not None
        label, name, _ = _place(recorded)
        setting = next((setting for setting in self.board.settings if setting.name == name), None)
        entry = next((entry for entry in self.board.entries if entry.label == label), None)
        if setting is None or entry is None or not by:
            return math.inf if by else 0.0
        shifts = (self._worth_shift(entry, setting, by), self._gap_shift(entry, setting, by))
        return next((shift for shift in shifts if shift is not None), math.inf)

    def _worth_shift(self, entry: Entry, setting: Setting, by: float) -> float | None:
        board = self.board
        assert board is not None
        losses = board.losses_of(entry, setting)
        seeds = [seed for seed in setting.seeds if seed in losses]
        if setting.curve is None or not seeds:
            return None
        own = np.array([losses[seed] for seed in seeds])
        curve = setting.curve_of(seeds)
        before, after = curve.worth(own), curve.worth(own + by)
        if before.outside or after.outside:
            return None
        worths = [worth.log2.half_width for e in board.entries if (worth := board.scores.worth(e, setting))]
        return _of_interval(after.log2.centre - before.log2.centre, before.log2.half_width, worths)

    def _gap_shift(self, entry: Entry, setting: Setting, by: float) -> float | None:
        board = self.board
        assert board is not None
        ends = [board.losses_of(board.reference(one), setting) for one in (setting.world.floor, setting.world.ceiling)]
        gaps = [ends[0][seed] - ends[1][seed] for seed in ends[0] if seed in ends[1]]
        if not gaps or not np.mean(gaps):
            return None
        widths = [board.scores.recovered(e, setting).half_width for e in board.entries]
        return _of_interval(by / float(np.mean(gaps)), board.scores.recovered(entry, setting).half_width, widths)


def _place(result: CellResult) -> tuple[str, str, int]:
    label, task, world, seed = result.place
    return label, f"{task}/{world}", seed


def _stepped(again: CellResult) -> bool:
    """Whether the models of a cell were trained in steps, when it was run here."""
    return any(generation.costs["optimizer_steps"] for generation in again.generations)


def _moved(pair: Pair) -> dict[str, float]:
    """By how much each metric of a reference moved."""
    return {f"{one.name} at t={one.t}": one.apart for one in differences(*pair) if one.field == "metrics"}


def _of_interval(shift: float, own: float, others: Iterable[float]) -> float | None:
    """The size of a shift in half-widths of an interval, 0 where no board shows it; None without an interval."""
    if abs(shift) <= NEGLIGIBLE:
        return 0.0
    width = _narrower(own, others)
    return abs(shift) / width if width else None


def _narrower(own: float, others: Iterable[float]) -> float:
    """An entry's own half-width or the usual one, so that nobody widens his own measure; 0 where none is known."""
    usual = [width for width in others if math.isfinite(width) and width > 0]
    known = [width for width in (own, float(np.median(usual)) if usual else 0.0) if math.isfinite(width) and width > 0]
    return min(known, default=0.0)


def _share(apart: float, allowed: float) -> float:
    return apart / allowed if allowed else math.inf
