"""Cost against worth as SVG, of a question in a suite: one dot per scored entry and kind of cost.

Counts, not seconds: they are the same on every machine. Relative to `frozen` in the same settings, so that an entry
which covers few of them does not look cheap.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..core.method import TRACKS
from .figure import COLOURS, GREY, drawing, rounded, short, svg_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..board import Board, Group

KINDS = {
    "real examples": ("real_examples",),
    "synthetic examples": ("synthetic_examples",),
    "tokens trained on or scored": ("trained_tokens", "scored_tokens"),
}
"""What is plotted, and the costs's counts that each adds up. Calls of verifiers and rewards stand in the table."""

_RING: dict[str, Any] = {"markersize": 9, "markerfacecolor": "none", "zorder": 3}  # a reference may lie on a dot


@dataclass(frozen=True)
class Dot:
    """An entry: log2 of its worth and, for each of `KINDS`, its cost relative to `frozen`."""

    label: str
    track: str
    log2: float
    costs: tuple[float, ...]


@dataclass(frozen=True)
class CostPlot:
    """All that the figure shows, the best entry first."""

    title: str
    dots: tuple[Dot, ...]


def cost_plot(board: Board, group: Group) -> CostPlot:
    """The dots of the entries that have a score in a group."""
    dots = [
        Dot(
            entry.label,
            entry.track,
            rounded(score.seeds.centre),
            tuple(rounded(board.costs.relative(entry, score.of, counts)) for counts in KINDS.values()),
        )
        for entry in board.entries
        if (score := board.scores.score(entry, group))
    ]
    return CostPlot(f"{group.question}, {group.suite}", tuple(sorted(dots, key=lambda dot: -dot.log2)))


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
        panels[0].set_ylabel("worth")
        panels[0].yaxis.set_major_formatter(lambda log2, _: f"{2**log2:.3g}")
        canvas.suptitle(f"{figure.title}: worth against cost, as a multiple of what frozen takes", fontsize=10)
        _name_dots(panels[-1], figure.dots, height)
        return svg_text(canvas, figure)


def _colour(dot: Dot) -> str:
    return COLOURS[list(TRACKS).index(dot.track)] if dot.track else GREY


def _draw_panel(axes: Axes, dots: Sequence[Dot], place: int) -> None:
    from matplotlib.ticker import LogLocator, NullLocator

    for dot in dots:
        look = {"markersize": 6} if dot.track else _RING
        axes.axhline(dot.log2, color=_colour(dot), alpha=0.15, linewidth=0.8)
        axes.plot(dot.costs[place], dot.log2, "o", color=_colour(dot), **look)
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
    places = spread([dot.log2 for dot in dots], gap=0.17 * (high - low) / (height - 1.3), low=low)
    for dot, y in zip(dots, places, strict=True):
        axes.annotate(
            short(dot.label, 26),
            xy=(1, dot.log2),
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
