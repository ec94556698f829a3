"""Curves of a task as SVG: the primary metric over generations, one line per entry.

Matplotlib's bytes differ between its versions, so a figure carries the digest of what it shows: a board
redraws it, and calls it stale, only when that digest changes.
"""

from __future__ import annotations

import hashlib
import io
import math
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from ..records import CellResult, to_line
from ..stats import Interval, student_t_interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..board import Board, Entry

MARK = "collapsebench curves"
"""Stands in every figure drawn here, before its digest."""

_STYLE = 1  # bump when the same curves are to be drawn differently

# Okabe & Ito's colours that are told apart by colour-blind readers and stand out on white.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_MARKERS = ("o", "s", "^", "D", "v", "P")
_GREY = "#6b6b6b"
_DASHES = {"replace": (0, (5, 2)), "frozen": (0, (2, 1.5)), "fresh_real": (0, (5, 1.5, 1, 1.5))}

_SETTINGS: dict[str, Any] = {
    "svg.hashsalt": "collapsebench",
    "svg.fonttype": "path",
    "font.family": "DejaVu Sans",  # ships with matplotlib
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


@dataclass(frozen=True)
class Curve:
    """One line: mean over seeds and Student-t half-width at t = 0, 1, ..., and a closed form where there is one.

    `style` is the entry's place among the board's methods, so that it looks the same on every task.
    """

    label: str
    reference: bool
    style: int
    mean: tuple[float, ...]
    half_width: tuple[float, ...]
    theory: tuple[float, ...]
    diverged: bool


@dataclass(frozen=True)
class Curves:
    """All that one figure shows."""

    title: str
    axis: str
    lines: tuple[Curve, ...]


def curves(board: Board, task: str) -> Curves:
    """The curves of one task; a line ends where the first of its seeds does."""
    subject = next(t for t in board.tasks if t.name == task)
    methods = [entry.label for entry in board.entries if not entry.reference]
    lines = []
    for entry in sorted(board.entries, key=lambda entry: not entry.reference):
        # A failed cell is no result, and must not cut the others short.
        started = [result for result in entry.results(task) if result.generations and result.cell.status != "failed"]
        if started:
            style = 0 if entry.reference else methods.index(entry.label)
            lines.append(_curve(entry, started, subject.primary, style))
    return Curves(subject.title, f"{subject.primary} ({subject.unit})", tuple(lines))


def _curve(entry: Entry, started: list[CellResult], primary: str, style: int) -> Curve:
    length = min(len(result.generations) for result in started)
    points = [student_t_interval([r.generations[t].metrics[primary] for r in started]) for t in range(length)]
    theory = next((result.cell.theory for result in started if result.cell.theory), ())
    return Curve(
        label=entry.label,
        reference=entry.reference,
        style=style,
        mean=tuple(_rounded(point.centre) for point in points),
        half_width=tuple(_rounded(point.half_width) for point in points),
        theory=tuple(_rounded(value) for value in theory),
        diverged=any(result.cell.status == "diverged" for result in started),
    )


def _rounded(value: float) -> float:
    """Six digits: more than a figure shows, fewer than machines differ in."""
    return float(f"{value:.6g}")


def digest(figure: Curves) -> str:
    """What a drawn figure carries: the mark and the digest of what it shows."""
    return f"{MARK} {hashlib.sha256(to_line([_STYLE, asdict(figure)]).encode()).hexdigest()}"


def draw(figure: Curves) -> str:
    """The figure as SVG text."""
    from matplotlib import style
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    # "default" first: whatever the user's own matplotlibrc says
    with _unloaded_torch_hidden(), style.context(["default", _SETTINGS]):
        height = 3.6 + 0.17 * max(0, len(figure.lines) - 17)  # inches; a legend row takes .17
        canvas = Figure(figsize=(8.6, height))
        axes = canvas.add_axes((0.09, 0.45 / height, 0.52, 1 - 0.8 / height))
        for line in figure.lines:
            _draw_line(axes, line, shade=min(0.12, 1 / len(figure.lines)))
        _set_scale(axes, figure)
        axes.set(title=figure.title, xlabel="generation", ylabel=figure.axis)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.2, linewidth=0.6)
        _set_legend(axes, figure)
        buffer = io.StringIO()
        canvas.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None, "Description": digest(figure)})
    return "\n".join(row.rstrip() for row in buffer.getvalue().splitlines()) + "\n"


@contextmanager
def _unloaded_torch_hidden() -> Iterator[None]:
    """Matplotlib asks of all that it plots whether it is a tensor, which would load a deferred torch for nothing."""
    torch = sys.modules.get("torch")
    if torch is None or "Tensor" in vars(torch):
        yield
        return
    del sys.modules["torch"]
    try:
        yield
    finally:
        sys.modules["torch"] = torch


def _draw_line(axes: Axes, line: Curve, shade: float) -> None:
    colour = _GREY if line.reference else _COLOURS[line.style % len(_COLOURS)]
    generations = range(len(line.mean))
    band = [Interval(m, 0.0 if math.isnan(h) else h) for m, h in zip(line.mean, line.half_width, strict=True)]
    axes.fill_between(
        generations, [b.low for b in band], [b.high for b in band], color=colour, alpha=shade, linewidth=0
    )
    axes.plot(generations, line.mean, color=colour, label=_legend_text(line.label), **_look(line))
    if line.theory:
        axes.plot(line.theory, color=colour, linestyle=":", linewidth=2.2)
    if line.diverged:
        axes.plot(len(line.mean) - 1, line.mean[-1], "x", color=colour, markersize=10, markeredgewidth=2)


def _look(line: Curve) -> dict[str, Any]:
    """References are dashed and lie on top; methods have markers, hollow once the colours are used up."""
    if line.reference:
        return {"linestyle": _DASHES.get(line.label, "--"), "zorder": 3}
    lap = line.style // len(_COLOURS)
    look = {"marker": _MARKERS[(line.style + lap) % len(_MARKERS)], "markersize": 4, "linewidth": 1.4}
    return look | ({"markerfacecolor": "white"} if lap else {})


def _legend_text(label: str, most: int = 36) -> str:
    """A label that leaves room for the curves and is no formula."""
    short = label if len(label) <= most else label[: most - 1] + "…"
    return short.replace("$", r"\$")


def _set_legend(axes: Axes, figure: Curves) -> None:
    if any(line.theory for line in figure.lines):
        axes.plot([], color=_GREY, linestyle=":", linewidth=2.2, label="closed form, in its line's colour")
    if figure.lines:
        axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False, fontsize=8)


def _set_scale(axes: Axes, figure: Curves) -> None:
    """Frame the means and closed forms; a wide band may leave the frame. Logarithmic beyond a decade."""
    from matplotlib.ticker import LogLocator, NullLocator

    values = [v for line in figure.lines for v in (*line.mean, *line.theory) if math.isfinite(v)]
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
