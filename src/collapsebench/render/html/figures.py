"""What the script draws: curves of every metric over generations and costs against the gap, as plain data."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from ...stats import Interval
from ..numbers import count, measured, number, span
from ..svg import curves
from .costs import COST_COLUMNS
from .pieces import place

if TYPE_CHECKING:
    from ...board import Board, BoardTask, Entry


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
                "charts": [_primary(board, task), *(_secondary(board, task, metric) for metric in task.shown)],
            }
            for task in board.tasks
            if task.primary
        ],
        "costs": _costs(board),
    }


def _primary(board: Board, task: BoardTask) -> dict[str, Any]:
    labels = [entry.label for entry in board.entries]
    lines = [
        {
            "entry": labels.index(line.label),
            "points": [_point(Interval(*pair)) for pair in zip(line.mean, line.half_width, strict=True)],
            "theory": [[_finite(value), number(value)] for value in line.theory],
            "diverged": line.diverged,
        }
        for line in curves(board, task.name).lines
    ]
    return {"metric": task.primary, "unit": task.unit, "lines": lines}


def _secondary(board: Board, task: BoardTask, metric: str) -> dict[str, Any]:
    """A metric beside the loss, over the seeds that are done."""
    lines = []
    for index, entry in enumerate(board.entries):
        points = [_point(board.metric(entry, task.name, metric, t)) for t in range(_length(board, entry, task))]
        if any(value is not None for value, _, _ in points):
            lines.append({"entry": index, "points": points, "theory": [], "diverged": False})
    return {"metric": metric, "unit": "", "lines": lines}


def _length(board: Board, entry: Entry, task: BoardTask) -> int:
    done = [len(result.generations) for result in entry.results(task.name) if result.cell.status == "done"]
    return min(done, default=0)


def _costs(board: Board) -> dict[str, Any]:
    """R of every complete entry with its interval for these tasks, and what it cost."""
    points = []
    for index, entry in enumerate(board.entries):
        spent = board.costs(entry)
        if spent and board.scored(entry):
            overall = board.overall(entry).these_tasks
            costs = {name: [_finite(spent[name]), count(spent[name])] for name in COST_COLUMNS}
            words = f"{number(overall.centre)} {span(overall)}"
            points.append({"entry": index, "r": _finite(overall.centre), "words": words, "costs": costs})
    return {"names": COST_COLUMNS, "points": points}


def _point(interval: Interval) -> list[float | str | None]:
    return [_finite(interval.centre), _finite(interval.half_width), measured(interval)]


def _finite(value: float) -> float | None:
    """Six digits, as in the figures beside the Markdown pages."""
    return float(f"{value:.6g}") if math.isfinite(value) else None
