"""The columns of a board's tables: one object each, of which every page, the HTML page and the terminal are made.

A new column is one `Column` that stands in `SCORES`, `COSTS` or `summary_columns`; nothing else knows of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    from .cells import BoardTask, Entry
    from .model import Board

MISSING = "—"
"""Stands for what is not known."""

OUTSIDE = "n/a"
"""Stands for a task outside an entry's scope."""

Format = Literal[
    "words", "entry", "rank", "coverage", "score", "interval", "span", "drawn", "count", "share", "against"
]
"""How values are written: R as `score`, `[low, high]` as `span`, both intervals of R in a small plot as `drawn`."""


class Noted(NamedTuple):
    """A value with what has to be said about it."""

    value: Any
    note: str


class Place(NamedTuple):
    """Where an entry is ranked: its track, "" for references, and its rank, None where it has none."""

    track: str
    rank: int | None


@dataclass(frozen=True)
class Column:
    """A column with a row for each entry.

    Args:
        heading: its name.
        value: what it says of an entry; a string stands for itself, NaN and None for what is missing.
        format: how other values are written.
        about: what it says, in a line.
        explanation: what a reader of the table has to know, one or more sentences in the markup of `marked`.
        falling: whether less is better.
        task: the task that it is about, if it is about one.
    """

    heading: str
    value: Callable[[Board, Entry], Any]
    format: Format
    about: str = ""
    explanation: str = ""
    falling: bool = False
    task: str = ""


def _count(heading: str, *counts: str) -> Column:
    return Column(heading, lambda board, entry: board.costs.counted(entry, counts), "count", falling=True)


def _coverage(board: Board, entry: Entry) -> tuple[int, int]:
    return len(board.scope.of(entry)), len(board.counting or board.tasks)


def _scored(value: Callable[[Board, Entry], Any]) -> Callable[[Board, Entry], Any]:
    """None for entries without an overall score."""
    return lambda board, entry: value(board, entry) if board.scores.has(entry) else None


ENTRY = Column("entry", lambda _, entry: entry, "entry")
TRACK = Column("track", lambda _, entry: entry.track, "words")
RANK = Column(
    "rank",
    lambda board, entry: Place(entry.track, board.scores.ranks.get(entry.label)),
    "rank",
    "within its track; shared unless told apart",
    "**Rank** is within a track. Entries share it unless a paired t-test over (task, seed), after Holm over all pairs "
    "of the track, puts one behind the first. References, in *italics*, are never ranked.",
)
COVERAGE = Column(
    "tasks",
    _coverage,
    "coverage",
    "of the scored tasks, those that the entry covers",
    f"**Tasks**: how many of the scored tasks the entry covers. {OUTSIDE}: the task lacks what the method needs, and "
    f"has no weight. {MISSING} is missing.",
)
OVERALL = Column(
    "overall R",
    _scored(lambda board, entry: board.scores.overall(entry).seed_interval.centre),
    "score",
    "interquartile mean of R over all (task, seed)",
    "**Overall R** is the interquartile mean over (task, seed). Its 95 % intervals are for new seeds on *these tasks* "
    "and for the mean over new *tasks like these*; ± is a 95 % Student-t half-width over seeds.",
)
AGAINST = Column(
    "against frozen",
    lambda board, entry: board.scores.against(entry),
    "against",
    "better, level or worse by a paired t-test, and the probability of improvement",
    "**Against frozen**: better, level or worse by the same test, and how often the loss is lower than `frozen`'s: "
    "share of seeds, mean over tasks, ties half (the probability of improvement).",
)
SECONDS = Column("seconds", lambda board, entry: board.costs.seconds(entry), "count", falling=True)
REAL = Column(
    "real rows trained on",
    lambda board, entry: board.costs.real_share(entry) if board.scope.state(entry) == "done" else None,
    "share",
    explanation="Real rows: share of the rows trained on after generation 0; the rest is synthetic.",
)

SCORES: tuple[Column, ...] = (
    RANK,
    TRACK,
    ENTRY,
    COVERAGE,
    OVERALL,
    Column("R and its intervals, drawn", _scored(lambda board, entry: board.scores.overall(entry)), "drawn"),
    Column(
        "these tasks",
        _scored(lambda board, entry: board.scores.overall(entry).seed_interval),
        "span",
        "95 % interval of overall R for new seeds on these tasks",
    ),
    Column(
        "tasks like these",
        _scored(lambda board, entry: board.scores.overall(entry).task_interval),
        "span",
        "95 % interval of the mean of R over new tasks like these",
    ),
    AGAINST,
)
"""Of the table of scores, before those of the tasks."""

EXPLAINED = (OVERALL, RANK, AGAINST, COVERAGE)
"""In the order in which they are explained above the scores."""

COSTS: tuple[Column, ...] = (
    ENTRY,
    COVERAGE,
    _count("real examples", "real_examples"),
    _count("synthetic examples", "synthetic_examples"),
    _count("scored tokens", "scored_tokens"),
    _count("verifier/reward calls", "verifier_calls", "reward_calls"),
    _count("trained tokens", "trained_tokens"),
    SECONDS,
    REAL,
)
"""Of the table of costs."""


def score_columns(board: Board) -> tuple[Column, ...]:
    """The table of scores, tasks included."""
    return (*SCORES, *(_of_task(task) for task in board.counting))


def summary_columns(board: Board) -> tuple[Column, ...]:
    """A table for the terminal, in which incomplete entries stand with what they have."""
    return (
        TRACK,
        Column("rank", _standing, "words"),
        ENTRY,
        Column("R", lambda board, entry: board.scores.overall(entry).seed_interval.centre, "score"),
        *(replace(_of_task(task), value=_brief(task), format="score") for task in board.counting),
        replace(REAL, heading="real"),
        replace(SECONDS, heading="sec."),
    )


def _of_task(task: BoardTask) -> Column:
    def value(board: Board, entry: Entry) -> Any:
        if reason := board.scope.lacks(entry, task):
            return Noted(OUTSIDE, reason)
        score = board.scope.diverged(entry, task) or board.scores.of(entry, task)
        if same := board.scores.identical_reference(entry, task):
            words = f"identical to {same} on every seed, to the last bit: R says nothing of the method there"
            return Noted(score, words)
        return score

    return Column(task.name, value, "interval", f"R on {task.title}", task=task.name)


def _brief(task: BoardTask) -> Callable[[Board, Entry], Any]:
    return lambda board, entry: OUTSIDE if board.scope.lacks(entry, task) else board.scores.of(entry, task).centre


def _standing(board: Board, entry: Entry) -> str:
    """The rank, or why there is none."""
    if entry.reference:
        return ""
    if entry.label in board.scores.ranks:
        return str(board.scores.ranks[entry.label])
    state = board.scope.state(entry)
    return "incomplete" if board.scope.waits(entry) else MISSING if state == "done" else state
