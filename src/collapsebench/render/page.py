"""The pages of a board as documents: `README.md` with everything, a page for each track, a table for the terminal."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from ..board import columns
from ..board.stats import GAP_FACTOR
from ..core.commands import run_command
from ..core.method import TRACKS
from . import tables
from .cost_plot import cost_plot
from .curves import Curves, curves
from .document import (
    Block,
    Commands,
    Description,
    Descriptions,
    Document,
    Entrant,
    Figure,
    Fold,
    Items,
    Prose,
    Section,
    Span,
    Text,
    To,
    joined,
    marked,
    papers,
)
from .numbers import number, score, span
from .words import ABOUT_COSTS, SEES, lineage_length, plural, scored_window

if TYPE_CHECKING:
    from ..board import Board, BoardTask, Entry

COST_PLOT, CURVES = "cost.svg", "curves"
"""The plot of a board, and the folder of its tasks' figures, in which a task may have any name."""


@dataclass(frozen=True)
class View:
    """A board, and what lies beside its records.

    Args:
        board: what follows from the records.
        verified: labels of entries of whose records a maintainer ran a sample again.
        sheets: files of the sheets of samples, by task and label.
    """

    board: Board
    verified: frozenset[str] = frozenset()
    sheets: Mapping[tuple[str, str], Path] = field(default_factory=dict)

    @cached_property
    def curves(self) -> Mapping[str, Curves]:
        """The curves of every task that has run."""
        return {task.name: curves(self.board, task.name) for task in self.board.tasks if task.primary}


def readme(view: View) -> Document:
    """`README.md`: every track and all that was measured."""
    board = view.board
    tracks = [track for track in TRACKS if board.competitors(track)]
    entries = board.competitors(*tracks)
    everyone = (*entries, *board.references)
    links = [(Span(track, to=To("track", track)), f": {SEES[track]}") for track in tracks]
    error = f"{GAP_FACTOR:.0f} of its standard errors; others are left out of every score."
    gap = f"L<sub>replace</sub> − L<sub>frozen</sub> exceeds {error}"
    about = f"Losses as scored, mean over seeds ± Student-t half-width. A task counts where the paired gap {gap}"
    return _document(
        view,
        "Leaderboard",
        Prose(board.protocol.description, aside=False),
        *_head(board),
        *_results(view, tracks, columns.score_columns(board), everyone),
        _section("Tracks", Items(links)),
        Section(
            "What was measured",
            [tables.measured(board), Prose(marked(about)), *_tasks(view, entries, whole=True)],
        ),
        _entries(view, everyone),
    )


def track_page(view: View, track: str) -> Document:
    """`<track>.md`: the entries of one track beside the references."""
    board = view.board
    entries = board.competitors(track)
    shown = [column for column in columns.score_columns(board) if column is not columns.TRACK]
    return _document(
        view,
        f"{track.capitalize()} track",
        Prose((f"A method of this track sees {SEES[track]}. ", Span("All tracks", to=To("track", "README")))),
        *_head(board),
        *_results(view, [track], shown, entries),
        Section("Tasks", _tasks(view, entries, whole=False)),
        _entries(view, (*entries, *board.references)),
    )


def summary(board: Board) -> Document:
    """One table for the terminal."""
    return _document(View(board), "", tables.summary(board, tables.ranked(board, TRACKS, everyone=True)))


def _document(view: View, title: str, *blocks: Block | None) -> Document:
    board = view.board
    name, version = board.protocol.name, board.protocol.version
    methods = [entry.label for entry in board.entries if not entry.reference]
    return Document(
        name,
        version,
        f"{title}: {name} v{version}",
        [Entrant(e.label, e.track, 0 if e.reference else methods.index(e.label)) for e in board.entries],
        [block for block in blocks if block is not None],
    )


def _section(name: str, *blocks: Block | None) -> Section | None:
    """A section; None where it would be empty."""
    kept = [block for block in blocks if block is not None and block not in (Prose(""), Items([]))]
    return Section(name, kept) if kept else None


def _head(board: Board) -> tuple[Block, Block]:
    """Facts of the protocol, and how to read the scores."""
    rules = board.protocol
    facts: list[Text] = [
        lineage_length(board),
        plural(rules.seeds, "seed"),
        f"scored {scored_window(board)}",
        ("protocol digest ", Span(rules.digest[:12], "code")),
        f"newest record {board.newest}" if board.newest else "",
    ]
    recovered = (
        "**R**, the recovered gap, is (L<sub>replace</sub> − L) / (L<sub>replace</sub> − L<sub>frozen</sub>) of the "
        f"held-out real loss L {scored_window(board)}: 0 is as bad as training on synthetic data alone, 1 as good as "
        "never using it. It does not depend on who else entered."
    )
    lines = [recovered, *(column.explanation for column in columns.EXPLAINED)]
    return Prose(joined(" · ", facts)), Fold("How to read this", [Items([marked(line) for line in lines])], open=True)


def _results(
    view: View, tracks: Sequence[str], shown: Sequence[columns.Column], entries: Sequence[Entry]
) -> tuple[Block | None, ...]:
    """Scores and costs of some tracks, and what of `entries` is not ranked."""
    board = view.board
    rows = tables.ranked(board, tracks)
    explained = [column.explanation for column in columns.COSTS if column not in columns.EXPLAINED]
    plot = cost_plot(board)
    by_label = {entry.label: board.scores.overall(entry).seed_interval for entry in board.entries}
    points = [f"{score(by_label[dot.label].centre)} {span(by_label[dot.label])}" for dot in plot.dots]
    return (
        _section(
            "Scores",
            tables.scores(board, shown, rows, view.verified),
            *map(Prose, _score_notes(view, (*board.competitors(*tracks), *board.references))),
            Prose(_resolution(board, tracks)),
        ),
        _section(
            "Costs",
            tables.costs(board, rows),
            Prose(joined(" ", [ABOUT_COSTS, *map(marked, filter(None, explained))])),
            Figure(COST_PLOT, "recovered gap against cost", plot, points=points) if board.scores.complete else None,
        ),
        _incomplete(board, entries),
        *(_section(state.capitalize(), tables.ended(board, entries, state)) for state in ("diverged", "skipped")),
    )


def _score_notes(view: View, entries: Sequence[Entry]) -> Iterable[Text]:
    """What a reader of the table of scores has to know besides."""
    board = view.board
    if any(entry.label in view.verified for entry in entries):
        yield ("✓ verified: a maintainer ran a sample of exactly these records again. Without a mark: self-reported.")
    if not board.counting:
        yield "No task is scored yet, so that R is missing; the losses stand under the tasks."
    for reference, tasks in board.scope.missing_references().items():
        command = Span(run_command(reference, tasks, board.protocol.name), "code")
        yield "The reference ", Span(reference, "code"), f" has not run on {', '.join(tasks)}: ", command
    if any(board.across_machines(entry) for entry in entries):
        yield (
            "† Some cells ran on another machine than the references that they are paired with; floating point "
            "differs between machines, and with it the pairing."
        )


def _resolution(board: Board, tracks: Sequence[str]) -> str:
    """Below which difference entries are, typically, not told apart; "" where no two can be compared."""
    floors = [(track, board.scores.resolution(track)) for track in tracks]
    known = ", ".join(f"{track} {number(floor)}" for track, floor in floors if math.isfinite(floor))
    about = "Resolution floor (median 95 % half-width of the paired difference between two entries)"
    return f"{about}: {known}." if known else ""


def _incomplete(board: Board, entries: Sequence[Entry]) -> Section | None:
    """How far the entries are that lack cells, why some failed, and the commands that complete them."""
    waiting = [entry for entry in entries if board.scope.waits(entry)]
    if not waiting:
        return None
    reasons = [
        (tables.linked(board, entry), f" on {task}, seed {seed}: ", entry.cells[task, seed].cell.reason)
        for entry in waiting
        for task, seeds in board.scope.seeds(entry, "failed").items()
        for seed in seeds
    ]
    hint = "To complete them (a protocol of your own goes by its path, a method of your own needs `--plugin`):"
    return _section(
        "Incomplete",
        tables.incomplete(board, waiting),
        Items(reasons),
        Prose(marked(hint), aside=False),
        Commands([board.scope.command(entry) for entry in waiting]),
    )


def _tasks(view: View, entries: Sequence[Entry], whole: bool) -> list[Block]:
    """A section for each task; on the page with all entries what is long is folded, and curves stand as numbers."""
    board = view.board
    sections: list[Block] = []
    for task in board.tasks:
        if not task.primary:
            continue
        detail = _detail(board, task, entries)
        shown = view.curves[task.name]
        values = tables.by_generation(board, task, shown) if whole else None
        words = f"{task.primary} over generations"
        blocks = [
            Prose((f"{task.title} (version {task.version}).", _not_scored(task))),
            Figure(f"{CURVES}/{task.name}.svg", words, shown, task.unit, values=values),
            *_samples(view, task, entries),
            *([Fold("Every entry at the last generation", detail)] if whole else detail),
        ]
        sections.append(Section(task.name, blocks))
    return sections


def _not_scored(task: BoardTask) -> Text:
    return "" if task.counts else (" ", Span(f"{task.verdict.capitalize()}: not scored.", "emphasis"))


def _detail(board: Board, task: BoardTask, entries: Sequence[Entry]) -> list[Block]:
    """The metrics of every entry, and what they are."""
    limits = " or ".join(map(str, board.lm_eval_limits(task)))
    about = task.metrics or {}
    names = [name for name in (task.primary, *task.shown) if name in about]
    detail: list[Block] = [tables.last_generation(board, task, entries)]
    if board.lm_eval(task):
        detail.append(tables.lm_eval(board, task, entries))
        if limits:
            detail.append(Prose(f"Of each lm-eval task, {limits} items drawn at random."))
    return [*detail, Items([(Span(name, "code"), ": ", about[name]) for name in names])]


def _samples(view: View, task: BoardTask, entries: Sequence[Entry]) -> list[Block]:
    """Links to the sheets of a task and, folded, the sheets themselves; nothing where there are none."""
    everyone = (*view.board.references, *entries)
    shown = [(entry, path) for entry in everyone if (path := view.sheets.get((task.name, entry.label)))]
    links = [Span(entry.label, to=To("sheet", f"{path.parent.name}/{path.name}")) for entry, path in shown]
    all_of_them = "All of them: the first row is real, the next what generation 0 drew, and so on"
    about = Prose(("Samples by generation, seed 0: ", joined(" · ", links)))
    return [about, Fold(all_of_them, [tables.samples(view.board, task, shown)])] if shown else []


def _entries(view: View, entries: Sequence[Entry]) -> Section:
    return Section("Entries", [Descriptions([_description(view, entry) for entry in entries])])


def _description(view: View, entry: Entry) -> Description:
    """Title, description, paper and parameters of an entry."""
    facts: list[Text] = [f"{entry.method.title}.", entry.method.description, papers(entry.method.paper)]
    facts.append(joined("; ", [Span(f"{key} = {value}", "code") for key, value in entry.method.params.items()]))
    if same := view.board.scores.identical_reference(entry):
        identical = ": the same loss on every task and seed, to the last bit."
        facts.append(("Here a copy of ", Span(same, "emphasis"), identical))
    standing = "verified" if entry.label in view.verified else "self-reported"
    name = Span(entry.label, "emphasis" if entry.reference else "strong")
    return Description(entry.label, name, standing, joined(" ", facts))
