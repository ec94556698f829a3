"""Drift: how far the numbers of a cell that was run again may lie from its record, by the intervals of its board.

What a record says of its machine does not count: one rule holds for all. A closed form agrees up to rounding, counts
and shares agree exactly, and the numbers of a model that is trained in steps may move by a small share of what the
seeds move them. Where the references moved too, on the machine that both ran on again, the difference to them counts.

Rounding can part lineages: a sampled token falls on the other side of a threshold, and what follows is another draw.
Whether it does so on a task is measured here, by the same cells with other vector instructions. Only there may a record
be another draw, which moves a score by less than its interval; the note counts such cells apart.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..core.records import CellResult
from ..loop.world import CURVE
from ..results.rerun import Difference, differences
from .load import scored_loss
from .stats import student_t_interval

if TYPE_CHECKING:
    from ..results.signature import Agreed
    from .cells import Entry, Setting
    from .model import Board

TOLERANCE = 0.05
"""Share of the half-width of an interval that a number may move by: with three seeds a fifth of a standard error."""

ROUNDING = 1e-6
"""By how much closed forms may differ, relatively."""

LOGGED = 1e-3
"""By how much what a method logs may differ, relatively: a rank of scores moves by steps."""

NEGLIGIBLE = 1e-3
"""A shift of log2 V, or of R, that no board shows; intervals may be narrower, as where an entry is `frozen`."""

ANOTHER_DRAW = {"score": 1.0, "loss": 4.0, "metrics": 4.0, "log": 4.0}
"""Half-widths that numbers of another draw may lie apart."""

COARSE = 0.1
"""Share of its size that a number of another draw may lie apart where its interval is narrower, as of few texts."""

_BY_CONTENT = {"trained_tokens", "scored_tokens", "rows", "real_share", "synthetic_share"}
"""Counts and shares that follow from what was drawn. All others are the protocol's."""

_EXACT = {"costs": 0.0, "rows": 0.0, "shares": 1e-9}


class Drift(NamedTuple):
    """A number that moved.

    Args:
        kind: `score`, `loss` (the scored metric by generation), `metrics`, `log`, `costs`, `rows` or `shares`.
        quantity: its name and generation.
        of_allowed: how much of what it may move it moved; above 1 the record is refused.
        of_another_draw: how much of what another draw may move it.
        said: what it was and is.
    """

    kind: str
    quantity: str
    of_allowed: float
    of_another_draw: float
    said: str


Pair = tuple[CellResult, CellResult]
"""A cell as it is recorded, and as it ran again."""


@dataclass(frozen=True)
class Yardstick:
    """The intervals of a board.

    Args:
        board: that the records stand on; None for a file of its own, where only rounding is allowed.
        tolerance: as `TOLERANCE`.
        curves: recorded learning curves, which are no cells of a board.
    """

    board: Board | None
    tolerance: float = TOLERANCE
    curves: Sequence[CellResult] = ()

    def drifts(self, pair: Pair, references: Sequence[Pair]) -> list[Drift]:
        """What of a cell moved; both results ended in the same way after as many generations.

        Args:
            pair: of the cell.
            references: of the floor and the ceiling of its world, task and seed, as far as they are not the cell.
        """
        stepped = is_stepped(pair[1])
        beside = [other for other in references if stepped and len(other[0].generations) == len(other[1].generations)]
        offsets = [_moved(other) for other in beside]
        found = [self._number(pair[0], one, stepped, offsets) for one in differences(*pair) if one.apart]
        if stepped and self.board and pair[0].cell.status == "done" and pair[0].cell.world.name != CURVE:
            found += self._score(pair, [other for other in beside if other[1].cell.status == "done"])
        return found

    def _number(
        self, recorded: CellResult, one: Difference, stepped: bool, offsets: Sequence[Mapping[str, float]]
    ) -> Drift:
        kind = "loss" if (one.field, one.name) == ("metrics", recorded.cell.task.primary) else one.field
        quantity = f"{one.name} at t={one.t}"
        said = f"{one.name} at generation {one.t} is recorded as {one.recorded:.9g}; run again it is {one.again:.9g}"
        size = max(one.scale, 1.0) if one.field == "shares" else one.scale
        coarse = COARSE * size if stepped and (one.field in ANOTHER_DRAW or one.name in _BY_CONTENT) else 0.0
        if one.field in _EXACT:
            apart = abs(one.apart)
            return Drift(kind, quantity, _share(apart, _EXACT[one.field]), _share(apart, coarse), said)
        allowed, width, moved = (LOGGED if kind == "log" else ROUNDING) * one.scale, 0.0, [one.apart]
        if stepped and self.board:
            width = self._half_width(recorded, one.field, one.name, one.t)
            allowed = max(allowed, self.tolerance * width)
            moved += [one.apart - other.get(quantity, 0.0) for other in offsets if one.field == "metrics"]
        apart = min(map(abs, moved))
        return Drift(
            kind, quantity, _share(apart, allowed), _share(apart, max(coarse, ANOTHER_DRAW[kind] * width)), said
        )

    def _half_width(self, recorded: CellResult, field: str, name: str, t: int) -> float:
        """Of a number's interval over seeds: the entry's own, or that of the usual entry where that is narrower."""

        def half_width(results: Iterable[CellResult]) -> float:
            values = [getattr(r.generations[t], field).get(name, math.nan) for r in results if len(r.generations) > t]
            return student_t_interval(values).half_width

        assert self.board is not None
        label, setting, _ = _place(recorded)
        own = {e.label: half_width(r for (s, _), r in e.cells.items() if s == setting) for e in self.board.entries}
        if recorded.cell.world.name == CURVE:
            own = {label: half_width(r for r in self.curves if r.cell.task.name == recorded.cell.task.name)}
        return _narrower(own.get(label, math.nan), own.values())

    def _score(self, pair: Pair, references: Sequence[Pair]) -> Iterator[Drift]:
        """What the deviation of the loss would do to the score in this setting, were it that of all seeds."""
        recorded, again = map(scored_loss, pair)
        apart = again - recorded
        moved = [apart, *(apart - (scored_loss(other[1]) - scored_loss(other[0])) for other in references)]
        if not apart:
            return
        shift = min(self._shift(pair[0], by) for by in moved)
        name = f"scored {pair[0].cell.task.primary}"
        said = f"{name} is recorded as {recorded:.9g}; run again it is {again:.9g}, {shift:.2g} of its score's interval"
        yield Drift("score", name, _share(shift, self.tolerance), shift / ANOTHER_DRAW["score"], said)

    def _shift(self, recorded: CellResult, by: float) -> float:
        """By how much of the half-width of its interval worth would move, or R where worth is not known there."""
        assert self.board is not None
        label, name, _ = _place(recorded)
        setting = next((setting for setting in self.board.settings if setting.name == name), None)
        entry = next((entry for entry in self.board.entries if entry.label == label), None)
        if not by:
            return 0.0
        if setting is None or entry is None:
            return math.inf
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


def verdict(drifts: Sequence[Drift], parted: Collection[str] = ()) -> tuple[Drift | None, Agreed]:
    """The drift that says most of a cell, and in what way the cell agrees unless that is beyond what is allowed.

    Args:
        drifts: of the cell.
        parted: kinds of numbers that rounding parts on this task, `of_parted`.
    """
    beyond = [one for one in drifts if one.of_allowed > 1]
    if not beyond:
        return max(drifts, key=lambda one: one.of_allowed, default=None), "to rounding" if drifts else "to the byte"
    scored = any(one.kind not in ("metrics", "log") for one in beyond)
    if refused := [one for one in beyond if one.kind not in parted or one.of_another_draw > 1]:
        return max(refused, key=lambda one: one.of_allowed), "to rounding"
    worst = max(beyond, key=lambda one: one.of_another_draw)
    return worst._replace(of_allowed=worst.of_another_draw), "as another draw" if scored else "in what is scored"


def of_parted(drifts: Iterable[Drift]) -> set[str]:
    """Kinds of numbers that two runs of a cell on one machine, with other instructions, do not agree in.

    A loss that parts is that of another corpus, whose counts and metrics may be others too.
    """
    kinds = {one.kind for one in drifts if one.of_allowed > 1}
    return kinds | ({"score", *ANOTHER_DRAW, *_EXACT} if kinds & {"score", "loss"} else set())


def is_stepped(again: CellResult) -> bool:
    """Whether the models of a cell were trained in steps, as it ran here."""
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
