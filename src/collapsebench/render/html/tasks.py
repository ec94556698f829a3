"""What was measured on each task: the references' losses, curves, and every entry's metrics."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...board.stats import GAP_FACTOR, Interval, student_t_interval
from ..curves import Curve, curves
from ..markdown.scores import diverged
from ..numbers import MISSING, OUTSIDE, number, share
from .pieces import (
    Cell,
    Column,
    Row,
    bullets,
    element,
    entry_row,
    folded,
    interval_cell,
    number_cell,
    place,
    plain,
    table,
    task_cell,
)
from .samples import samples

if TYPE_CHECKING:
    from ...board import Board, BoardTask, Entry


def measured_table(board: Board) -> str:
    """Every task of the protocol: the references' losses, the gap, and whether it counts."""
    columns = [
        Column("task", numeric=False),
        Column("scored metric", numeric=False),
        *(Column(name, ascending=True) for name in ("generation 0", "frozen", "replace", "fresh_real")),
        Column("gap", about="mean of L replace − L frozen, paired by seed, with its standard error"),
        Column("gap / s.e."),
        Column("verdict", numeric=False),
    ]
    caption = (
        'What was measured <span class="scope">Losses as scored, mean over seeds ± Student-t half-width. A task '
        f"counts where the gap exceeds {GAP_FACTOR:.0f} of its standard errors; others are left out of every score."
        "</span>"
    )
    return table(caption, columns, [_measured_row(board, task) for task in board.tasks])


def _measured_row(board: Board, task: BoardTask) -> Row:
    gap, missing = task.gap, Cell(MISSING, None, "missing")
    metric = f"{plain(task.primary)} <small>{plain(task.unit)}</small>"
    start = interval_cell(board.start(task, task.primary)) if task.primary else missing
    error = "" if gap is None else f"{number(gap.mean)} <small>s.e. {number(gap.standard_error)}</small>"
    cells = [
        task_cell(board, task),
        Cell(metric, task.primary) if task.primary else missing,
        start,
        *(interval_cell(_mean_loss(board, name, task)) for name in ("frozen", "replace", "fresh_real")),
        missing if gap is None else Cell(error, gap.mean),
        missing if gap is None else number_cell(number(gap.ratio), gap.ratio),
        Cell(element("b", task.verdict) if task.counts else task.verdict, task.verdict),
    ]
    return Row(cells, task=task.name)


def _mean_loss(board: Board, label: str, task: BoardTask) -> Interval:
    return student_t_interval(
        [loss for (name, where, _), loss in board.losses.items() if (name, where) == (label, task.name)]
    )


def task_section(board: Board, task: BoardTask, entries: Sequence[Entry], order: Sequence[str]) -> str:
    """One task: curves, their values, the metrics of every entry, and what the metrics are."""
    words = f"{plain(task.title)}, version {task.version}."
    verdict = "" if task.counts else f" <b>{task.verdict.capitalize()}: not scored.</b>"
    parts = (
        element("p", words + verdict, "note"),
        '<div class="charts"></div>',
        folded("Samples by generation", samples(board, task, entries, order)),
        folded("Every entry at the last generation", _last_generation(board, task, entries, order)),
        folded(f"{plain(task.primary)} by generation", _by_generation(board, task, order)),
        folded("Scores by lm-eval", _lm_eval(board, task, entries, order)),
        folded("What the metrics are", bullets(_metric_lines(task))),
    )
    identity, name = place(board, "task", task.name), plain(task.name)
    return (
        f'<section class="task" id="{identity}" data-task="{name}" aria-labelledby="{identity}-title">\n'
        f'<h4 id="{identity}-title">{name}</h4>\n' + "\n".join(filter(None, parts)) + "\n</section>"
    )


def _last_generation(board: Board, task: BoardTask, entries: Sequence[Entry], order: Sequence[str]) -> str:
    """The primary metric beside the secondary ones, under generation 0."""
    metrics = (task.primary, *task.shown)
    columns = [
        Column("entry", numeric=False),
        Column(f"{plain(task.primary)} <small>{plain(task.unit)}</small>", ascending=True),
        *(Column(plain(name)) for name in task.shown),
        Column("real rows"),
    ]
    rows = [Row([_zero(), *(interval_cell(board.start(task, metric)) for metric in metrics), Cell("")])]
    for entry in (*board.references, *entries):
        lacking = board.lacks(entry, task)
        words = f"{OUTSIDE}: {plain(lacking)}" if lacking else diverged(board, entry, task)
        if words:
            cells = [Cell(element("small", words), None, "missing"), *[Cell(MISSING, None, "missing")] * len(metrics)]
        elif board.cells_in(entry, "done", [task]):
            real = board.real_share(entry, [task])
            values = [interval_cell(board.metric(entry, task.name, metric)) for metric in metrics]
            cells = [*values, number_cell(share(real), real)]
        else:
            continue
        rows.append(entry_row(board, entry, cells, order))
    return table(f"{plain(task.name)} at the last generation", columns, rows)


def _by_generation(board: Board, task: BoardTask, order: Sequence[str]) -> str:
    """The curves as numbers."""
    lines = {line.label: line for line in curves(board, task.name).lines}
    length = max((max(len(line.mean), len(line.theory)) for line in lines.values()), default=0)
    columns = [Column("entry", numeric=False), *(Column(f"t = {t}", ascending=True) for t in range(length))]
    rows = []
    for entry in board.entries:
        if line := lines.get(entry.label):
            rows.append(entry_row(board, entry, _points(line, length), order))
            if line.theory:
                theory = [number_cell(number(value), value) for value in line.theory]
                name = Cell(f"closed form of {plain(entry.label)}", f"{entry.label.lower()} theory", header=True)
                rows.append(Row([name, *_filled(theory, length)], reference=True))
    return table(f"{plain(task.primary)} ({plain(task.unit)}) by generation", columns, rows)


def _points(line: Curve, length: int) -> list[Cell]:
    points = [Interval(mean, half) for mean, half in zip(line.mean, line.half_width, strict=True)]
    return _filled([interval_cell(point) for point in points], length)


def _filled(cells: list[Cell], length: int) -> list[Cell]:
    return cells + [Cell(MISSING, None, "missing")] * (length - len(cells))


def _lm_eval(board: Board, task: BoardTask, entries: Sequence[Entry], order: Sequence[str]) -> str:
    """Generation 0, then every entry at the last generation that was asked for it."""
    metrics = board.lm_eval(task)
    if not metrics:
        return ""
    rows = [Row([_zero(), *(interval_cell(board.start(task, metric)) for metric in metrics)])]
    for entry in (*board.references, *entries):
        values = [board.metric(entry, task.name, metric) for metric in metrics]
        if any(math.isfinite(value.centre) for value in values):
            rows.append(entry_row(board, entry, [interval_cell(value) for value in values], order))
    limits = " or ".join(map(str, board.lm_eval_limits(task)))
    note = f' <span class="scope">Of each lm-eval task, {limits} items drawn at random.</span>' if limits else ""
    columns = [Column("entry", numeric=False), *(Column(plain(metric)) for metric in metrics)]
    return table(f"lm-eval at the last generation{note}", columns, rows)


def _metric_lines(task: BoardTask) -> list[str]:
    lines = task.metrics or {}
    names = [name for name in (task.primary, *task.shown) if name in lines]
    return [f"{element('code', plain(name))}: {plain(lines[name])}" for name in names]


def _zero() -> Cell:
    return Cell("generation 0", " ", header=True)
