"""The tables of a board's pages."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..board import columns
from ..board.columns import MISSING, OUTSIDE, Format
from ..board.stats import Interval, student_t_interval
from .cells import cell, interval, numbered
from .curves import Curves
from .document import Cell, Column, Kind, Mark, Picture, Row, Span, Table, Text, To
from .numbers import number, share
from .words import plural

if TYPE_CHECKING:
    from ..board import Board, BoardTask, Entry, State

_ENTRY = Column("entry", "name")

_KINDS: Mapping[Format, Kind] = {"entry": "name", "words": "text", "rank": "text", "drawn": "drawn"}


def ranked(board: Board, tracks: Iterable[str], everyone: bool = False) -> list[Entry]:
    """Ranked entries by track, each track's others, then the references; of the others, unless `everyone` is asked
    for, those that lack nothing but skipped or diverged tasks.
    """
    rows: list[Entry] = []
    for track in tracks:
        rows += [standing.entry for standing in board.scores.standings(track)]
        others = (entry for entry in board.competitors(track) if entry.label not in board.scores.ranks)
        rows += [entry for entry in others if everyone or not board.scope.waits(entry)]
    return [*rows, *board.references]


def scores(board: Board, shown: Sequence[columns.Column], rows: Sequence[Entry], verified: Collection[str]) -> Table:
    """Entries by track and rank with R overall and by task."""
    methods, references = sum(not entry.reference for entry in rows), sum(entry.reference for entry in rows)
    who = f"{plural(methods, 'method')} and {plural(references, 'reference')}"
    name = f"Recovered gap R of {who}, over {plural(len(board.counting), 'scored task')} of {len(board.tasks)}"
    return _of_entries(name, board, shown, rows, verified, kind="scores")


def costs(board: Board, rows: Sequence[Entry]) -> Table:
    """Costs in the order of the scores."""
    return _of_entries("Costs", board, columns.COSTS, rows)


def summary(board: Board, rows: Sequence[Entry]) -> Table:
    """R in brief, incomplete entries included."""
    name = f"{board.protocol.name} v{board.protocol.version}: recovered gap R"
    return _of_entries(name, board, columns.summary_columns(board), rows)


def _of_entries(
    name: str,
    board: Board,
    shown: Sequence[columns.Column],
    rows: Sequence[Entry],
    verified: Collection[str] | None = None,
    kind: str = "",
) -> Table:
    """A table of registered columns; with `verified` the entries carry their marks."""

    def written(column: columns.Column, entry: Entry) -> Cell:
        if column.format != "entry":
            return cell(column.format, column.value(board, entry))
        return named(board, entry) if verified is None else named(board, entry, *_marks(board, entry, verified))

    heads = [
        Column(
            Span(column.heading, to=To("task", column.task)) if column.task else column.heading,
            _KINDS.get(column.format, "number"),
            column.falling,
            column.about,
            column.task,
        )
        for column in shown
    ]
    return Table(name, heads, [Row([written(c, entry) for c in shown], entry.label) for entry in rows], kind)


def named(board: Board, entry: Entry, *marks: Text) -> Cell:
    """An entry's name with a link to its description."""
    return Cell((linked(board, entry), *marks), entry.label.lower())


def linked(board: Board, entry: Entry) -> Text:
    """An entry's label with a link to its description; references in italics."""
    link = Span(entry.label, "emphasis" if entry.reference else "plain", To("entry", entry.label))
    dagger = (" ", Mark("†", "some cells ran on another machine than their references"))
    return (link, dagger) if board.across_machines(entry) else link


def _marks(board: Board, entry: Entry, verified: Collection[str]) -> Iterable[Text]:
    if same := board.scores.identical_reference(entry):
        yield " ", Mark("=", "the same loss on every task and seed, to the last bit"), " ", Span(same, "emphasis")
    if entry.label in verified:
        yield " ", Mark("✓", "verified")


def measured(board: Board) -> Table:
    """Every task of the protocol: the references' losses, the gap, and whether it counts."""
    references = ("frozen", "replace", "fresh_real")
    heads = [
        Column("task", "name"),
        Column("scored metric (unit)", "text"),
        *(Column(name, falling=True) for name in ("generation 0", *references)),
        Column("gap", about="mean of L replace − L frozen, paired by seed, with its standard error"),
        Column("gap / its error"),
        Column("verdict", "text"),
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
        return Cell(MISSING), Cell(MISSING)
    mean, error = Span(number(task.gap.mean), "number"), number(task.gap.standard_error)
    return Cell((mean, Span(f" (s.e. {error})", "error")), task.gap.mean), numbered(number, task.gap.ratio)


def last_generation(board: Board, task: BoardTask, entries: Iterable[Entry]) -> Table:
    """The primary metric at the last generation beside the secondary ones, under generation 0."""
    metrics = (task.primary, *task.shown)
    heads = [
        Column("at the last generation", "name"),
        Column(f"{task.primary} ({task.unit})", falling=True),
        *map(Column, task.shown),
        Column("real rows"),
    ]
    rows = [Row([_ZERO, *(interval(board.start(task, metric)) for metric in metrics), Cell("")])]
    for entry in (*board.references, *entries):
        lacking = board.scope.lacks(entry, task)
        words: Text = (f"{OUTSIDE}: ", lacking) if lacking else board.scope.diverged(entry, task)
        if words:
            cells = [Cell(words), *[Cell(MISSING)] * len(metrics)]
        elif board.scope.seeds(entry, "done", [task]):
            values = [interval(board.metric(entry, task, metric)) for metric in metrics]
            cells = [*values, numbered(share, board.costs.real_share(entry, [task]))]
        else:
            continue
        rows.append(Row([named(board, entry), *cells], entry.label))
    return Table(f"{task.name} at the last generation", heads, rows)


_ZERO = Cell("generation 0", " ")


def by_generation(board: Board, task: BoardTask, shown: Curves) -> Table:
    """Curves as numbers."""
    lines = {line.label: line for line in shown.lines}
    length = max((max(len(line.mean), len(line.theory)) for line in lines.values()), default=0)
    rows = []
    for entry in board.entries:
        if line := lines.get(entry.label):
            points = [interval(Interval(*pair)) for pair in zip(line.mean, line.half_width, strict=True)]
            rows.append(Row([named(board, entry), *_filled(points, length)], entry.label))
            if line.theory:
                name = Cell(f"closed form of {entry.label}", f"{entry.label.lower()} theory")
                closed = [numbered(number, value) for value in line.theory]
                rows.append(Row([name, *_filled(closed, length)], entry.label))
    heads = [_ENTRY, *(Column(f"t = {t}", falling=True) for t in range(length))]
    return Table(f"{task.primary} ({task.unit}) by generation", heads, rows)


def _filled(cells: list[Cell], length: int) -> list[Cell]:
    return cells + [Cell(MISSING)] * (length - len(cells))


def lm_eval(board: Board, task: BoardTask, entries: Iterable[Entry]) -> Table:
    """What lm-eval says of the models: generation 0, then every entry at the last generation that was asked for it."""
    metrics = board.lm_eval(task)
    rows = [Row([_ZERO, *(interval(board.start(task, metric)) for metric in metrics)])]
    for entry in (*board.references, *entries):
        values = [board.metric(entry, task, metric) for metric in metrics]
        if any(math.isfinite(value.centre) for value in values):
            rows.append(Row([named(board, entry), *map(interval, values)], entry.label))
    heads = [Column("lm-eval at the last generation", "name"), *map(Column, metrics)]
    return Table(f"{task.name}: lm-eval at the last generation", heads, rows)


def samples(board: Board, task: BoardTask, shown: Iterable[tuple[Entry, Path]]) -> Table:
    """The sheets of a task."""
    rows = [
        Row([named(board, entry), Cell(Picture(path, f"{entry.label} by generation"))], entry.label)
        for entry, path in shown
    ]
    return Table(f"{task.name}: samples by generation", [_ENTRY, Column("samples", "text")], rows)


def incomplete(board: Board, waiting: Sequence[Entry]) -> Table:
    """How many seeds incomplete entries have on each task, and R over them where the task counts."""
    tasks = [task for task in board.tasks if any(task in board.scope.needed(entry) for entry in waiting)]
    heads = [
        _ENTRY,
        Column("track", "text"),
        *(Column(Span(task.name, to=To("task", task.name)), task=task.name) for task in tasks),
    ]
    rows = [
        Row(
            [
                named(board, entry),
                Cell(entry.track or "reference", entry.track),
                *(_progress(board, entry, task) for task in tasks),
            ],
            entry.label,
        )
        for entry in waiting
    ]
    return Table("Incomplete entries: seeds that are done, and R over them", heads, rows)


def _progress(board: Board, entry: Entry, task: BoardTask) -> Cell:
    """`0.53 ± 0.20 (2 of 3 seeds, 1 failed)`."""
    if task not in board.scope.needed(entry):
        return Cell(OUTSIDE if board.scope.lacks(entry, task) else "")
    counts = {state: len(board.scope.seeds(entry, state, [task]).get(task.name, ())) for state in _ENDED}
    words = [f"{counts.pop('done')} of {plural(board.protocol.seeds, 'seed')}"]
    words += [f"{count} {state}" for state, count in counts.items() if count]
    if not (board.scope.seeds(entry, "done", [task]) and task.counts):
        return Cell(", ".join(words))
    known = cell("interval", board.scope.diverged(entry, task) or board.scores.of(entry, task))
    return Cell((known.text, f" ({', '.join(words)})"), known.order)


_ENDED: tuple[State, ...] = ("done", "failed", "diverged", "skipped")


def ended(board: Board, entries: Iterable[Entry], state: State) -> Table | None:
    """Cells that diverged or were skipped, with the reason; None where there are none."""
    rows = []
    for entry in entries:
        for task, seeds in board.scope.seeds(entry, state, board.tasks).items():
            reasons = "; ".join(sorted({entry.cells[task, seed].cell.reason for seed in seeds}))
            words = (task, ", ".join(map(str, seeds)), reasons)
            rows.append(Row([named(board, entry), *(Cell(text, text) for text in words)], entry.label, task))
    heads = [_ENTRY, *(Column(heading, "text") for heading in ("task", "seeds", "reason"))]
    return Table(f"{state.capitalize()} cells", heads, rows) if rows else None
