"""Figures: one per family of laws, a panel per claim, the law drawn over what was measured."""

from __future__ import annotations

import io
import math
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .judge import Verdict

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLUMNS = 3
_PANEL = (3.3, 2.5)
"""Width and height of a panel, inches."""

_MEASURED, _LAW, _FAILED = "#0072B2", "#000000", "#D55E00"

_NAMES = {"at_most": "law: at most", "at_least": "law: at least", "slope": "law, up to a constant"}

_SETTINGS: dict[str, Any] = {
    "svg.hashsalt": "collapsebench",
    "svg.fonttype": "none",  # text as text: a quarter of the size
    "font.family": "DejaVu Sans",  # ships with matplotlib
    "font.size": 7,
    "axes.titlesize": 7,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


def draw(verdicts: Sequence[Verdict]) -> str:
    """The figure of a family as SVG text; the same numbers give the same bytes."""
    from matplotlib import style
    from matplotlib.figure import Figure

    rows = math.ceil(len(verdicts) / _COLUMNS)
    with style.context(["default", _SETTINGS]):
        canvas = Figure(figsize=(_PANEL[0] * _COLUMNS, _PANEL[1] * rows), layout="constrained")
        for place, verdict in enumerate(verdicts, start=1):
            _draw_panel(canvas.add_subplot(rows, _COLUMNS, place), verdict)
        buffer = io.StringIO()
        canvas.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return "\n".join(line.rstrip() for line in buffer.getvalue().splitlines()) + "\n"


def _draw_panel(axes: Axes, verdict: Verdict) -> None:
    """Measured as points with four standard errors, the law as a line over them; generations thinned to 20."""
    from matplotlib.ticker import MaxNLocator

    claim, x = verdict.claim, verdict.x
    few = np.unique(np.linspace(0, len(x) - 1, min(len(x), 20)).round().astype(int))
    scale = verdict.mean[0] / verdict.curve[0] if claim.gate == "slope" else 1.0  # there a law has a free constant
    # Six digits are more than a figure shows and fewer than machines differ in.
    drawn = (scale * verdict.curve, verdict.mean[few], 4 * verdict.error[few])
    law, mean, error = (np.array([float(f"{value:.6g}") for value in values]) for values in drawn)
    colour = _MEASURED if verdict.passed else _FAILED
    bars = error if np.isfinite(mean).any() else None
    axes.errorbar(x[few], mean, bars, fmt="o", markersize=3, color=colour, linewidth=0.8, label="measured, ±4 s.e.")
    axes.plot(x, law, color=_LAW, linewidth=1.1, marker="_" if len(x) < 12 else "", label=_NAMES.get(claim.gate, "law"))
    if claim.x is None:
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    elif max(claim.x) > 20 * min(claim.x):
        axes.set(xscale="log", yscale="log")
    axes.set_title(f"{claim.law}\n{textwrap.fill(claim.setting, 60)}".replace("$", r"\$"))
    axes.set(xlabel=claim.axis, ylabel=claim.what)
    axes.legend(frameon=False, fontsize=6)
