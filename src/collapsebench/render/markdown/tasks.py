"""What was measured on each task: the references' losses, curves, every entry's metrics."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...board.stats import GAP_FACTOR, student_t_interval
from ..numbers import MISSING, OUTSIDE, measured, number, share
from .samples import samples
from .scores import diverged
from .text import blocks, bullets, linked, plain, table, task_link

if TYPE_CHECKING:
    from ...board import Board, BoardTask, Entry


def measured_tasks(board: Board) -> str:
    """Every task of the protocol: the references' losses, the gap, and whether it counts."""
    header = [
        "task",
        "scored metric (unit)",
        "generation 0",
        "frozen",
        "replace",
        "fresh_real",
        "gap",
        "gap / its error",
        "verdict",
    ]
    rows = []
    for task in board.tasks:
        gap = task.gap
        rows.append(
            [
                task_link(task) if task.primary else plain(task.name),
                f"{plain(task.primary)} ({plain(task.unit)})" if task.primary else MISSING,
                measured(board.start(task, task.primary)) if task.primary else MISSING,
                *(_mean_loss(board, name, task) for name in ("frozen", "replace", "fresh_real")),
                MISSING if gap is None else f"{number(gap.mean)} (s.e. {number(gap.standard_error)})",
                MISSING if gap is None else number(gap.ratio),
                f"**{task.verdict}**" if task.counts else task.verdict,
            ]
        )
    losses = table(header, rows, left=2, right=6)
    return (
        f"{losses}\n\nLosses as scored, mean over seeds ± Student-t half-width. A task counts where the paired gap "
        f"L<sub>replace</sub> − L<sub>frozen</sub> exceeds {GAP_FACTOR:.0f} of its standard errors; others are left "
        "out of every score."
    )


def _mean_loss(board: Board, label: str, task: BoardTask) -> str:
    losses = [loss for (name, where, _), loss in board.losses.items() if (name, where) == (label, task.name)]
    return measured(student_t_interval(losses)) if losses else MISSING


def task_section(board: Board, task: BoardTask, entries: Sequence[Entry], folded: bool) -> str:
    """One task: curves, samples, the metrics of every entry, and what the metrics are."""
    detail = blocks(_detail(board, task, entries), _lm_eval(board, task, entries), _metric_lines(task))
    if folded:
        detail = f"<details><summary>Every entry at the last generation</summary>\n\n{detail}\n\n</details>"
    verdict = "" if task.counts else f" *{task.verdict.capitalize()}: not scored.*"
    return blocks(
        f"### {task.name}",
        f"{plain(task.title)} (version {task.version}).{verdict}",
        f"![{plain(task.primary)} over generations](curves/{task.name}.svg)",
        samples(board, task, entries),
        detail,
    )


def _detail(board: Board, task: BoardTask, entries: Sequence[Entry]) -> str:
    """The primary metric at the last generation beside the secondary ones, under generation 0."""
    metrics = (task.primary, *task.shown)
    rows = [["generation 0", *(measured(board.start(task, metric)) for metric in metrics), ""]]
    for entry in (*board.references, *entries):
        lacking = board.lacks(entry, task)
        words = f"{OUTSIDE}: {plain(lacking)}" if lacking else diverged(board, entry, task)
        if words:
            rows.append([linked(board, entry), words, *([MISSING] * (len(metrics) - 1)), MISSING])
        elif board.cells_in(entry, "done", [task]):
            values = [measured(board.metric(entry, task.name, metric)) for metric in metrics]
            rows.append([linked(board, entry), *values, share(board.real_share(entry, [task]))])
    header = [
        "at the last generation",
        f"{plain(task.primary)} ({plain(task.unit)})",
        *map(plain, task.shown),
        "real rows",
    ]
    return table(header, rows, left=1)


def _lm_eval(board: Board, task: BoardTask, entries: Sequence[Entry]) -> str:
    """What lm-eval says of the models: generation 0, then every entry at the last generation that was asked for it."""
    metrics = board.lm_eval(task)
    rows = [["generation 0", *(measured(board.start(task, metric)) for metric in metrics)]]
    for entry in (*board.references, *entries):
        values = [board.metric(entry, task.name, metric) for metric in metrics]
        if any(math.isfinite(value.centre) for value in values):
            rows.append([linked(board, entry), *map(measured, values)])
    if not metrics:
        return ""
    limits = " or ".join(map(str, board.lm_eval_limits(task)))
    note = f"Of each lm-eval task, {limits} items drawn at random." if limits else ""
    return blocks(table(["lm-eval at the last generation", *map(plain, metrics)], rows, left=1), note)


def _metric_lines(task: BoardTask) -> str:
    lines = task.metrics or {}
    return bullets([f"`{name}`: {plain(lines[name])}" for name in (task.primary, *task.shown) if name in lines])
