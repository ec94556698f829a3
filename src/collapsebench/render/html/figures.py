"""What the script draws: curves of every metric over generations and costs against the gap, as plain data."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ...board.stats import Interval
from ..cost_plot import KINDS, CostPlot
from ..curves import Curve, Curves, styles
from ..numbers import measured, number
from .blocks import Writer


def figures(writer: Writer) -> dict[str, Any]:
    """All figures of one document; a point is `[value, half-width, words]`, null where it is not finite.

    Entries are given by their position in `entries`.
    """
    board, looks = writer.board, styles(writer.board)
    settings, costs = list[dict[str, Any]](), list[list[dict[str, Any]]]()
    for figure in writer.document.figures():
        if isinstance(figure.shown, CostPlot):
            costs.append(_points(writer, figure.shown, figure.points))
        else:
            task, identity = figure.setting.partition("/")[0], writer.place("setting", figure.setting)
            settings.append({"task": task, "id": identity, "charts": _charts(writer, figure.shown, figure.unit)})
    return {
        "id": writer.place(),
        "entries": [
            {"label": entry.label, "track": entry.track, "reference": entry.reference, "style": looks[entry.label]}
            for entry in board.entries
        ],
        "settings": settings,
        "costs": {"names": list(KINDS), "plots": costs},
    }


def _charts(writer: Writer, shown: Curves, unit: str) -> list[dict[str, Any]]:
    """The loss, then the metrics beside it."""
    loss = (shown.axis.removesuffix(f" ({unit})"), unit, shown.lines)
    return [
        {"metric": metric, "unit": unit, "lines": [_line(writer, line) for line in lines]}
        for metric, unit, lines in (loss, *((panel.metric, "", panel.lines) for panel in shown.beside))
    ]


def _line(writer: Writer, line: Curve) -> dict[str, Any]:
    points = [Interval(*pair) for pair in zip(line.mean, line.half_width, strict=True)]
    return {
        "entry": writer.places[line.label],
        "points": [[_finite(point.centre), _finite(point.half_width), measured(point)] for point in points],
        "theory": [[_finite(value), number(value)] for value in line.theory],
        "diverged": line.diverged,
    }


def _points(writer: Writer, shown: CostPlot, words: Sequence[str]) -> list[dict[str, Any]]:
    """Worth of every scored entry with its interval, over costs as multiples of what `frozen` takes."""
    return [
        {
            "entry": writer.places[dot.label],
            "worth": _finite(2.0**dot.log2),
            "words": said,
            "costs": [[_finite(cost), f"×{number(cost)}"] for cost in dot.costs],
        }
        for dot, said in zip(shown.dots, words, strict=True)
    ]


def _finite(value: float) -> float | None:
    """Six digits, as in the figures beside the Markdown pages."""
    return float(f"{value:.6g}") if math.isfinite(value) else None
