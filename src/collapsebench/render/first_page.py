"""The first page of a board: the answers, one table of all methods, the tasks in a sentence each, and the entries."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ..board import columns
from ..board.stats import Interval
from ..core.commands import run_command
from ..core.method import TRACKS
from ..core.records import one_line
from . import answers, tables, tasks
from .document import Block, Commands, Fold, Items, Prose, Section, Span, Text, joined, marked, papers
from .numbers import plural, span, worth

if TYPE_CHECKING:
    from ..board import Board, Entry
    from ..results.signature import HiddenScore
    from .view import View

SEES = {
    "blind": "only what arrives: it does not know which rows are real",
    "anchored": "D_0 and the pool's history",
    "marked": "marks of synthetic rows, with errors",
    "assisted": "a verifier, a reward or a prior model from outside the loop",
}
"""What a method of each track may see."""

MOST_NAMED = 10
"""So many entries without a rank are named under the first table; two hundred copies of one method are not."""


def top(view: View) -> Iterator[Block]:
    """What the board says in words, the one table, and what the tasks are."""
    board = view.board
    yield Prose(board.protocol.description)
    if view.aside:
        yield Prose(
            (Span("Put aside", "strong"), ": files of this board that do not hold what a run writes."), aside=False
        )
        yield Items([one_line(file.error.message.replace(f"{file.path.parents[1]}/", "")) for file in view.aside])
    if board.questions:
        yield Section("Answers", list(answers.in_full(board)))
    yield Section("Methods", [tables.first(board, view.verified), *map(Prose, _notes(view)), how_to_read()])
    if board.settings:
        yield Section("Tasks", [tasks.sentences(board, board.settings)])


def rest(view: View) -> Iterator[Block]:
    """What is not whole, what the entries are, and under which rules they ran."""
    board = view.board
    entries = (*board.competitors(*TRACKS), *board.references)
    if waiting := [entry for entry in entries if board.scope.waiting(entry)]:
        yield Section("Incomplete", _incomplete(board, waiting))
    for state in ("diverged", "skipped"):
        if ended := tables.ended(board, entries, state):
            yield Section(state.capitalize(), [ended])
    yield Section("Entries", [Items([_description(view, entry) for entry in entries], entries), facts(board)])


def facts(board: Board) -> Prose:
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


def how_to_read() -> Fold:
    """What the words and numbers of all tables mean."""
    tracks = "; ".join(f"*{track}*, {sees}" for track, sees in SEES.items())
    lines = [*columns.EXPLAINED, f"A **track** is what a method may see: {tracks}."]
    return Fold("How to read this", [Items(list(map(marked, lines)))])


def _notes(view: View) -> Iterator[Text]:
    """What a reader of the table of methods has to know besides."""
    board = view.board
    yield marked(
        "**Worth**: on how many real rows plain training would do as well, as a multiple of those there are; 1 is "
        "what they are worth alone. **Bold**: the best of its track, or not told from it. In brackets: 95 % interval "
        "for new seeds. References, in *italics*, are never ranked. Cost: tokens trained on or scored, as a multiple "
        "of what `frozen` takes."
    )
    if view.verified:
        yield (
            "✓ verified: a maintainer ran some cells of these records again, drawn once the file was fixed and beside "
            "their floor and ceiling, and every number but seconds agreed, that of a trained model to a small share of "
            "its interval; since then no byte of the file has changed. The list of entries says how many of how "
            "many. The other cells, all seconds and what a record says of its machine are the word of who ran it, as "
            "is all of an entry without a mark."
        )
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
        ran = "; ".join(f"{machine} ({', '.join(names)})" for machine, names in board.machines_of_references.items())
        yield (
            "† Some cells ran on another machine, or with other versions, than the references that they are paired "
            f"with, and floating point differs (docs/statistics.md). References ran on {ran}."
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
    note = view.verified.get(entry.label)
    standing = f"verified: {note.in_words}" if note else "self-reported"
    facts: list[Text] = [
        (Span(method.label, "emphasis" if method.reference else "strong"), f" ({standing}):"),
        f"{method.title}.",
        method.description,
        papers(method.paper),
        joined("; ", [Span(f"{key} = {value}", "code") for key, value in method.params.items()]),
        *(map(_on_hidden_seeds, note.hidden_scores(entry.label)) if note else ()),
        f"Not ranked, {called}." if (called := "" if entry.reference else _called(board, entry)) else "",
    ]
    return joined(" ", facts)


def _on_hidden_seeds(score: HiddenScore) -> str:
    public, hidden = (
        f"{worth(centre)} {span(Interval(centre, half_width))}"
        for centre, half_width in ((score.public, score.public_half_width), (score.hidden, score.hidden_half_width))
    )
    how = "more" if score.differs else "no more"
    return f"In {score.group} its worth is {public} on public seeds and {hidden} on hidden ones, {how} than by chance."


def _called(board: Board, entry: Entry) -> str:
    """`in preserve: changed nothing`, for each question in which an entry is called what it is; "" for others."""
    words = [(question, board.ranks.called(entry, question)) for question in board.questions]
    return "; ".join(f"in {question}: {said}" for question, said in words if said)
