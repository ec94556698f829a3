"""The table of scores: ranks, the recovered gap overall and by task, and how far apart entries can be told."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...board.against import against, copy_of
from ...core.method import TRACKS
from ..markdown.scores import against_frozen, coverage, diverged, resolution_line, rows_of
from ..numbers import MISSING, OUTSIDE, score, span
from ..words import plural, score_notes
from .pieces import Cell, Column, Row, badge, bullets, element, folded, interval_cell, name_cell, plain, table

if TYPE_CHECKING:
    from ...board import Board, BoardTask, Entry, Standing
    from ...board.model import Overall

_SCALE = (-0.5, 1.25)
"""What part of R the small plot beside a score shows."""


def scores_section(board: Board, tracks: Sequence[str], order: Sequence[str]) -> str:
    """Entries by track and rank with R overall and by task; `order` gives an entry's number in the figures."""
    columns = [
        Column("rank", ascending=True, about="within its track; shared unless told apart"),
        Column("entry", numeric=False),
        Column("overall R", about="interquartile mean of R over all (task, seed)"),
        Column(_scale_header(), numeric=False),
        Column("these tasks", about="95 % interval of overall R for new seeds on these tasks"),
        Column("tasks like these", about="95 % interval of the mean of R over new tasks like these"),
        Column("against frozen", about="better, level or worse by a paired t-test, and the probability of improvement"),
        Column("tasks", about="of the scored tasks, those that the entry covers"),
        *(Column(plain(task.name), task=task.name, about=f"R on {plain(task.title)}") for task in board.counting),
    ]
    rows = [
        Row(
            [*_lead(board, standing, entry), *(_task_cell(board, entry, task) for task in board.counting)],
            entry=order.index(entry.label),
            track="" if entry.reference else entry.track,
            reference=entry.reference,
        )
        for standing, entry in rows_of(board, tracks)
    ]
    shown = [entry for _, entry in rows_of(board, tracks)]
    scope = f"Overall R, its intervals and the ranks are over all {plural(len(board.counting), 'scored task')}"
    caption = f'Recovered gap R <span class="scope">{scope} of an entry’s scope.</span>'
    return "\n".join(
        filter(
            None,
            (
                table(caption, columns, rows, "scores"),
                element("p", plain(resolution_line(board, tracks)), "note"),
                folded("Why n/a, and which scores say nothing", bullets(_remarks(board, shown))),
                bullets(score_notes(board, board.entries, _code, plain), "notes"),
            ),
        )
    )


def _lead(board: Board, standing: Standing | None, entry: Entry) -> list[Cell]:
    overall, complete = board.overall(entry), board.scored(entry)
    covered = Cell(coverage(board, entry), float(len(board.scope(entry))))
    lead = [_rank(standing, entry), name_cell(board, entry, _copy_mark(board, entry) + badge(entry))]
    if not complete:
        return [*lead, Cell(MISSING, None, "missing"), Cell(""), *[Cell(MISSING, None, "missing")] * 3, covered]
    both = (overall.seed_interval, overall.task_interval)
    return [
        *lead,
        Cell(element("b", score(both[0].centre)), both[0].centre),
        Cell(_small_plot(overall), kind="drawn"),
        *(Cell(element("small", span(i)), None if math.isnan(i.half_width) else i.low) for i in both),
        _against_frozen(board, entry),
        covered,
    ]


def _rank(standing: Standing | None, entry: Entry) -> Cell:
    """`blind 1`, sorted by track and rank, so that a click brings back the order of the board."""
    track = element("small", "reference" if entry.reference else entry.track)
    if entry.reference:
        return Cell(track)
    place, shown = (standing.rank, str(standing.rank)) if standing else (999, MISSING)
    return Cell(f"{track} {shown}", f"{TRACKS.index(entry.track)}.{place:03}")


def _copy_mark(board: Board, entry: Entry) -> str:
    original = copy_of(board, entry)
    return f" = <em>{plain(original)}</em>" if original else ""


def _against_frozen(board: Board, entry: Entry) -> Cell:
    standing = against(board, entry)
    return Cell(against_frozen(board, entry), standing.improvement if standing else None, "" if standing else "missing")


def _task_cell(board: Board, entry: Entry, task: BoardTask) -> Cell:
    if reason := board.lacks(entry, task):
        return Cell(f'<abbr title="{plain(reason)}">{OUTSIDE}</abbr>', None, "pair missing")
    if words := diverged(board, entry, task):
        return Cell(f"<small>{words}</small>", None, "missing")
    cell = interval_cell(board.score(entry, task))
    if twin := board.twin(entry, task):
        same = f'<abbr title="identical to {plain(twin)} on every seed, to the last bit">=</abbr> '
        return Cell(same + cell.html, cell.value, cell.kind)
    return cell


def _code(command: str) -> str:
    return element("code", plain(command))


def _remarks(board: Board, entries: Sequence[Entry]) -> list[str]:
    """One line for each entry that has a task outside its scope, or a score that is a reference's own."""
    lines = []
    for entry in entries:
        reasons = [reason for task in board.counting if (reason := board.lacks(entry, task))]
        reasons += [
            f"= identical to {twin} on {task.name}, every seed, to the last bit: R says nothing of the method there"
            for task in board.counting
            if (twin := board.twin(entry, task))
        ]
        if reasons:
            lines.append(f"{element('b', plain(entry.label))}: {plain('; '.join(reasons))}.")
    return lines


def _scale_header() -> str:
    """0 and 1 above the small plots."""
    marks = "".join(f'<text x="{_at(r):.1f}" y="11">{r:.0f}</text>' for r in (0.0, 1.0))
    scale = f'<svg class="scale" aria-hidden="true" width="120" height="14">{marks}</svg>'
    return f'<span class="sr">R and its intervals, drawn</span>{scale}'


def _small_plot(overall: Overall) -> str:
    """R as a dot on a thick interval (these tasks) and a thin one (tasks like these), cut to the scale."""
    marks = [f'<line class="mark" x1="{_at(r):.1f}" x2="{_at(r):.1f}" y1="0" y2="18"/>' for r in (0.0, 1.0)]
    for interval, kind in ((overall.task_interval, "thin"), (overall.seed_interval, "thick")):
        if not math.isnan(interval.half_width):
            ends = f'x1="{_at(interval.low):.1f}" x2="{_at(interval.high):.1f}"'
            marks.append(f'<line class="{kind}" {ends} y1="9" y2="9"/>')
    centre = overall.seed_interval.centre
    inside = _SCALE[0] <= centre <= _SCALE[1]
    dot = f'<circle cx="{_at(centre):.1f}" cy="9" r="2.8"/>' if inside else _arrow(centre < 0)
    return f'<svg aria-hidden="true" width="120" height="18">{"".join(marks)}{dot}</svg>'


def _arrow(left: bool) -> str:
    """Stands for a score beyond the scale."""
    return f'<path d="{"M7 5 L1 9 L7 13 Z" if left else "M113 5 L119 9 L113 13 Z"}"/>'


def _at(value: float) -> float:
    low, high = _SCALE
    return 4 + 112 * (min(max(value, low), high) - low) / (high - low)
