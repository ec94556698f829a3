"""The tables of a board's pages."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from ..board import columns
from ..board.columns import MISSING, OUTSIDE, Head
from ..board.stats import Interval
from ..core.method import TRACKS
from .cells import cell, interval, numbered
from .curves import Curves
from .document import Cell, Row, Span, Style, Table, Text, To
from .numbers import number, plural, share

if TYPE_CHECKING:
    from ..board import Board, Entry, Group, Setting, State
    from ..board.ranks import Where
    from ..results.signature import Note

_ENTRY = Head("entry", "name")
_ZERO = Cell("generation 0", " ")
_MISSING = Cell(MISSING)


def first(board: Board, verified: Mapping[str, Note]) -> Table:
    """The one table of the first page: what every method is worth, by question and suite."""
    shown = [entry for entry in board.competitors(*TRACKS) if _on_first_page(board, entry)]
    name = f"Worth of {plural(len(shown), 'method')} and {plural(len(board.references), 'reference')}"
    return _of_entries(
        name, board, columns.first_columns(board), [*shown, *board.references], verified, "scores overview"
    )


def _on_first_page(board: Board, entry: Entry) -> bool:
    return any(board.ranks.place(entry, group) in ("ranked", "part", "incomplete") for group in board.groups)


def summary(board: Board) -> Table:
    """The same of every entry, those that are incomplete too, without what they do."""
    name = f"{board.protocol.name} v{board.protocol.version}: worth"
    rows = [*board.competitors(*TRACKS), *board.references]
    return _of_entries(name, board, columns.first_columns(board)[:-1], rows, kind="overview")


def ranked(board: Board, group: Group, verified: Mapping[str, Note]) -> Table:
    """The entries of a group by track and rank, then the references."""
    rows = [e for track in TRACKS for e in board.ranks.ranked(group, track)]
    rows += board.ranks.placed(group, "reference")
    name = f"Worth in {group.question}, {group.suite}"
    return _of_entries(name, board, columns.worth_columns(board, group), rows, verified, "scores")


def beside(board: Board, group: Group, where: Where, about: str) -> Table | None:
    """Entries that have no rank for another reason, with the columns of those that have; None without any."""
    rows = board.ranks.placed(group, where)
    shown = [column for column in columns.worth_columns(board, group) if column.format not in ("rank", "drawn")]
    if where == "named":
        what = columns.Column("what it is", "words", value=lambda b, entry: b.ranks.called(entry, group.question))
        shown.insert(2, what)
    return _of_entries(f"{about} in {group.question}, {group.suite}", board, shown, rows) if rows else None


def gaps(board: Board, group: Group, rows: Sequence[Entry]) -> Table:
    """R by setting."""
    return _of_entries(f"R in {group.question}, {group.suite}", board, columns.gap_columns(group), rows)


def decay(board: Board, group: Group, rows: Sequence[Entry]) -> Table:
    """The profile of the decay."""
    return _of_entries(f"Decay in {group.question}, {group.suite}", board, columns.decay_columns(group), rows)


def rewards(board: Board, group: Group, rows: Sequence[Entry]) -> Table | None:
    """Reward against divergence, of the entries and settings that have both; None without any."""
    logged = [(e, s) for e in rows for s in group.settings if not math.isnan(board.logged(e, s, "kl").centre)]
    labels, names = {entry.label for entry, _ in logged}, {setting.name for _, setting in logged}
    shown = columns.reward_columns([setting for setting in group.settings if setting.name in names])
    entries = [entry for entry in rows if entry.label in labels]
    return _of_entries(f"Reward in {group.question}, {group.suite}", board, shown, entries) if logged else None


def costs(board: Board, group: Group, rows: Sequence[Entry]) -> Table:
    """What entries cost in the settings of a group."""
    name = f"Costs in {group.question}, {group.suite}"
    return _of_entries(name, board, columns.cost_columns(board, group.settings), rows)


def _of_entries(
    name: str,
    board: Board,
    shown: Sequence[columns.Column],
    rows: Sequence[Entry],
    verified: Mapping[str, Note] = MappingProxyType({}),
    kind: str = "",
) -> Table:
    """A table of registered columns; entries whose records were verified carry a mark."""

    def written(column: columns.Column, entry: Entry) -> Cell:
        if column.format != "name":
            return cell(column.format, column.value(board, entry))
        track = Span(f" {entry.track or 'reference'}", "small") if "overview" in kind else ""
        return named(board, entry, *_mark(verified.get(entry.label), entry.label), track)

    return Table(name, shown, [Row([written(c, entry) for c in shown], entry) for entry in rows], kind)


def _mark(note: Note | None, label: str) -> Iterator[Text]:
    """What stands beside the name of an entry whose records were verified."""
    if note is not None:
        yield from (" ", Span("✓", about="verified"))
    if note is not None and any(score.differs for score in note.hidden_scores(label)):
        yield from (" ", Span("another score on hidden seeds", "emphasis"))


def named(board: Board, entry: Entry, *marks: Text) -> Cell:
    """An entry's name with a link to its description."""
    return Cell((linked(board, entry), *marks), entry.label.lower())


def linked(board: Board, entry: Entry, style: Style = "plain") -> Text:
    """An entry's label with a link to its description; references in italics."""
    link = Span(entry.label, "emphasis" if entry.reference else style, To("entry", entry.label))
    dagger = Span("†", about="some cells ran on another machine, or with other versions, than their references")
    return (link, " ", dagger) if board.across_machines(entry) else link


def measured(settings: Sequence[Setting]) -> Table:
    """Every setting: what arrives, the fall of the learning curve, what can be told from 1, and whether it counts."""
    heads = [
        Head("setting", "name"),
        Head("scored metric (unit)", "words"),
        Head("n", "count"),
        Head("what arrives in a generation", "words"),
        Head("fall from n to 2n", about="of the loss of plain training on real rows, with its standard error"),
        Head("in errors"),
        Head("smallest worth told from 1", "ratio", falling=True),
        Head("verdict", "words"),
    ]
    rows = []
    for setting in settings:
        task = setting.task
        cells = [
            Cell(Span(setting.heading, to=To("setting", setting.name)), setting.name),
            Cell(f"{task.primary} ({task.unit})", task.primary),
            Cell(str(task.n), float(task.n)),
            Cell(arrivals(setting)),
            *_doubling(setting),
            Cell(Span(setting.verdict, "strong" if setting.counts else "plain"), setting.verdict),
        ]
        rows.append(Row(cells, setting=setting.name))
    return Table("Settings", heads, rows)


def arrivals(setting: Setting) -> str:
    """What arrives in each generation, in words."""
    world = setting.world
    real = f", {world.alpha:.0%} of them new real rows" if world.alpha else ""
    whose = "the newest model's"
    if world.generator == "outside":
        whose = f"those of a model of {world.generator_rows} real rows at T = {world.temperature:g}"
    judged = f"; the verifier keeps {world.phi:.0%} of right rows and {world.psi:.0%} of wrong ones"
    noisy = judged if (world.phi, world.psi) != (1, 0) else ""
    return (
        f"{world.arrivals} rows{real}, the others {whose}{noisy}" if real else f"{world.arrivals} rows, {whose}{noisy}"
    )


def _doubling(setting: Setting) -> tuple[Cell, Cell, Cell]:
    if setting.curve is None:
        return _MISSING, _MISSING, _MISSING
    fall, resolution = setting.curve.doubling, setting.curve.resolution
    error = Span(f" (s.e. {number(fall.standard_error)})", "small")
    told = numbered(number, resolution) if resolution < 1000 else Cell("none")
    return Cell((Span(number(fall.mean), "number"), error), fall.mean), numbered(number, fall.ratio), told


def last_generation(board: Board, setting: Setting, entries: Iterable[Entry]) -> Table:
    """The primary metric at the last generation beside the secondary ones, under generation 0."""
    task = setting.task
    metrics = (task.primary, *task.shown)
    loss = Head(f"{task.primary} ({task.unit})", falling=True)
    heads = [Head("at the last generation", "name"), loss, *map(Head, task.shown), Head("real rows")]
    rows = [Row([_ZERO, *(interval(board.start(setting, metric)) for metric in metrics), Cell("")])]
    for entry in entries:
        lacking = board.scope.lacks(entry, setting)
        words: Text = (f"{OUTSIDE}: ", lacking) if lacking else board.scope.diverged(entry, setting)
        if words:
            cells = [Cell(words), *[_MISSING] * len(metrics)]
        elif entry.done(setting):
            values = [interval(board.metric(entry, setting, metric)) for metric in metrics]
            cells = [*values, numbered(share, board.costs.real_share(entry, [setting]))]
        else:
            continue
        rows.append(Row([named(board, entry), *cells], entry))
    return Table(f"{setting.name} at the last generation", heads, rows)


def by_generation(board: Board, setting: Setting, shown: Curves) -> Table:
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
    return Table(f"{setting.name}: {setting.task.primary} ({setting.task.unit}) by generation", heads, rows, "numbers")


def _filled(cells: list[Cell], length: int) -> list[Cell]:
    return cells + [_MISSING] * (length - len(cells))


def lm_eval(board: Board, setting: Setting, entries: Iterable[Entry]) -> Table:
    """What lm-eval says of the models: generation 0, then every entry at the last generation that was asked for it."""
    metrics = board.lm_eval(setting)
    rows = [Row([_ZERO, *(interval(board.start(setting, metric)) for metric in metrics)])]
    for entry in entries:
        values = [board.metric(entry, setting, metric) for metric in metrics]
        if any(math.isfinite(value.centre) for value in values):
            rows.append(Row([named(board, entry), *map(interval, values)], entry))
    heads = [Head("lm-eval at the last generation", "name"), *map(Head, metrics)]
    return Table(f"{setting.name}: lm-eval at the last generation", heads, rows)


def samples(board: Board, setting: Setting, shown: Iterable[tuple[Entry, Path]]) -> Table:
    """Sheets of pictures of a setting."""
    rows = []
    for entry, path in shown:
        picture = Span(f"{entry.label} by generation", "picture", To("sheet", path.as_posix()))
        rows.append(Row([named(board, entry), Cell(picture)], entry))
    return Table(f"{setting.name}: samples by generation", [_ENTRY, Head("samples", "words")], rows)


def texts(board: Board, setting: Setting, shown: Sequence[tuple[Entry, Sequence[Sequence[str]]]]) -> Table:
    """Texts of a setting by generation, a column for each of a few entries."""
    heads = [Head("t", "count"), *(Head(f"{entry.label}", "words") for entry, _ in shown)]
    rows = []
    for t in range(max(len(generations) for _, generations in shown)):
        cells = [Cell(" · ".join(generations[t]) if t < len(generations) else MISSING) for _, generations in shown]
        rows.append(Row([Cell("real" if t == 0 else str(t), float(t)), *cells]))
    return Table(f"{setting.name}: texts by generation", heads, rows, "texts")


def last_texts(board: Board, setting: Setting, shown: Iterable[tuple[Entry, Sequence[Sequence[str]]]]) -> Table:
    """What arrived last in a setting, a row for each entry."""
    heads = [_ENTRY, Head("what arrived last", "words")]
    rows = [Row([named(board, entry), Cell(" · ".join(texts[-1]))], entry) for entry, texts in shown]
    return Table(f"{setting.name}: texts of the last generation", heads, rows, "texts")


def incomplete(board: Board, waiting: Sequence[Entry]) -> Table:
    """What incomplete entries have of each setting that they wait for."""
    rows = []
    for entry in waiting:
        for setting in board.scope.waiting(entry):
            states: tuple[State, ...] = ("failed", "diverged", "skipped")
            done, *ended = (len(board.scope.seeds(entry, state, setting)) for state in ("done", *states))
            others = (f"{count} {state}" for count, state in zip(ended, states, strict=True) if count)
            words = ", ".join([f"{done} of {plural(board.protocol.seeds, 'seed')}", *others])
            cells = [
                named(board, entry),
                Cell(entry.track or "reference", entry.track),
                Cell(setting.name),
                Cell(words),
            ]
            rows.append(Row(cells, entry, setting.name))
    heads = [_ENTRY, *(Head(heading, "words") for heading in ("track", "setting", "has"))]
    return Table("Incomplete entries", heads, rows)


def ended(board: Board, entries: Iterable[Entry], state: State) -> Table | None:
    """Cells that diverged or were skipped, with the reason; None where there are none."""
    rows = []
    for entry in entries:
        for setting in board.settings:
            if seeds := board.scope.seeds(entry, state, setting):
                reasons = "; ".join(sorted({entry.cells[setting.name, seed].cell.reason for seed in seeds}))
                words = (setting.name, ", ".join(map(str, seeds)), reasons)
                cells = [named(board, entry), *(Cell(text, text) for text in words)]
                rows.append(Row(cells, entry, setting.name))
    heads = [_ENTRY, *(Head(heading, "words") for heading in ("setting", "seeds", "reason"))]
    return Table(f"{state.capitalize()} cells", heads, rows) if rows else None
