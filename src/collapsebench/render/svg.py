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
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
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
        canvas = Figure(figsize=(7.5, 3.6 + 0.12 * max(0, len(figure.lines) - 14)), layout="constrained")
        axes = canvas.subplots()
        for line in figure.lines:
            _draw_line(axes, line)
        _set_scale(axes, figure)
        axes.set(title=figure.title, xlabel="generation", ylabel=figure.axis)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.2, linewidth=0.6)
        if figure.lines:
            axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False, fontsize=8)
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


def _draw_line(axes: Axes, line: Curve) -> None:
    colour = _GREY if line.reference else _COLOURS[line.style % len(_COLOURS)]
    generations = range(len(line.mean))
    name = _short(line.label).replace("$", r"\$")  # no formula
    band = [Interval(m, 0.0 if math.isnan(h) else h) for m, h in zip(line.mean, line.half_width, strict=True)]
    axes.fill_between(generations, [b.low for b in band], [b.high for b in band], color=colour, alpha=0.12, linewidth=0)
    if line.reference:
        axes.plot(generations, line.mean, color=colour, linestyle=_DASHES.get(line.label, "--"), label=name)
    else:
        marker = _MARKERS[(line.style + line.style // len(_COLOURS)) % len(_MARKERS)]
        axes.plot(generations, line.mean, color=colour, marker=marker, markersize=4, linewidth=1.4, label=name)
    if line.theory:
        axes.plot(line.theory, color=colour, linestyle=":", linewidth=2.2, label=f"{name}, closed form")
    if line.diverged and line.mean:
        axes.plot(len(line.mean) - 1, line.mean[-1], "x", color=colour, markersize=10, markeredgewidth=2)


def _short(label: str, most: int = 36) -> str:
    """A label that leaves room for the curves."""
    return label if len(label) <= most else label[: most - 1] + "…"


def _set_scale(axes: Axes, figure: Curves) -> None:
    """Frame the means and closed forms; a wide band may leave the frame. Logarithmic beyond a decade."""
    values = [v for line in figure.lines for v in (*line.mean, *line.theory) if math.isfinite(v)]
    if not values:
        return
    low, high = min(values), max(values)
    if low > 0 and high > 10 * low:
        axes.set_yscale("log", nonpositive="clip")
        axes.set_ylim(low / 1.25, high * 1.25)
    else:
        margin = 0.08 * (high - low) or 0.1 * abs(high) or 1.0
        axes.set_ylim(low - margin, high + margin)
