"""Values of a board as cells of a table: what is written, and what it is sorted by."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from ..board.columns import MISSING, Best, Format, Noted
from ..board.stats import Interval
from ..board.worth import Worth
from ..core.method import TRACKS
from .document import Cell, Span
from .numbers import count, end, measured, ratio, share, span, worth


def cell(style: Format, value: Any) -> Cell:
    """A value in the format of its column; a string stands for itself."""
    if isinstance(value, Noted):
        return replace(cell(style, value.value), note=value.note)
    if isinstance(value, Best):
        return _worth(value.value, best=True)
    if isinstance(value, str):
        return Cell(value, value if style == "words" else None)
    if value is None:
        return Cell("" if style in ("drawn", "words") else MISSING)
    return _FORMATS[style](value)


def interval(value: Interval) -> Cell:
    """`mean ± half-width`, sorted by its mean; the half-width stands back."""
    mean, _, half_width = measured(value).partition(" ± ")
    error = (Span(f" ± {half_width}", "small"),) if half_width else ()
    return Cell((Span(mean, "number"), *error), _finite(value.centre))


def numbered(write: Callable[[float], str], value: float) -> Cell:
    """A number as it is written, sorted by what it is."""
    return Cell(Span(write(value), "number"), _finite(value))


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _rank(track: str, rank: int | None) -> Cell:
    """Sorted by track and rank, then what has a track only: sorting brings back the order of the board."""
    if not track:
        return Cell("")
    place = TRACKS.index(track)
    return Cell(str(rank), f"{place}.{rank:03}") if rank else Cell("", f"{len(TRACKS) + place}")


def _worth(value: Worth, best: bool = False) -> Cell:
    """`0.62 [0.58, 0.66]`, or `< 1/16`; the interval stands back, the best of a track stands out."""
    log2 = value.log2
    words = f"{'<' if value.outside < 0 else '>'} {end(log2.centre)}" if value.outside else worth(log2.centre)
    error = (Span(f" {interval}", "small"),) if (interval := span(log2)) else ()
    return Cell((Span(words, "best" if best else "number"), *error), _finite(log2.centre))


_FORMATS: Mapping[Format, Callable[[Any], Cell]] = {
    "rank": lambda place: _rank(*place),
    "worth": _worth,
    "interval": interval,
    "drawn": lambda score: Cell("", plot=score),
    "count": partial(numbered, count),
    "share": partial(numbered, share),
    "ratio": partial(numbered, ratio),
}
