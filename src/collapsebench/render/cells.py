"""Values of a board as cells of a table: what is written, and what it is sorted by."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from ..board.columns import MISSING, Format, Noted, Place
from ..board.scores import Against
from ..board.stats import Interval
from ..core.method import TRACKS
from .document import Cell, Plot, Span
from .numbers import count, measured, score, share, span


def cell(style: Format, value: Any) -> Cell:
    """A value in the format of its column; a string stands for itself."""
    if isinstance(value, Noted):
        plain = cell(style, value.value)
        return Cell(plain.text, plain.order, value.note)
    if isinstance(value, str):
        return Cell(value, value if style == "words" else None)
    if value is None:
        return Cell("" if style == "drawn" else MISSING)
    return _FORMATS[style](value)


def interval(value: Interval) -> Cell:
    """`mean ± half-width`, sorted by its mean; the half-width stands back."""
    mean, _, half_width = measured(value).partition(" ± ")
    error = (Span(f" ± {half_width}", "error"),) if half_width else ()
    return Cell((Span(mean, "number"), *error), _finite(value.centre))


def numbered(write: Callable[[float], str], value: float) -> Cell:
    """A number as it is written, sorted by what it is."""
    return Cell(Span(write(value), "number"), _finite(value))


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _rank(place: Place) -> Cell:
    """Sorted by track and rank, so that sorting brings back the order of the board."""
    if not place.track:
        return Cell("")
    text = MISSING if place.rank is None else str(place.rank)
    return Cell(text, f"{TRACKS.index(place.track)}.{place.rank or 999:03}")


def _against(found: Against) -> Cell:
    """`worse, 5 %`."""
    return Cell(f"{found.verdict}, {100 * found.improvement:.0f} %", found.improvement)


def _span(value: Interval) -> Cell:
    text = span(value)
    return Cell(Span(text, "number"), None if text == MISSING else value.low)


_FORMATS: Mapping[Format, Callable[[Any], Cell]] = {
    "rank": _rank,
    "coverage": lambda of: Cell(f"{of[0]}/{of[1]}", float(of[0])),
    "score": partial(numbered, score),
    "interval": interval,
    "span": _span,
    "drawn": lambda overall: Cell(Plot(overall)),
    "count": partial(numbered, count),
    "share": partial(numbered, share),
    "against": _against,
}
