"""What the script draws: curves of every metric over generations and costs against the gap, as plain data."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ...board.stats import Interval
from ..cost_plot import FLOOR, KINDS, cost_plot
from ..curves import Curve, curves
from ..numbers import measured, number, score, span
from .pieces import place

if TYPE_CHECKING:
    from ...board import Board, BoardTask


def figures(board: Board) -> dict[str, Any]:
    """All figures of one board; a point is `[value, half-width, words]`, null where it is not finite.

    Entries are given by their position in `entries`, the order of `Board.entries`.
    """
    methods = [entry.label for entry in board.entries if not entry.reference]
    return {
        "id": place(board),
        "entries": [
            {
                "label": entry.label,
                "track": "" if entry.reference else entry.track,
                "reference": entry.reference,
                "style": 0 if entry.reference else methods.index(entry.label),
            }
            for entry in board.entries
        ],
        "tasks": [
            {
                "name": task.name,
                "id": place(board, "task", task.name),
                "charts": _charts(board, task),
            }
            for task in board.tasks
            if task.primary
        ],
        "costs": _costs(board),
    }


def _charts(board: Board, task: BoardTask) -> list[dict[str, Any]]:
    """The loss, then the metrics beside it."""
    labels = [entry.label for entry in board.entries]
    figure = curves(board, task.name)
    beside = [{"metric": panel.metric, "unit": "", "lines": _lines(panel.lines, labels)} for panel in figure.beside]
    return [{"metric": task.primary, "unit": task.unit, "lines": _lines(figure.lines, labels)}, *beside]


def _lines(lines: Sequence[Curve], labels: Sequence[str]) -> list[dict[str, Any]]:
    return [
        {
            "entry": labels.index(line.label),
            "points": [_point(Interval(*pair)) for pair in zip(line.mean, line.half_width, strict=True)],
            "theory": [[_finite(value), number(value)] for value in line.theory],
            "diverged": line.diverged,
        }
        for line in lines
    ]


def _costs(board: Board) -> dict[str, Any]:
    """R of every complete entry with its interval for these tasks, over costs as multiples of what `replace` spends."""
    entries = {entry.label: (index, entry) for index, entry in enumerate(board.entries)}
    points = []
    for dot in cost_plot(board).dots:
        index, entry = entries[dot.label]
        overall = board.overall(entry).seed_interval
        costs = [[_finite(cost), f"×{number(cost)}"] for cost in dot.costs]
        words = f"{score(overall.centre)} {span(overall)}"
        points.append({"entry": index, "r": _finite(dot.recovered), "words": words, "costs": costs})
    return {"names": list(KINDS), "floor": FLOOR, "points": points}


def _point(interval: Interval) -> list[float | str | None]:
    return [_finite(interval.centre), _finite(interval.half_width), measured(interval)]


def _finite(value: float) -> float | None:
    """Six digits, as in the figures beside the Markdown pages."""
    return float(f"{value:.6g}") if math.isfinite(value) else None
