"""The pages of a board as documents: `README.md`, one for each question, all as one, a table for the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from ..board import columns
from ..board.cells import AGAINST
from ..board.scores import DIVERSITY
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
from .numbers import plural, span, worth

if TYPE_CHECKING:
    from ..board import Board, Entry, Group, Setting

ASKS = {
    "preserve": ("To preserve", "My model trains on its own outputs. What keeps it from decaying?"),
    "purify": ("On a polluted stream", "New data are partly generated and nobody says which. What keeps me learning?"),
    "grow": ("To grow", "I have little real data. Can generated data make my model better?"),
}
"""What each question is, in a word and as its reader asks it."""

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

SEES = {
    "blind": "only what arrives: it does not know which rows are real",
    "anchored": "D_0 and the pool's history",
    "marked": "marks of synthetic rows, with errors",
    "assisted": "a verifier, a reward or a prior model from outside the loop",
}
"""What a method of each track may see."""

NAMED = (
    "**Named, not ranked.** These are what their column says, as the records show it. Their numbers stand; they have "
    "no rank and change nobody else's."
)

MOST_NAMED = 10
"""So many entries without a rank are named under the first table; two hundred copies of one method are not."""

CURVES, COSTS = "curves", "cost"
"""Folders of figures: of settings, in which a task and a world may have any name, and of groups."""


@dataclass(frozen=True)
class View:
    """A board, and what lies beside its records.

    Args:
        board: what follows from the records.
        verified: labels of entries of whose records a maintainer ran a sample again.
        sheets: files of the sheets of samples, by setting and label.
    """

    board: Board
    verified: frozenset[str] = frozenset()
    sheets: Mapping[tuple[str, str], Path] = field(default_factory=dict)

    @cached_property
    def curves(self) -> Mapping[str, Curves]:
        """The curves of every setting."""
        return {setting.name: curves(self.board, setting) for setting in self.board.settings}

    @cached_property
    def files(self) -> Mapping[str, Document | Curves | CostPlot]:
        """What the files of the board show, by name: `README.md` first, then the questions, then the figures."""
        pages = {question: question_page(self, question) for question in self.board.questions}
        figures = [figure for page in pages.values() for figure in page.figures()]
        return {
            "README.md": readme(self),
            **{f"{question}.md": page for question, page in pages.items()},
            **{figure.path: figure.shown for figure in figures},
        }


def readme(view: View) -> Document:
    """`README.md`: the answers, one table of all methods, and what entries are."""
    links = [
        (Span(ASKS.get(q, (q, ""))[0], to=To("page", q)), f": {ASKS.get(q, ('', q))[1]}") for q in view.board.questions
    ]
    blocks = [*_first(view), *([Section("Questions", [Items(links)])] if links else []), *_rest(view)]
    return Document(view.board, _title(view.board, "Leaderboard"), blocks)


def question_page(view: View, question: str) -> Document:
    """`<question>.md`: ranks, worth, R, decay and costs, and all that was measured."""
    board, (name, asks) = view.board, ASKS.get(question, (question, ""))
    front = Span("All questions", to=To("page", "README"))
    blocks = [Prose((asks, " ", front), aside=False), _facts(board), _how_to_read(), *_question(view, question)]
    return Document(board, _title(board, name), blocks, home="README.md")


def whole(view: View) -> Document:
    """Everything on one page."""
    parts = {question: ASKS.get(question, (question,))[0] for question in view.board.questions}
    questions = [
        Section(name, [Prose(ASKS.get(q, ("", q))[1], aside=False), *_question(view, q)]) for q, name in parts.items()
    ]
    blocks = [*_first(view), *questions, *_rest(view)]
    return Document(view.board, _title(view.board, "Leaderboard"), blocks, parts=parts)


def summary(board: Board) -> Document:
    """One table for the terminal."""
    return Document(board, _title(board, "Leaderboard"), [tables.summary(board)])


def _title(board: Board, about: str) -> str:
    return f"{about}: {board.protocol.name} v{board.protocol.version}"


# -- the first page ----------------------------------------------------------------------------------


def _first(view: View) -> Iterator[Block]:
    """What the board says in words, and the one table."""
    board = view.board
    yield Prose(board.protocol.description, aside=False)
    yield _facts(board)
    if board.questions:
        yield Section("Answers", [Items([answer(board, question) for question in board.questions])])
    yield Section("Methods", [tables.first(board, view.verified), *map(Prose, _notes(view))])
    yield _how_to_read()


def _rest(view: View) -> Iterator[Block]:
    """What is not whole, and what the entries are."""
    board = view.board
    entries = (*board.competitors(*TRACKS), *board.references)
    if waiting := [entry for entry in entries if board.scope.waiting(entry)]:
        yield Section("Incomplete", _incomplete(board, waiting))
    for state in ("diverged", "skipped"):
        if ended := tables.ended(board, entries, state):
            yield Section(state.capitalize(), [ended])
    yield Section("Entries", [Items([_description(view, entry) for entry in entries], entries)])


def _facts(board: Board) -> Prose:
    """Facts of the protocol."""
    rules = board.protocol
    window = "at the last generation" if rules.average_last == 1 else f"over the last {rules.average_last} generations"
    facts: list[Text] = [
        _lineage_length(board),
        plural(rules.seeds, "seed"),
        f"scored {window}",
        ("protocol digest ", Span(rules.digest[:12], "code")),
        f"newest record {board.newest}" if board.newest else "",
    ]
    return Prose(joined(" · ", facts))


def _lineage_length(board: Board) -> str:
    """`5 generations`, or `3 to 5 generations` where settings differ."""
    lengths = {setting.world.generations for setting in board.settings} or {board.protocol.generations}
    shortest, longest = min(lengths), max(lengths)
    return f"{shortest} to {longest} generations" if shortest < longest else plural(longest, "generation")


def _how_to_read() -> Fold:
    tracks = "; ".join(f"*{track}*, {sees}" for track, sees in SEES.items())
    lines = [*columns.EXPLAINED, f"A **track** is what a method may see: {tracks}."]
    return Fold("How to read this", [Items(list(map(marked, lines)))])


def answer(board: Board, question: str) -> Text:
    """What the board says to a question: of each suite the entry that is told apart, or that none is."""
    groups = [group for group in board.groups if group.question == question]
    said = joined("; ", [("in ", group.suite, " ", _best(board, group)) for group in groups])
    return Span(f"{ASKS.get(question, (question,))[0]}:", "strong", To("page", question)), " ", said, "."


def _best(board: Board, group: Group) -> Text:
    ranked = board.ranks.ranked(group)
    if not group.counting:
        return "no setting counts"
    if not ranked:
        return "nobody is ranked yet"
    first, *others = board.ranks.best(group)
    score, verdict = board.scores.score(first, group), board.scores.against(first, group)
    against = AGAINST[group.question]
    stands = {"better": "better than", "level": "level with", "worse": "worse than"}
    known = f" (track {first.track}) is worth {worth(score.seeds.centre)} {span(score.seeds)}" if score else ""
    worths = Span(known.rstrip(), "number")
    compared: Text = (", ", stands[verdict], " ", Span(against, "code")) if verdict else ""
    if len(ranked) == 1:
        alone: Text = ", and nobody else is ranked"
    elif len(others) == len(ranked) - 1:
        alone = ", but nothing is told apart"
    elif others:
        alone = (", not told from ", joined(", ", [tables.linked(board, entry) for entry in others]))
    else:
        alone = ", told apart from all others"
    return tables.linked(board, first), worths, compared, alone, _references(board, group)


def _references(board: Board, group: Group) -> Text:
    """What the references are worth that show where an entry stands: not caring, not looking, real data."""
    world = group.settings[0].world
    labels = dict.fromkeys((world.floor, AGAINST[group.question], world.ceiling))
    found = [entry for label in labels if label != "frozen" and (entry := board.reference(label))]
    scores = [(entry, score) for entry in found if (score := board.scores.score(entry, group))]
    said = joined(
        ", ", [(Span(entry.label, "code"), Span(f" {worth(score.seeds.centre)}", "number")) for entry, score in scores]
    )
    return (" (beside it ", said, ")") if scores else ""


def _notes(view: View) -> Iterator[Text]:
    """What a reader of the table of methods has to know besides."""
    board = view.board
    yield marked(
        "A **bold** worth is the best of its track, or nothing tells it from the best. In brackets: 95 % interval for "
        "new seeds. References, in *italics*, are never ranked. Cost: tokens trained on or scored, as a multiple of "
        "what `frozen` takes."
    )
    if view.verified:
        yield "✓ verified: a maintainer ran a sample of exactly these records again. Without a mark: self-reported."
    if named := [(entry, words) for entry in board.competitors(*TRACKS) if (words := _called(board, entry))]:
        few = joined("; ", [(tables.linked(board, entry), f", {words}") for entry, words in named[:MOST_NAMED]])
        more = f"; and {len(named) - MOST_NAMED} more" if len(named) > MOST_NAMED else ""
        yield "Not ranked, but called what they are: ", few, more, "."
    if board.not_run:
        yield f"Not run yet: {', '.join(board.not_run)}."
    if not any(group.counting for group in board.groups):
        yield "No setting counts yet, so that worth is missing; the losses stand on the pages of the questions."
    for reference, settings in board.scope.missing_references().items():
        command = Span(run_command(reference, board.scope.tasks(settings), board.protocol.name), "code")
        yield "The reference ", Span(reference, "code"), f" has not run in {', '.join(settings)}: ", command
    if any(board.across_machines(entry) for entry in board.entries):
        yield (
            "† Some cells ran on another machine than the references that they are paired with; floating point "
            "differs between machines, and with it the pairing."
        )


def _incomplete(board: Board, waiting: Sequence[Entry]) -> list[Block]:
    """How far the entries are that lack cells, why some failed, and the commands that complete them."""
    reasons = [
        (tables.linked(board, entry), f" in {setting.name}, seed {seed}: ", entry.cells[setting.name, seed].cell.reason)
        for entry in waiting
        for setting in board.scope.waiting(entry)
        for seed in board.scope.seeds(entry, "failed", setting)
    ]
    hint = "To complete them (a protocol of your own goes by its path, a method of your own needs `--plugin`):"
    commands = Commands([board.scope.command(entry) for entry in waiting])
    return [tables.incomplete(board, waiting), Items(reasons), Prose(marked(hint), aside=False), commands]


def _description(view: View, entry: Entry) -> Text:
    """Title, description, paper and parameters of an entry, and what it is called where it is not ranked."""
    method, board = entry.method, view.board
    standing = "verified" if entry.label in view.verified else "self-reported"
    facts: list[Text] = [
        (Span(method.label, "emphasis" if method.reference else "strong"), f" ({standing}):"),
        f"{method.title}.",
        method.description,
        papers(method.paper),
        joined("; ", [Span(f"{key} = {value}", "code") for key, value in method.params.items()]),
        f"Not ranked, {called}." if (called := "" if entry.reference else _called(board, entry)) else "",
    ]
    return joined(" ", facts)


def _called(board: Board, entry: Entry) -> str:
    """`in preserve: changed nothing`, for each question in which an entry is called what it is; "" for others."""
    words = [(question, board.ranks.called(entry, question)) for question in board.questions]
    return "; ".join(f"in {question}: {said}" for question, said in words if said)


# -- a question --------------------------------------------------------------------------------------


def _question(view: View, question: str) -> Iterator[Block]:
    """Everything on a question: a section for each suite, costs, and a section for each setting."""
    board = view.board
    if question in THEORY:
        yield Prose(THEORY[question])
    groups = [group for group in board.groups if group.question == question]
    yield Section("What was measured", [tables.measured(board.of(question))])
    for group in groups:
        yield Section(f"Suite {group.suite}", list(_group(view, group)))
    rows = [e for e in (*board.competitors(*TRACKS), *board.references) if _takes_part(board, e, groups)]
    yield Section("Costs", [tables.costs(board, question, rows), Prose(ABOUT_COSTS)])
    for setting in board.of(question):
        yield _setting(view, setting, rows)


def _takes_part(board: Board, entry: Entry, groups: Sequence[Group]) -> bool:
    return any(board.ranks.place(entry, group) != "absent" for group in groups)


def _group(view: View, group: Group) -> Iterator[Block]:
    """The scores of a question in a suite."""
    board = view.board
    if not group.counting:
        yield Prose("No setting counts here: doubling n moves no loss by more than its noise, or a curve is missing.")
    yield tables.ranked(board, group, view.verified)
    if named := tables.beside(board, group, "named", "Named, not ranked"):
        yield Prose(marked(NAMED))
        yield named
    if sweep := tables.beside(board, group, "sweep", "Other parameters"):
        yield Prose(marked("**Other parameters.** Only the defaults of a method are ranked."))
        yield sweep
    rows = [e for e in (*board.competitors(*TRACKS), *board.references) if _takes_part(board, e, [group])]
    if group.counting:
        yield Prose(marked("**R**, by the floor and the ceiling of the question."))
        yield tables.gaps(board, group, rows)
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
    about = f"{task.title} (version {task.version}). In each generation: {tables.arrivals(setting)}."
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
    return [*detail, Items([(Span(name, "code"), ": ", about[name]) for name in names])]


def _samples(view: View, setting: Setting, entries: Sequence[Entry]) -> list[Block]:
    """Links to the sheets of a setting and, folded, the sheets themselves; nothing where there are none."""
    everyone = sorted(entries, key=lambda entry: not entry.reference)
    shown = [(entry, path) for entry in everyone if (path := view.sheets.get((setting.name, entry.label)))]
    links = [Span(entry.label, to=To("sheet", path.as_posix())) for entry, path in shown]
    all_of_them = "All of them: the first row is real, the next what generation 0 drew, and so on"
    about = Prose(("Samples by generation, seed 0: ", joined(" · ", links)))
    return [about, Fold(all_of_them, [tables.samples(view.board, setting, shown)])] if shown else []
