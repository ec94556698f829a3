"""The tables of a board's pages."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..board import columns
from ..board.columns import MISSING, OUTSIDE, Head
from ..board.stats import Interval, student_t_interval
from .cells import cell, interval, numbered
from .curves import Curves
from .document import Cell, Row, Span, Table, Text, To
from .numbers import number, plural, share

if TYPE_CHECKING:
    from ..board import Board, BoardTask, Entry, State

_ENTRY = Head("entry", "name")
_ZERO = Cell("generation 0", " ")
_MISSING = Cell(MISSING)


def ranked(board: Board, tracks: Iterable[str]) -> list[Entry]:
    """Ranked entries by track, each track's others that only lack skipped or diverged tasks, then the references."""
    rows: list[Entry] = []
    for track in tracks:
        rows += board.scores.ranked(track)
        others = (entry for entry in board.competitors(track) if entry.label not in board.scores.ranks)
        rows += [entry for entry in others if not board.scope.waits(entry)]
    return [*rows, *board.references]


def scores(board: Board, shown: Sequence[columns.Column], rows: Sequence[Entry], verified: Collection[str]) -> Table:
    """Entries by track and rank with R overall and by task."""
    methods = sum(not entry.reference for entry in rows)
    who = f"{plural(methods, 'method')} and {plural(len(rows) - methods, 'reference')}"
    name = f"Recovered gap R of {who}, over {plural(len(board.counting), 'scored task')} of {len(board.tasks)}"
    return _of_entries(name, board, shown, rows, verified, "scores")


def costs(board: Board, rows: Sequence[Entry]) -> Table:
    """Costs in the order of the scores."""
    return _of_entries("Costs", board, columns.COSTS, rows)


def summary(board: Board, tracks: Iterable[str]) -> Table:
    """R in brief, incomplete entries included."""
    by_track = ((board.scores.ranked(track), board.competitors(track)) for track in tracks)
    rows = [entry for first, every in by_track for entry in (*first, *(e for e in every if e not in first))]
    name = f"{board.protocol.name} v{board.protocol.version}: recovered gap R"
    return _of_entries(name, board, columns.summary_columns(board), [*rows, *board.references])


def _of_entries(
    name: str,
    board: Board,
    shown: Sequence[columns.Column],
    rows: Sequence[Entry],
    verified: Collection[str] | None = None,
    kind: str = "",
) -> Table:
    """A table of registered columns; where `verified` is given the entries carry their marks."""

    def written(column: columns.Column, entry: Entry) -> Cell:
        if column.format != "name":
            return cell(column.format, column.value(board, entry))
        return named(board, entry, *(() if verified is None else _marks(board, entry, verified)))

    return Table(name, shown, [Row([written(c, entry) for c in shown], entry) for entry in rows], kind)


def named(board: Board, entry: Entry, *marks: Text) -> Cell:
    """An entry's name with a link to its description."""
    return Cell((linked(board, entry), *marks), entry.label.lower())


def linked(board: Board, entry: Entry) -> Text:
    """An entry's label with a link to its description; references in italics."""
    link = Span(entry.label, "emphasis" if entry.reference else "plain", To("entry", entry.label))
    dagger = Span("†", about="some cells ran on another machine than their references")
    return (link, " ", dagger) if board.across_machines(entry) else link


def _marks(board: Board, entry: Entry, verified: Collection[str]) -> Iterable[Text]:
    if same := board.scores.identical_reference(entry):
        equal = Span("=", "number", about="the same loss on every task and seed, to the last bit")
        yield " ", equal, " ", Span(same, "emphasis")
    if entry.label in verified:
        yield " ", Span("✓", about="verified")


def measured(board: Board) -> Table:
    """Every task of the protocol: the references' losses, the gap, and whether it counts."""
    references = ("frozen", "replace", "fresh_real")
    heads = [
        Head("task", "name"),
        Head("scored metric (unit)", "words"),
        *(Head(name, falling=True) for name in ("generation 0", *references)),
        Head("gap", about="mean of L replace − L frozen, paired by seed, with its standard error"),
        Head("gap / its error"),
        Head("verdict", "words"),
    ]
    rows = []
    for task in board.tasks:
        losses = (board.losses_of(board.reference(label), task) for label in references)
        cells = [
            Cell(Span(task.name, to=To("task", task.name)) if task.primary else task.name, task.name),
            Cell(f"{task.primary} ({task.unit})" if task.primary else MISSING, task.primary),
            interval(board.start(task, task.primary)),
            *(interval(student_t_interval(list(values.values()))) for values in losses),
            *_gap(task),
            Cell(Span(task.verdict, "strong" if task.counts else "plain"), task.verdict),
        ]
        rows.append(Row(cells, task=task.name))
    return Table("What was measured", heads, rows)


def _gap(task: BoardTask) -> tuple[Cell, Cell]:
    if task.gap is None:
        return _MISSING, _MISSING
    mean, error = Span(number(task.gap.mean), "number"), number(task.gap.standard_error)
    return Cell((mean, Span(f" (s.e. {error})", "error")), task.gap.mean), numbered(number, task.gap.ratio)


def last_generation(board: Board, task: BoardTask, entries: Iterable[Entry]) -> Table:
    """The primary metric at the last generation beside the secondary ones, under generation 0."""
    metrics = (task.primary, *task.shown)
    loss = Head(f"{task.primary} ({task.unit})", falling=True)
    heads = [Head("at the last generation", "name"), loss, *map(Head, task.shown), Head("real rows")]
    rows = [Row([_ZERO, *(interval(board.start(task, metric)) for metric in metrics), Cell("")])]
    for entry in (*board.references, *entries):
        lacking = board.scope.lacks(entry, task)
        words: Text = (f"{OUTSIDE}: ", lacking) if lacking else board.scope.diverged(entry, task)
        if words:
            cells = [Cell(words), *[_MISSING] * len(metrics)]
        elif board.scope.seeds(entry, "done", [task]):
            values = [interval(board.metric(entry, task, metric)) for metric in metrics]
            cells = [*values, numbered(share, board.costs.real_share(entry, [task]))]
        else:
            continue
        rows.append(Row([named(board, entry), *cells], entry))
    return Table(f"{task.name} at the last generation", heads, rows)


def by_generation(board: Board, task: BoardTask, shown: Curves) -> Table:
    """Curves as numbers."""
    lines = {line.label: line for line in shown.lines}
    length = max((max(len(line.mean), len(line.theory)) for line in lines.values()), default=0)
    rows = []
    for entry in board.entries:
        if line := lines.get(entry.label):
            points = [interval(Interval(*pair)) for pair in zip(line.mean, line.half_width, strict=True)]
            rows.append(Row([named(board, entry), *_filled(points, length)], entry))
            if line.theory:
                name = Cell(f"closed form of {entry.label}", f"{entry.label.lower()} theory")
                rows.append(Row([name, *_filled([numbered(number, value) for value in line.theory], length)], entry))
    heads = [_ENTRY, *(Head(f"t = {t}", falling=True) for t in range(length))]
    return Table(f"{task.primary} ({task.unit}) by generation", heads, rows)


def _filled(cells: list[Cell], length: int) -> list[Cell]:
    return cells + [_MISSING] * (length - len(cells))


def lm_eval(board: Board, task: BoardTask, entries: Iterable[Entry]) -> Table:
    """What lm-eval says of the models: generation 0, then every entry at the last generation that was asked for it."""
    metrics = board.lm_eval(task)
    rows = [Row([_ZERO, *(interval(board.start(task, metric)) for metric in metrics)])]
    for entry in (*board.references, *entries):
        values = [board.metric(entry, task, metric) for metric in metrics]
        if any(math.isfinite(value.centre) for value in values):
            rows.append(Row([named(board, entry), *map(interval, values)], entry))
    heads = [Head("lm-eval at the last generation", "name"), *map(Head, metrics)]
    return Table(f"{task.name}: lm-eval at the last generation", heads, rows)


def samples(board: Board, task: BoardTask, shown: Iterable[tuple[Entry, Path]]) -> Table:
    """The sheets of a task."""
    rows = []
    for entry, path in shown:
        picture = Span(f"{entry.label} by generation", "picture", To("sheet", path.as_posix()))
        rows.append(Row([named(board, entry), Cell(picture)], entry))
    return Table(f"{task.name}: samples by generation", [_ENTRY, Head("samples", "words")], rows)


def incomplete(board: Board, waiting: Sequence[Entry]) -> Table:
    """How many seeds incomplete entries have on each task, and R over them where the task counts."""
    tasks = [task for task in board.tasks if any(task in board.scope.needed(entry) for entry in waiting)]
    heads = [_ENTRY, Head("track", "words"), *(Head(task.name, task=task.name) for task in tasks)]
    rows = []
    for entry in waiting:
        track = Cell(entry.track or "reference", entry.track)
        rows.append(Row([named(board, entry), track, *(_progress(board, entry, task) for task in tasks)], entry))
    return Table("Incomplete entries: seeds that are done, and R over them", heads, rows)


def _progress(board: Board, entry: Entry, task: BoardTask) -> Cell:
    """`0.53 ± 0.20 (2 of 3 seeds, 1 failed)`."""
    if task not in board.scope.needed(entry):
        return Cell(OUTSIDE if board.scope.lacks(entry, task) else "")
    states: tuple[State, ...] = ("failed", "diverged", "skipped")
    done, *ended = (len(board.scope.seeds(entry, s, [task]).get(task.name, ())) for s in ("done", *states))
    others = (f"{count} {state}" for count, state in zip(ended, states, strict=True) if count)
    words = ", ".join([f"{done} of {plural(board.protocol.seeds, 'seed')}", *others])
    if not (done and task.counts):
        return Cell(words)
    known = cell("interval", board.scope.diverged(entry, task) or board.scores.of(entry, task))
    return Cell((known.text, f" ({words})"), known.order)


def ended(board: Board, entries: Iterable[Entry], state: State) -> Table | None:
    """Cells that diverged or were skipped, with the reason; None where there are none."""
    rows = []
    for entry in entries:
        for task, seeds in board.scope.seeds(entry, state, board.tasks).items():
            reasons = "; ".join(sorted({entry.cells[task, seed].cell.reason for seed in seeds}))
            words = (task, ", ".join(map(str, seeds)), reasons)
            rows.append(Row([named(board, entry), *(Cell(text, text) for text in words)], entry, task))
    heads = [_ENTRY, *(Head(heading, "words") for heading in ("task", "seeds", "reason"))]
    return Table(f"{state.capitalize()} cells", heads, rows) if rows else None
