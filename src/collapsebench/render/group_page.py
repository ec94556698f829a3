"""The page on a question in a suite: ranks, worth, R, decay and costs, and every setting with what its data became."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from ..board.scores import DIVERSITY
from ..core.method import TRACKS
from . import answers, tables, tasks
from .cost_plot import cost_plot
from .document import Block, Figure, Fold, Items, Prose, Section, Span, Table, marked
from .numbers import span, worth
from .samples import in_sight

if TYPE_CHECKING:
    from ..board import Board, Entry, Group, Setting
    from .view import View

T = TypeVar("T")

THEORY = {
    "preserve": "What arrives are random functions of D_0. So without information from outside no method beats the "
    "best estimator on D_0, and this page shows how entries decay. Only those that train on rows of models are ranked.",
    "purify": "The answer turns with the share of real rows and with how many rows D_0 has, so the settings differ in "
    "both.",
    "grow": "Worth above 1 needs information from outside the loop, or a better use of D_0. A method of the blind "
    "track that claims growth is suspicious, and interesting.",
}
"""What theory says of each question before anything is run."""

ABOUT_COSTS = (
    "Counts at the last generation, mean over seeds, summed over the settings that the entry runs in. Calls are those "
    "of verifiers, rewards and marks. Seconds are wall time under the load that the machine had, so they compare "
    "roughly. Real rows: share of the rows trained on after generation 0."
)
"""Under a table of costs."""

ABOUT_PICTURES = (
    "the first row is real, the next what generation 0 drew, and so on; a class that was lost leaves its place empty"
)
"""Above sheets of pictures."""

NAMED = (
    "**Named, not ranked.** These are what their column says, as the records show it. Their numbers stand; they have "
    "no rank and change nobody else's."
)

CURVES, COSTS = "curves", "cost"
"""Folders of figures: of settings, in which a task and a world may have any name, and of groups."""


PART = (
    "**In part.** A setting lacks what these need, or they diverged or were skipped there: their scores are over the "
    "others, and they have no rank."
)


def of_group(view: View, group: Group) -> Iterator[Block]:
    """Everything on a question in a suite: a section for its scores, for what was measured, for costs, and settings."""
    board = view.board
    everyone = (*board.competitors(*TRACKS), *board.references)
    rows = [entry for entry in everyone if board.ranks.place(entry, group) != "absent"]
    yield Prose(answers.told_apart(board, group), aside=False)
    yield Section("Scores", list(_scores(view, group, rows)))
    yield Section("What was measured", list(_measured(board, group)))
    yield Section("Costs", [tables.costs(board, group, rows), Prose(ABOUT_COSTS)])
    for setting in group.settings:
        yield _setting(view, setting, rows)


def _measured(board: Board, group: Group) -> Iterator[Block]:
    """What the tasks are, what arrives in each world, and which worlds show nothing."""
    yield tasks.sentences(board, group.settings)
    yield tables.measured(group.settings)
    counting = {setting.world.name for setting in group.counting}
    if silent := [name for name in dict.fromkeys(s.world.name for s in group.settings) if name not in counting]:
        yield Prose(f"{', '.join(silent)} shows nothing here: no task has resolution in it, and it enters no score.")
    if group.question in THEORY:
        yield Prose(THEORY[group.question])


def _scores(view: View, group: Group, rows: Sequence[Entry]) -> Iterator[Block]:
    """The scores, R, and how entries decay."""
    board = view.board
    if group.counting:
        yield from _worths(view, group)
        yield Prose(marked("**R**, by the floor and the ceiling of the question."))
        yield tables.gaps(board, group, rows)
    else:
        yield Prose("No setting counts here: doubling n moves no loss by more than its noise, or a curve is missing.")
    if group.question == "preserve":
        yield Prose(
            marked(
                "**Decay.** Rise: least-squares slope of the loss over generations, ± a 95 % Student-t half-width over "
                "seeds. Last/first: a metric at the last generation over that of M_0."
            )
        )
        yield tables.decay(board, group, rows)
    if rewards := tables.rewards(board, group, rows):
        yield Prose(
            marked(
                "**Reward against divergence**, at the last generation: by how much the choice raises the mean reward "
                "of what is trained on, and KL(chosen ‖ M_0), how far it leads away from the real data."
            )
        )
        yield rewards
    if board.measures(group.settings, DIVERSITY):
        yield Prose(
            marked(
                "`diversity_ratio` is two-sided: 1 is as diverse as real examples, less is narrow, more is noise. An "
                "entry within a factor of two of `frozen` whose ratio is below 0.5 or above 2 has collapsed silently."
            )
        )
    if any(board.scores.score(entry, group) for entry in rows):
        yield _cost_plot(board, group)


def _worths(view: View, group: Group) -> Iterator[Block]:
    """Who is ranked, and who is not and why."""
    board = view.board
    yield tables.ranked(board, group, view.verified)
    if part := tables.beside(board, group, "part", "In part"):
        yield Prose(marked(PART))
        yield part
    if named := tables.beside(board, group, "named", "Named, not ranked"):
        yield Prose(marked(NAMED))
        yield named
    if sweep := tables.beside(board, group, "sweep", "Other parameters"):
        yield Prose(marked("**Other parameters.** Only the defaults of a method are ranked."))
        yield sweep


def _cost_plot(board: Board, group: Group) -> Figure:
    shown = cost_plot(board, group)
    scores = {entry.label: score for entry in board.entries if (score := board.scores.score(entry, group))}
    points = [f"{worth(scores[dot.label].seeds.centre)} {span(scores[dot.label].seeds)}" for dot in shown.dots]
    return Figure(f"{COSTS}/{group.question}/{group.suite}.svg", "worth against cost", shown, points=points)


def _setting(view: View, setting: Setting, entries: Sequence[Entry]) -> Section:
    """A section for a setting: curves, samples and, folded, the metrics of every entry and curves as numbers."""
    board, task = view.board, setting.task
    shown = view.curves[setting.name]
    verdict = "" if setting.counts else (" ", Span(f"{setting.verdict.capitalize()}: not scored.", "emphasis"))
    about = f"{tasks.sentence(board, task)} In each generation: {tables.arrivals(setting)}."
    figure = Figure(
        f"{CURVES}/{setting.name}.svg",
        f"{task.primary} over generations",
        shown,
        setting.name,
        task.unit,
        tables.by_generation(board, setting, shown),
    )
    detail = Fold("Every entry at the last generation", _detail(board, setting, entries))
    return Section(
        setting.name, [Prose((about, verdict)), figure, *_samples(view, setting, entries), detail], setting=True
    )


def _detail(board: Board, setting: Setting, entries: Sequence[Entry]) -> list[Block]:
    """The metrics of every entry, and what they are."""
    about = setting.task.metrics
    names = [name for name in (setting.task.primary, *setting.task.shown) if name in about]
    detail: list[Block] = [tables.last_generation(board, setting, entries)]
    if board.lm_eval(setting):
        limits = " or ".join(map(str, board.lm_eval_limits(setting)))
        note = f"Of each lm-eval task, {limits} items drawn at random." if limits else ""
        detail += [tables.lm_eval(board, setting, entries), Prose(note)]
    return [*detail, Items([(Span(name, "code"), ": ", about[name].meaning) for name in names])]


def _samples(view: View, setting: Setting, entries: Sequence[Entry]) -> list[Block]:
    """What became of the data, in pictures or in words; nothing where a run left neither."""
    everyone = sorted(entries, key=lambda entry: not entry.reference)
    pictures = [(entry, path) for entry in everyone if (path := view.sheets.get((setting.name, entry.label)))]
    texts = [(e, sheet.generations) for e in everyone if (sheet := view.texts.get((setting.name, e.label)))]
    table, words, last = (
        partial(one, view.board, setting) for one in (tables.samples, tables.texts, tables.last_texts)
    )
    return [
        *_sheets(setting, pictures, ABOUT_PICTURES, table, table),
        *_sheets(setting, texts, "first real ones, then what arrived in each generation", words, last),
    ]


def _sheets(
    setting: Setting,
    found: Sequence[tuple[Entry, T]],
    about: str,
    open_table: Callable[[Sequence[tuple[Entry, T]]], Table],
    folded: Callable[[Sequence[tuple[Entry, T]]], Table],
) -> list[Block]:
    """Sheets of `frozen` and of the floor (or the ceiling, where that is `frozen`) in sight, the others folded."""
    if not found:
        return []
    labels = in_sight(setting.world)
    seen = [sheet for sheet in found if sheet[0].label in labels] or found[:1]
    others = [sheet for sheet in found if all(sheet is not one for one in seen)]
    rest = [Fold("Samples of all the others", [folded(others)])] if others else []
    return [Prose(f"Samples, seed 0: {about}."), open_table(seen), *rest]
