"""Cost against recovered gap as SVG: one dot per complete entry and kind of cost.

Counts, not seconds: they are the same on every machine. Relative to `replace` on the same tasks, so that an entry
which covers few tasks does not look cheap; `replace` does nothing but train on what was sampled anyway.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.method import TRACKS
from .figure import COLOURS, GREY, drawing, rounded, short, svg_text
from .numbers import score

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..board import Board, Entry

KINDS = {
    "real examples": ("real_examples",),
    "synthetic examples": ("synthetic_examples",),
    "tokens trained on or scored": ("trained_tokens", "scored_tokens"),
}
"""What is plotted, and the costs's counts that each adds up. Calls of verifiers and rewards stand in the table."""

FLOOR = -1.0
"""Entries with a lower R are drawn here, with their R in words: else they would squeeze all others together."""


_RING: dict[str, Any] = {"markersize": 9, "markerfacecolor": "none", "zorder": 3}  # a reference may lie on a dot


@dataclass(frozen=True)
class Dot:
    """An entry: overall R and, for each of `KINDS`, its cost relative to `replace`."""

    label: str
    track: str
    recovered: float
    costs: tuple[float, ...]


@dataclass(frozen=True)
class CostPlot:
    """All that the figure shows, the best entry first."""

    dots: tuple[Dot, ...]


def cost_plot(board: Board) -> CostPlot:
    """The dots of a board's complete entries; none while `replace` is not complete."""
    replace = board.reference("replace")
    if replace is None:
        return CostPlot(())
    dots = [
        Dot(
            entry.label,
            entry.track,
            rounded(board.scores.overall(entry).seed_interval.centre),
            tuple(rounded(_relative(board, entry, replace, counts)) for counts in KINDS.values()),
        )
        for entry in board.scores.complete
    ]
    return CostPlot(tuple(sorted(dots, key=lambda dot: -dot.recovered)))


def _relative(board: Board, entry: Entry, replace: Entry, counts: Collection[str]) -> float:
    """Geometric mean over the tasks that an entry covers of its cost over that of `replace`."""
    pairs = [[board.costs.on(one, task, counts) for one in (entry, replace)] for task in board.scope.of(entry)]
    ratios = [own / usual for own, usual in pairs if own > 0 and usual > 0]
    return float(np.exp(np.mean(np.log(ratios)))) if ratios else math.nan


def draw(figure: CostPlot) -> str:
    """The figure as SVG text: a panel for each kind of cost, one height for each entry, its name at the right."""
    from matplotlib.figure import Figure

    height = max(3.6, 1.3 + 0.24 * len(figure.dots))
    with drawing():
        canvas = Figure(figsize=(8.6, height))
        panels = canvas.subplots(1, len(KINDS), sharey=True)
        canvas.subplots_adjust(left=0.08, right=0.74, bottom=0.8 / height, top=1 - 0.5 / height, wspace=0.12)
        for place, (axes, kind) in enumerate(zip(panels, KINDS, strict=True)):
            _draw_panel(axes, figure.dots, place)
            axes.set_xlabel(kind)
        panels[0].set_ylabel("overall R")
        canvas.suptitle("Recovered gap against cost, as a multiple of what replace spends", fontsize=10)
        _name_dots(panels[-1], figure.dots, height)
        return svg_text(canvas, figure)


def _colour(dot: Dot) -> str:
    return COLOURS[list(TRACKS).index(dot.track)] if dot.track else GREY


def _height(dot: Dot) -> float:
    return max(dot.recovered, FLOOR)


def _draw_panel(axes: Axes, dots: Sequence[Dot], place: int) -> None:
    from matplotlib.ticker import LogLocator, NullLocator

    for dot in dots:
        marker = "v" if dot.recovered < FLOOR else "o"
        look = {"markersize": 6} if dot.track else _RING
        axes.axhline(_height(dot), color=_colour(dot), alpha=0.15, linewidth=0.8)
        axes.plot(dot.costs[place], _height(dot), marker, color=_colour(dot), **look)
    known = [dot.costs[place] for dot in dots if math.isfinite(dot.costs[place])]
    axes.set_xscale("log")
    axes.set_xlim(min([*known, 0.8]) / 1.15, max([*known, 2.0]) * 1.15)
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(lambda value, _: f"×{value:g}")
    axes.xaxis.set_minor_locator(NullLocator())


def _name_dots(axes: Axes, dots: Sequence[Dot], height: float) -> None:
    """Labels in the right margin, spread so that none lies on another, tied to the height of their dots."""
    low, high = axes.get_ylim()
    axes.set_ylim(low, high)  # what is written outside must not move it
    places = spread([_height(dot) for dot in dots], gap=0.17 * (high - low) / (height - 1.3), low=low)
    for dot, y in zip(dots, places, strict=True):
        beyond = f" ({score(dot.recovered)})" if dot.recovered < FLOOR else ""
        axes.annotate(
            short(dot.label, 26) + beyond,
            xy=(1, _height(dot)),
            xytext=(1.14, y),
            xycoords=("axes fraction", "data"),
            textcoords=("axes fraction", "data"),
            color=_colour(dot),
            fontsize=8,
            va="center",
            arrowprops={"arrowstyle": "-", "color": _colour(dot), "alpha": 0.5, "linewidth": 0.6, "relpos": (0, 0.5)},
            annotation_clip=False,
        )
    _name_tracks(axes, dots)


def _name_tracks(axes: Axes, dots: Sequence[Dot]) -> None:
    for track in (*TRACKS, ""):
        first = next((dot for dot in dots if dot.track == track), None)
        if first is not None:
            look = {"label": track} if track else {"label": "reference", **_RING}
            axes.plot([], [], "o", color=_colour(first), **look)
    if dots:
        axes.figure.legend(loc="lower left", frameon=False, fontsize=8, ncols=5)


def spread(places: Sequence[float], gap: float, low: float) -> list[float]:
    """Descending places moved apart to at least `gap`: down where two are close, and up again from `low`."""
    moved: list[float] = []
    for place in places:
        moved.append(min(place, moved[-1] - gap) if moved else place)
    for i in reversed(range(len(moved))):
        moved[i] = max(moved[i], low if i == len(moved) - 1 else moved[i + 1] + gap)
    return moved
