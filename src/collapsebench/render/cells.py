"""Values of a board as cells of a table: what is written, and what it is sorted by."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from ..board.columns import MISSING, Format, Noted
from ..board.stats import Interval
from ..core.method import TRACKS
from .document import Cell, Span
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


def _rank(track: str, rank: int | None) -> Cell:
    """Sorted by track and rank, so that sorting brings back the order of the board."""
    text = "" if not track else MISSING if rank is None else str(rank)
    return Cell(text, f"{TRACKS.index(track)}.{rank or 999:03}" if track else None)


_FORMATS: Mapping[Format, Callable[[Any], Cell]] = {
    "rank": lambda place: _rank(*place),
    "coverage": lambda of: Cell(f"{of[0]}/{of[1]}", float(of[0])),
    "score": partial(numbered, score),
    "interval": interval,
    "span": lambda value: Cell(Span(span(value), "number"), _finite(value.low)),
    "drawn": lambda overall: Cell("", plot=overall),
    "count": partial(numbered, count),
    "share": partial(numbered, share),
    "against": lambda it: Cell(f"{it.verdict}, {100 * it.improvement:.0f} %", it.improvement),
}
