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
from .cost_plot import CostPlot, cost_plot
from .curves import Curves, curves
from .document import (
    Block,
    Commands,
    Document,
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
from .numbers import number, plural, score, span

if TYPE_CHECKING:
    from ..board import Board, BoardTask, Entry

ABOUT_COSTS = (
    "Counts at the last generation, mean over seeds, summed over the scored tasks that the entry covers. Seconds are "
    "wall time under the load that the machine had, so they compare roughly."
)
"""Under the table of costs."""

SEES = {
    "blind": "nothing but the pool, shuffled: it does not know which rows are real",
    "anchored": "the pool with its history: it knows which rows are real",
    "marked": "reads marks of synthetic rows, with errors",
    "assisted": "a verifier, a reward or a prior model from outside the loop",
}
"""What a method of each track may see."""

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

    @cached_property
    def files(self) -> Mapping[str, Document | Curves | CostPlot]:
        """What the files of the board show, by name: `README.md` first, then the tracks, then the figures."""
        whole = readme(self)
        tracks = [track for track in TRACKS if self.board.competitors(track)]
        figures = sorted(whole.figures(), key=lambda figure: isinstance(figure.shown, CostPlot))
        return {
            "README.md": whole,
            **{f"{track}.md": track_page(self, track) for track in tracks},
            **{figure.path: figure.shown for figure in figures},
        }


def readme(view: View) -> Document:
    """`README.md`: every track and all that was measured."""
    board = view.board
    tracks = [track for track in TRACKS if board.competitors(track)]
    entries = board.competitors(*tracks)
    links = [(Span(track, to=To("track", track)), f": {SEES[track]}") for track in tracks]
    about = (
        "Losses as scored, mean over seeds ± Student-t half-width. A task counts where the paired gap "
        f"L<sub>replace</sub> − L<sub>frozen</sub> exceeds {GAP_FACTOR:.0f} of its standard errors; others are left "
        "out of every score."
    )
    return Document(
        board,
        _title(board, "Leaderboard"),
        [
            Prose(board.protocol.description, aside=False),
            *_head(board),
            *_results(view, tracks, columns.score_columns(board), (*entries, *board.references)),
            *([Section("Tracks", [Items(links)])] if links else []),
            Section("What was measured", [tables.measured(board), Prose(marked(about)), *_tasks(view, entries, True)]),
            _entries(view, entries),
        ],
    )


def track_page(view: View, track: str) -> Document:
    """`<track>.md`: the entries of one track beside the references."""
    board, entries = view.board, view.board.competitors(track)
    shown = [column for column in columns.score_columns(board) if column is not columns.TRACK]
    all_tracks = Span("All tracks", to=To("track", "README"))
    return Document(
        board,
        _title(board, f"{track.capitalize()} track"),
        [
            Prose((f"A method of this track sees {SEES[track]}. ", all_tracks)),
            *_head(board),
            *_results(view, [track], shown, entries),
            Section("Tasks", _tasks(view, entries, False)),
            _entries(view, entries),
        ],
    )


def summary(board: Board) -> Document:
    """One table for the terminal."""
    return Document(board, _title(board, "Leaderboard"), [tables.summary(board, TRACKS)])


def _title(board: Board, about: str) -> str:
    return f"{about}: {board.protocol.name} v{board.protocol.version}"


def _head(board: Board) -> tuple[Block, Block]:
    """Facts of the protocol, and how to read the scores."""
    rules = board.protocol
    facts: list[Text] = [
        _lineage_length(board),
        plural(rules.seeds, "seed"),
        f"scored {_scored_window(board)}",
        ("protocol digest ", Span(rules.digest[:12], "code")),
        f"newest record {board.newest}" if board.newest else "",
    ]
    recovered = (
        "**R**, the recovered gap, is (L<sub>replace</sub> − L) / (L<sub>replace</sub> − L<sub>frozen</sub>) of the "
        f"held-out real loss L {_scored_window(board)}: 0 is as bad as training on synthetic data alone, 1 as good as "
        "never using it. It does not depend on who else entered."
    )
    lines = [recovered, *(column.explanation for column in columns.EXPLAINED)]
    return Prose(joined(" · ", facts)), Fold("How to read this", [Items(list(map(marked, lines)))], open=True)


def _lineage_length(board: Board) -> str:
    """`5 generations`, or `3 to 5 generations` where tasks differ."""
    lengths = {task.generations for task in board.tasks if task.primary} or {board.protocol.generations}
    shortest, longest = min(lengths), max(lengths)
    return f"{shortest} to {longest} generations" if shortest < longest else plural(longest, "generation")


def _scored_window(board: Board) -> str:
    """Which generations the scored loss is taken from."""
    last = board.protocol.average_last
    return "at the last generation" if last == 1 else f"as a mean over the last {last} generations"


def _results(
    view: View, tracks: Sequence[str], shown: Sequence[columns.Column], entries: Sequence[Entry]
) -> Iterable[Block]:
    """Scores and costs of some tracks, and what of `entries` is not ranked."""
    board, rows = view.board, tables.ranked(view.board, tracks)
    table, notes = tables.scores(board, shown, rows, view.verified), _score_notes(view, tracks)
    yield Section("Scores", [table, *map(Prose, notes), Prose(_resolution(board, tracks))])
    explained = [column.explanation for column in columns.COSTS if column not in columns.EXPLAINED]
    note = Prose(joined(" ", [ABOUT_COSTS, *map(marked, filter(None, explained))]))
    yield Section("Costs", [tables.costs(board, rows), note, *([_cost_plot(board)] if board.scores.complete else [])])
    if waiting := [entry for entry in entries if board.scope.waits(entry)]:
        yield Section("Incomplete", _incomplete(board, waiting))
    for state in ("diverged", "skipped"):
        if ended := tables.ended(board, entries, state):
            yield Section(state.capitalize(), [ended])


def _cost_plot(board: Board) -> Figure:
    shown = cost_plot(board)
    by_label = {entry.label: board.scores.overall(entry).seed_interval for entry in board.entries}
    points = [f"{score(by_label[dot.label].centre)} {span(by_label[dot.label])}" for dot in shown.dots]
    return Figure(COST_PLOT, "recovered gap against cost", shown, points=points)


def _score_notes(view: View, tracks: Sequence[str]) -> Iterable[Text]:
    """What a reader of the table of scores has to know besides."""
    board = view.board
    entries = (*board.competitors(*tracks), *board.references)
    if any(entry.label in view.verified for entry in entries):
        yield "✓ verified: a maintainer ran a sample of exactly these records again. Without a mark: self-reported."
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


def _incomplete(board: Board, waiting: Sequence[Entry]) -> list[Block]:
    """How far the entries are that lack cells, why some failed, and the commands that complete them."""
    reasons = [
        (tables.linked(board, entry), f" on {task}, seed {seed}: ", entry.cells[task, seed].cell.reason)
        for entry in waiting
        for task, seeds in board.scope.seeds(entry, "failed").items()
        for seed in seeds
    ]
    hint = "To complete them (a protocol of your own goes by its path, a method of your own needs `--plugin`):"
    commands = Commands([board.scope.command(entry) for entry in waiting])
    return [tables.incomplete(board, waiting), Items(reasons), Prose(marked(hint), aside=False), commands]


def _tasks(view: View, entries: Sequence[Entry], whole: bool) -> list[Block]:
    """A section for each task; on the page with all entries what is long is folded, and curves stand as numbers."""
    board, sections = view.board, list[Block]()
    for task in board.tasks:
        if not task.primary:
            continue
        shown, words = view.curves[task.name], f"{task.primary} over generations"
        values = tables.by_generation(board, task, shown) if whole else None
        verdict = "" if task.counts else (" ", Span(f"{task.verdict.capitalize()}: not scored.", "emphasis"))
        detail = _detail(board, task, entries)
        blocks = [
            Prose((f"{task.title} (version {task.version}).", verdict)),
            Figure(f"{CURVES}/{task.name}.svg", words, shown, task.name, task.unit, values),
            *_samples(view, task, entries),
            *([Fold("Every entry at the last generation", detail)] if whole else detail),
        ]
        sections.append(Section(task.name, blocks))
    return sections


def _detail(board: Board, task: BoardTask, entries: Sequence[Entry]) -> list[Block]:
    """The metrics of every entry, and what they are."""
    about = task.metrics or {}
    names = [name for name in (task.primary, *task.shown) if name in about]
    detail: list[Block] = [tables.last_generation(board, task, entries)]
    if board.lm_eval(task):
        limits = " or ".join(map(str, board.lm_eval_limits(task)))
        note = f"Of each lm-eval task, {limits} items drawn at random." if limits else ""
        detail += [tables.lm_eval(board, task, entries), Prose(note)]
    return [*detail, Items([(Span(name, "code"), ": ", about[name]) for name in names])]


def _samples(view: View, task: BoardTask, entries: Sequence[Entry]) -> list[Block]:
    """Links to the sheets of a task and, folded, the sheets themselves; nothing where there are none."""
    everyone = (*view.board.references, *entries)
    shown = [(entry, path) for entry in everyone if (path := view.sheets.get((task.name, entry.label)))]
    links = [Span(entry.label, to=To("sheet", path.as_posix())) for entry, path in shown]
    all_of_them = "All of them: the first row is real, the next what generation 0 drew, and so on"
    about = Prose(("Samples by generation, seed 0: ", joined(" · ", links)))
    return [about, Fold(all_of_them, [tables.samples(view.board, task, shown)])] if shown else []


def _entries(view: View, entries: Sequence[Entry]) -> Section:
    everyone = (*entries, *view.board.references)
    return Section("Entries", [Items([_description(view, entry) for entry in everyone], everyone)])


def _description(view: View, entry: Entry) -> Text:
    """Title, description, paper and parameters of an entry."""
    method, same = entry.method, view.board.scores.identical_reference(entry)
    standing = "verified" if entry.label in view.verified else "self-reported"
    identical = ": the same loss on every task and seed, to the last bit."
    facts: list[Text] = [
        (Span(method.label, "emphasis" if method.reference else "strong"), f" ({standing}):"),
        f"{method.title}.",
        method.description,
        papers(method.paper),
        joined("; ", [Span(f"{key} = {value}", "code") for key, value in method.params.items()]),
        ("Here a copy of ", Span(same, "emphasis"), identical) if same else "",
    ]
    return joined(" ", facts)
