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
    from .scores import Overall

MISSING = "—"
"""Stands for what is not known."""

OUTSIDE = "n/a"
"""Stands for a task outside an entry's scope."""

Format = Literal["words", "name", "rank", "coverage", "score", "interval", "span", "drawn", "count", "share", "against"]
"""How values are written: what a row is about as `name`, R as `score`, `[low, high]` as `span`, both intervals of R in
a small plot as `drawn`, which a page that cannot draw leaves out."""

TEXT: tuple[Format, ...] = ("words", "name", "rank", "drawn")
"""Formats of columns that are no numbers."""


class Noted(NamedTuple):
    """A value with what has to be said about it."""

    value: Any
    note: str


@dataclass(frozen=True)
class Head:
    """The head of a column: its name, how its values are written, a line on what it says, whether less is better, and
    the task that it is about, if it is about one.
    """

    heading: str
    format: Format = "interval"
    about: str = ""
    falling: bool = False
    task: str = ""


@dataclass(frozen=True, kw_only=True)
class Column(Head):
    """A column with a row for each entry.

    `value` is what it says of an entry: a string stands for itself, NaN and None for what is missing. `explanation`
    is what a reader of the table has to know, in the markup of `marked`.
    """

    value: Callable[[Board, Entry], Any]
    explanation: str = ""


def _count(heading: str, *counts: str) -> Column:
    return Column(heading, "count", falling=True, value=lambda board, entry: board.costs.counted(entry, counts))


def _overall(heading: str, style: Format, about: str, pick: Callable[[Overall], Any], explanation: str = "") -> Column:
    """Of the overall score; None for entries that have none."""

    def value(board: Board, entry: Entry) -> Any:
        return pick(board.scores.overall(entry)) if board.scores.has(entry) else None

    return Column(heading, style, about, value=value, explanation=explanation)


ENTRY = Column("entry", "name", value=lambda _, entry: entry)
TRACK = Column("track", "words", value=lambda _, entry: entry.track)
RANK = Column(
    "rank",
    "rank",
    "within its track; shared unless told apart",
    value=lambda board, entry: (entry.track, board.scores.ranks.get(entry.label)),
    explanation="**Rank** is within a track. Entries share it unless a paired t-test over (task, seed), after Holm "
    "over all pairs of the track, puts one behind the first. References, in *italics*, are never ranked.",
)
COVERAGE = Column(
    "tasks",
    "coverage",
    "of the scored tasks, those that the entry covers",
    value=lambda board, entry: (len(board.scope.of(entry)), len(board.counting or board.tasks)),
    explanation=f"**Tasks**: how many of the scored tasks the entry covers. {OUTSIDE}: the task lacks what the method "
    f"needs, and has no weight. {MISSING} is missing.",
)
OVERALL = _overall(
    "overall R",
    "score",
    "interquartile mean of R over all (task, seed)",
    lambda overall: overall.seed_interval.centre,
    "**Overall R** is the interquartile mean over (task, seed). Its 95 % intervals are for new seeds on *these tasks* "
    "and for the mean over new *tasks like these*; ± is a 95 % Student-t half-width over seeds.",
)
AGAINST = Column(
    "against frozen",
    "against",
    "better, level or worse by a paired t-test, and the probability of improvement",
    value=lambda board, entry: board.scores.against(entry),
    explanation="**Against frozen**: better, level or worse by the same test, and how often the loss is lower than "
    "`frozen`'s: share of seeds, mean over tasks, ties half (the probability of improvement).",
)
SECONDS = Column("seconds", "count", falling=True, value=lambda board, entry: board.costs.seconds(entry))
REAL = Column(
    "real rows trained on",
    "share",
    value=lambda board, entry: board.costs.real_share(entry) if board.scope.state(entry) == "done" else None,
    explanation="Real rows: share of the rows trained on after generation 0; the rest is synthetic.",
)

SCORES: tuple[Column, ...] = (
    RANK,
    TRACK,
    ENTRY,
    COVERAGE,
    OVERALL,
    _overall("R and its intervals, drawn", "drawn", "", lambda overall: overall),
    _overall(
        "these tasks",
        "span",
        "95 % interval of overall R for new seeds on these tasks",
        lambda overall: overall.seed_interval,
    ),
    _overall(
        "tasks like these",
        "span",
        "95 % interval of the mean of R over new tasks like these",
        lambda overall: overall.task_interval,
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
        Column("rank", "words", value=_standing),
        ENTRY,
        Column("R", "score", value=lambda board, entry: board.scores.overall(entry).seed_interval.centre),
        *(Column(task.name, "score", value=_brief(task)) for task in board.counting),
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

    return Column(task.name, about=f"R on {task.title}", task=task.name, value=value)


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
