"""Curves of a setting as SVG: the primary metric over generations, one line per entry, the other metrics below it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..board.stats import Interval, student_t_interval
from ..core.records import CellResult
from .figure import COLOURS, GREY, drawing, rounded, short, svg_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ..board import Board, Entry, Setting

_MARKERS = ("o", "s", "^", "D", "v", "P")
_DASHES = {"replace": (0, (5, 2)), "frozen": (0, (2, 1.5)), "fresh_real": (0, (5, 1.5, 1, 1.5))}
_WIDTH, _MAIN, _SMALL = 8.6, 3.6, 2.0  # inches: of a figure, and high the primary metric and the row below it


@dataclass(frozen=True)
class Curve:
    """One line: mean over seeds and Student-t half-width at t = 0, 1, ..., and a closed form where there is one."""

    label: str
    reference: bool
    style: int
    mean: tuple[float, ...]
    half_width: tuple[float, ...]
    theory: tuple[float, ...]
    diverged: bool


@dataclass(frozen=True)
class Panel:
    """A metric beside the loss: diversity, as a rule."""

    metric: str
    lines: tuple[Curve, ...]


@dataclass(frozen=True)
class Curves:
    """All that one figure shows."""

    title: str
    axis: str
    lines: tuple[Curve, ...]
    beside: tuple[Panel, ...] = ()


def curves(board: Board, setting: Setting) -> Curves:
    """The curves of one setting; a line ends where the first of its seeds does."""
    subject, started = setting.task, _started(board, setting)
    return Curves(
        f"{subject.title}: {setting.world.name}",
        f"{subject.primary} ({subject.unit})",
        tuple(_curve(*line, subject.primary) for line in started),
        tuple(Panel(metric, tuple(_curve(*line, metric) for line in started)) for metric in subject.shown),
    )


def styles(board: Board) -> dict[str, int]:
    """Label -> place among the methods of a board, so that an entry looks the same in every setting; 0: references."""
    methods = [entry.label for entry in board.entries if not entry.reference]
    return {**{entry.label: 0 for entry in board.references}, **{label: place for place, label in enumerate(methods)}}


def _started(board: Board, setting: Setting) -> list[tuple[Entry, list[CellResult], int]]:
    """Entries that have a line, references first, with their cells and their style."""
    lines, looks = [], styles(board)
    for entry in sorted(board.entries, key=lambda entry: not entry.reference):
        # A failed cell is no result, and must not cut the others short.
        cells = [result for result in entry.results(setting) if result.generations and result.cell.status != "failed"]
        if cells:
            lines.append((entry, cells, looks[entry.label]))
    return lines


def _curve(entry: Entry, cells: list[CellResult], style: int, metric: str) -> Curve:
    length = min(len(result.generations) for result in cells)
    points = [
        student_t_interval([r.generations[t].metrics.get(metric, math.nan) for r in cells]) for t in range(length)
    ]
    closed = next((c for result in cells if (c := result.cell.theory.get(metric))), ())
    return Curve(
        label=entry.label,
        reference=entry.reference,
        style=style,
        mean=tuple(rounded(point.centre) for point in points),
        half_width=tuple(rounded(point.half_width) for point in points),
        theory=tuple(rounded(value) for value in closed),
        diverged=any(result.cell.status == "diverged" for result in cells),
    )


def draw(figure: Curves) -> str:
    """The figure as SVG text."""
    from matplotlib.figure import Figure

    legend = 0.17 * max(0, len(figure.lines) - 17)  # inches; a legend row takes .17
    below = _SMALL if figure.beside else 0
    height = _MAIN + legend + below
    with drawing():
        canvas = Figure(figsize=(_WIDTH, height))
        axes = canvas.add_axes((0.09, (below + 0.45) / height, 0.52, (height - below - 0.8) / height))
        for line in figure.lines:
            _draw_line(axes, line, shade=min(0.12, 1 / len(figure.lines)))
        _set_scale(axes, figure.lines)
        axes.set(title=figure.title, xlabel="generation", ylabel=figure.axis)
        _set_grid(axes)
        _set_legend(axes, figure)
        for place, panel in enumerate(figure.beside):
            _draw_panel(canvas, panel, place, len(figure.beside), height)
        return svg_text(canvas, figure)


def _draw_panel(canvas: Figure, panel: Panel, place: int, panels: int, height: float) -> None:
    """A small panel of lines alone; they look as in the main one."""
    width = 0.9 / max(panels, 2)
    axes = canvas.add_axes((0.09 + place * width, 0.38 / height, width - 0.07, (_SMALL - 0.72) / height))
    for line in panel.lines:
        look = {key: value for key, value in _look(line).items() if key in {"linestyle", "zorder"}}
        axes.plot(line.mean, color=_colour(line), linewidth=1.2, **look)
        if line.theory:
            axes.plot(line.theory, color=_colour(line), linestyle=":", linewidth=1.8)
    _set_scale(axes, panel.lines)
    axes.set_title(short(panel.metric), fontsize=8)
    axes.tick_params(labelsize=7)
    _set_grid(axes)


def _set_grid(axes: Axes) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.2, linewidth=0.6)


def _colour(line: Curve) -> str:
    return GREY if line.reference else COLOURS[line.style % len(COLOURS)]


def _draw_line(axes: Axes, line: Curve, shade: float) -> None:
    colour = _colour(line)
    generations = range(len(line.mean))
    band = [Interval(m, 0.0 if math.isnan(h) else h) for m, h in zip(line.mean, line.half_width, strict=True)]
    axes.fill_between(
        generations, [b.low for b in band], [b.high for b in band], color=colour, alpha=shade, linewidth=0
    )
    axes.plot(generations, line.mean, color=colour, label=short(line.label), **_look(line))
    if line.theory:
        axes.plot(line.theory, color=colour, linestyle=":", linewidth=2.2)
    if line.diverged:
        axes.plot(len(line.mean) - 1, line.mean[-1], "x", color=colour, markersize=10, markeredgewidth=2)


def _look(line: Curve) -> dict[str, Any]:
    """References are dashed and lie on top; methods have markers, hollow once the colours are used up."""
    if line.reference:
        return {"linestyle": _DASHES.get(line.label, "--"), "zorder": 3}
    lap = line.style // len(COLOURS)
    look = {"marker": _MARKERS[(line.style + lap) % len(_MARKERS)], "markersize": 4, "linewidth": 1.4}
    return look | ({"markerfacecolor": "white"} if lap else {})


def _set_legend(axes: Axes, figure: Curves) -> None:
    if any(line.theory for line in figure.lines):
        axes.plot([], color=GREY, linestyle=":", linewidth=2.2, label="closed form, in its line's colour")
    if figure.lines:
        axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False, fontsize=8)


def _set_scale(axes: Axes, lines: Sequence[Curve]) -> None:
    """Frame the means and closed forms; a wide band may leave the frame. Logarithmic beyond a decade."""
    from matplotlib.ticker import LogLocator, NullLocator

    values = [v for line in lines for v in (*line.mean, *line.theory) if math.isfinite(v)]
    if not values:
        return
    low, high = min(values), max(values)
    if low > 0 and high > 10 * low:
        axes.set_yscale("log", nonpositive="clip")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 1000 * low else (1,)))
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.yaxis.set_minor_locator(NullLocator())
        axes.set_ylim(low / 1.25, high * 1.25)
    else:
        margin = 0.08 * (high - low) or 0.1 * abs(high) or 1.0
        axes.set_ylim(low - margin, high + margin)
