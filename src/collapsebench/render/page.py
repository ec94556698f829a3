"""The pages of a board as documents: `README.md`, one for each question in a suite, all as one, the terminal's."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

from . import answers, best, first_page, group_page, tables
from .document import Block, Document, Items, Prose, Section, Span, To, joined

if TYPE_CHECKING:
    from ..board import Board, Group
    from .cost_plot import CostPlot
    from .curves import Curves
    from .view import View


@lru_cache(maxsize=1)
def files(view: View) -> Mapping[str, Document | Curves | CostPlot]:
    """What the files of the board show, by name: `README.md` first, then pages of groups, then the figures.

    Of many entries this takes a while, and is asked again for the same view.
    """
    pages = {f"{group.name}.md": on_group(view, group) for group in view.board.groups}
    figures = [figure for page in pages.values() for figure in page.figures()]
    return {"README.md": readme(view), **pages, **{figure.path: figure.shown for figure in figures}}


def readme(view: View) -> Document:
    """`README.md`: the answers, one table of all methods, and what tasks and entries are."""
    blocks = [*first_page.top(view), *_contents(view.board), *first_page.rest(view)]
    return Document(view.board, _title(view.board, "Leaderboard"), blocks)


def _contents(board: Board) -> list[Section]:
    """The questions as their readers ask them, with links to the pages on each."""
    items = []
    for question in board.questions:
        groups = [group for group in board.groups if group.question == question]
        links = joined(" · ", [Span(group.suite, to=To("page", group.name)) for group in groups])
        items.append((Span(answers.name(question), "strong"), f": {answers.asks(question)} ", links))
    return [Section("Questions", [Items(items)])] if items else []


def on_group(view: View, group: Group) -> Document:
    """`<question>-<suite>.md`: ranks, worth, R, decay and costs, and all that was measured."""
    board, front = view.board, Span("All questions", to=To("page", "README"))
    asked = Prose((answers.asks(group.question), " ", front))
    of_group, labels = list(group_page.of_group(view, group)), best.best(board, group)
    if labels is not None:
        of_group = [Prose(f"Figures show {best.SHOWN}."), *best.only(of_group, labels, tables=False)]
    blocks = [asked, *of_group, first_page.how_to_read(), first_page.facts(board)]
    title = f"{answers.name(group.question)}, {group.suite}"
    return Document(board, _title(board, title), blocks, home="README.md")


def whole(view: View) -> Document:
    """Everything on one page, though of each group the best entries only where there are more than anybody reads."""
    board = view.board
    parts = {group.name: (answers.name(group.question), f"Suite {group.suite}") for group in board.groups}
    questions = []
    for question in board.questions:
        groups = [group for group in board.groups if group.question == question]
        suites = [Section(parts[group.name][1], _in_brief(view, group)) for group in groups]
        questions.append(Section(answers.name(question), [Prose(answers.asks(question)), *suites]))
    blocks = [*first_page.top(view), *questions, *first_page.rest(view)]
    return Document(board, _title(board, "Leaderboard"), blocks, parts=parts)


def _in_brief(view: View, group: Group) -> list[Block]:
    """What the page on a group says, of its best entries."""
    blocks, labels = list(group_page.of_group(view, group)), best.best(view.board, group)
    if labels is None:
        return blocks
    page = Span(f"{group.name}.md", "code")
    note = (f"Shown here are {best.SHOWN}; all entries stand on the page ", page, " beside the records.")
    return [Prose(note), *best.only(blocks, labels)]


def summary(board: Board) -> Document:
    """The answers and the table of scores, for the terminal."""
    told = [Section("Answers", list(answers.in_full(board)))] if board.questions else []
    return Document(board, _title(board, "Leaderboard"), [*told, tables.summary(board)])


def _title(board: Board, about: str) -> str:
    return f"{about}: {board.protocol.name} v{board.protocol.version}"
