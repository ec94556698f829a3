"""The columns of a board's tables: one object each, of which every page, the HTML page and the terminal are made.

A new column is one `Column` that stands in `first_columns`, `worth_columns` or `cost_columns`; nothing else knows it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from .cells import AGAINST
from .scores import DIVERSITY
from .worth import Worth

if TYPE_CHECKING:
    from .cells import Entry, Group, Setting
    from .model import Board

MISSING = "—"
"""Stands for what is not known."""

OUTSIDE = "n/a"
"""Stands for a setting outside an entry's scope."""

Format = Literal["words", "name", "rank", "worth", "interval", "drawn", "count", "share", "ratio"]
"""How values are written: what a row is about as `name`, log2 V as `worth`, a `Score` in a small plot as `drawn`, which
a page that cannot draw leaves out, a multiple of something as `ratio`."""

TEXT: tuple[Format, ...] = ("words", "name", "rank", "drawn")
"""Formats of columns that are no numbers."""


class Noted(NamedTuple):
    """A value with what has to be said about it."""

    value: Any
    note: str


class Best(NamedTuple):
    """A value that is the best of its track."""

    value: Any


@dataclass(frozen=True)
class Head:
    """The head of a column: its name, how its values are written, a line on what it says, whether less is better, and
    the setting or the page that it is about, if it is about one.
    """

    heading: str
    format: Format = "interval"
    about: str = ""
    falling: bool = False
    setting: str = ""
    page: str = ""


@dataclass(frozen=True, kw_only=True)
class Column(Head):
    """A column with a row for each entry.

    `value` is what it says of an entry: a string stands for itself, NaN and None for what is missing.
    """

    value: Callable[[Board, Entry], Any]


ENTRY = Column("entry", "name", value=lambda _, entry: entry)
TRACK = Column("track", "words", value=lambda _, entry: entry.track)
COST = Column(
    "cost",
    "ratio",
    "tokens trained on or scored, as a multiple of what frozen takes",
    falling=True,
    value=lambda board, entry: board.answers.cost(entry),
)
RULE = Column("what it does", "words", value=lambda _, entry: entry.method.description or entry.method.title)

EXPLAINED = (
    "**Worth**, V: on how many real rows plain training reaches the same loss, as a multiple of the n rows of D_0. It "
    "is read off a learning curve of real data; ignoring all synthetic data is 1, in every setting. Outside of the "
    "curve stands its end (< 1/16, > 16), which is what a mean takes.",
    "A **score** is the mean of log2 V over the settings of a question in a suite, written as a worth. Brackets hold "
    "its 95 % interval for new seeds, the error of the curve included; *settings like these* is the interval for new "
    "settings.",
    "A setting **counts** where doubling n moves the loss by more than four standard errors. Worth has no resolution "
    "in the others, and they are left out of every score.",
    "A **verdict** between two entries is a test of the difference of their scores on the cells that both have: by "
    "swapping the two losses of a (setting, seed), and by the interval of the difference. No third entry changes it. A "
    "**rank** is one more than the entries of the track that are better. References, in *italics*, have none.",
    "**R** is (L_floor − L) / (L_floor − L_ceiling) of mean losses, with the floor and the ceiling of the setting's "
    "question.",
)
"""How to read all tables, in the markup of `marked`."""


def first_columns(board: Board) -> tuple[Column, ...]:
    """The one table of the first page."""
    return (ENTRY, *map(_score, board.groups), COST, RULE)


def worth_columns(board: Board, group: Group) -> tuple[Column, ...]:
    """The scores of a group, and worth by setting."""
    against = AGAINST.get(group.question, "")
    rank = Column("rank", "rank", "within its track", value=lambda b, e: (e.track, b.ranks.rank(e, group)))
    return (
        rank,
        TRACK,
        ENTRY,
        _score(group, "score"),
        Column("score and its intervals, drawn", "drawn", value=lambda b, entry: b.scores.score(entry, group)),
        Column("settings like these", "worth", "95 % interval of the mean over new settings", value=_over(group)),
        Column("worst in", "words", "the setting in which it is worth least", value=_worst(group)),
        Column(f"against {against}", "words", value=lambda b, entry: b.scores.against(entry, group)),
        *(_worth(setting) for setting in group.counting),
    )


def gap_columns(group: Group) -> tuple[Column, ...]:
    """R by setting."""
    return (ENTRY, *(_gap(setting) for setting in group.counting))


def decay_columns(group: Group) -> tuple[Column, ...]:
    """How the losses of a group decay from generation to generation, and what of other metrics is left."""
    settings = group.counting or group.settings
    return (
        ENTRY,
        *(_slope(setting) for setting in settings),
        *(_kept(setting, metric) for setting in settings for metric in setting.task.shown),
    )


def reward_columns(settings: Sequence[Setting]) -> tuple[Column, ...]:
    """By how much entries raise a reward, and how far from M_0 that takes them."""
    return (ENTRY, *(column for setting in settings for column in (_raised(setting), _gone(setting))))


def cost_columns(board: Board, settings: Sequence[Setting]) -> tuple[Column, ...]:
    """What entries cost in some settings; NaN where one of those that they run in is not done."""

    def count(heading: str, *counts: str) -> Column:
        return Column(
            heading, "count", falling=True, value=lambda b, e: b.costs.counted(e, _run(b, e, settings), counts)
        )

    return (
        ENTRY,
        Column("settings", "words", value=lambda b, e: f"{len(_run(b, e, settings))}/{len(settings)}"),
        count("real examples", "real_examples"),
        count("synthetic examples", "synthetic_examples"),
        count("scored tokens", "scored_tokens"),
        count("calls", "verifier_calls", "reward_calls", "mark_calls"),
        count("trained tokens", "trained_tokens"),
        Column("seconds", "count", falling=True, value=lambda b, e: b.costs.seconds(e, _run(b, e, settings))),
        Column("real rows", "share", value=lambda b, e: b.costs.real_share(e, settings)),
    )


def _run(board: Board, entry: Entry, settings: Sequence[Setting]) -> list[Setting]:
    """The settings in which an entry has cells and is not out of its scope."""
    return [s for s in settings if entry.results(s) and not board.scope.lacks(entry, s)]


def _score(group: Group, heading: str = "") -> Column:
    """Of a group; on a table over many groups the best of each track stands out."""

    def value(board: Board, entry: Entry) -> Any:
        score, place = board.scores.score(entry, group), board.ranks.place(entry, group)
        if place == "absent":
            return ""
        if place == "incomplete":
            return "incomplete"
        if not group.counting:
            return None
        shown = Worth(score.seeds) if score else None
        if place == "named" and not heading:
            return Noted(shown, board.ranks.called(entry, group.question))
        if place == "part":
            return Noted(shown, f"in part: {len(score.of) if score else 0} of {len(group.counting)} settings")
        best = place == "ranked" and board.ranks.rank(entry, group) == 1
        return Best(shown) if best and not heading else shown

    about = f"worth as a mean over the settings of {group.question} in {group.suite}"
    page = "" if heading else group.name
    return Column(heading or f"{group.question}, {group.suite}", "worth", about, page=page, value=value)


def _over(group: Group) -> Callable[[Board, Entry], Any]:
    def value(board: Board, entry: Entry) -> Any:
        score = board.scores.score(entry, group)
        return Worth(score.settings) if score else None

    return value


def _worst(group: Group) -> Callable[[Board, Entry], Any]:
    def value(board: Board, entry: Entry) -> Any:
        score = board.scores.score(entry, group)
        return score.worst.name if score and len(score.of) > 1 else ""

    return value


def _worth(setting: Setting) -> Column:
    def value(board: Board, entry: Entry) -> Any:
        if reason := board.scope.lacks(entry, setting):
            return Noted(OUTSIDE, reason)
        worth = board.scope.diverged(entry, setting) or board.scores.worth(entry, setting)
        if board.scores.silent_collapse(entry, setting):
            diversity = board.metric(entry, setting, DIVERSITY).centre
            return Noted(worth, f"silent collapse: the diversity of its samples is {diversity:.2g} of real ones'")
        return worth

    return Column(setting.heading, "worth", f"worth on {setting.task.title}", setting=setting.name, value=value)


def _gap(setting: Setting) -> Column:
    between = f"0 is {setting.world.floor}, 1 is {setting.world.ceiling}"
    return Column(
        setting.heading,
        about=f"R on {setting.task.title}: {between}",
        setting=setting.name,
        value=lambda board, entry: board.scores.recovered(entry, setting),
    )


def _slope(setting: Setting) -> Column:
    return Column(
        f"{setting.name}: rise",
        about=f"{setting.task.unit} of {setting.task.primary} per generation",
        falling=True,
        setting=setting.name,
        value=lambda board, entry: board.scores.slope(entry, setting),
    )


def _raised(setting: Setting) -> Column:
    return Column(
        f"{setting.name}: reward gained",
        setting=setting.name,
        value=lambda board, entry: board.logged(entry, setting, "reward_after", less="reward_before"),
    )


def _gone(setting: Setting) -> Column:
    return Column(
        f"{setting.name}: KL, nats",
        falling=True,
        setting=setting.name,
        value=lambda board, entry: board.logged(entry, setting, "kl"),
    )


def _kept(setting: Setting, metric: str) -> Column:
    return Column(
        f"{setting.name}: {metric}, last/first",
        "ratio",
        setting=setting.name,
        value=lambda board, entry: board.scores.kept(entry, setting, metric),
    )
