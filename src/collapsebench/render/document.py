"""A page before any markup: what it says, in which order, and where it leads. Writers turn it into a format.

Text of records stands in a document as it is; each writer sees to it that nothing in it becomes markup.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, TypeAlias

from ..board.cells import Entry
from ..board.columns import Head
from ..board.model import Board
from ..board.scores import Score
from .cost_plot import CostPlot
from .curves import Curves

Style = Literal["plain", "number", "best", "small", "aside", "strong", "emphasis", "code", "sub", "picture"]
"""A `number` comes from `numbers` and needs no escaping, nor does the `best` of a track; what is `small` stands back
behind it, as an interval does; an `aside` is words that do; a `picture` is the file of its link, and its text says
what it shows."""


class To(NamedTuple):
    """Where a link leads: an entry, a setting, the page on a group, the file of a sheet, or a paper on arXiv."""

    kind: Literal["entry", "setting", "page", "sheet", "paper"]
    name: str


@dataclass(frozen=True)
class Span:
    """A stretch of text in one style; `about` explains it to a reader who asks."""

    text: str
    style: Style = "plain"
    to: To | None = None
    about: str = ""


Text: TypeAlias = "str | Span | tuple[Text, ...]"
"""A string is plain text."""


@dataclass(frozen=True)
class Cell:
    """What stands in a cell, what it is sorted by (without that it comes last), a note on it, and what it draws."""

    text: Text
    order: float | str | None = None
    note: str = ""
    plot: Score | None = None


@dataclass(frozen=True)
class Row:
    """A row, and the entry and the setting that it is about, if it is about any."""

    cells: Sequence[Cell]
    entry: Entry | None = None
    setting: str = ""


@dataclass(frozen=True)
class Table:
    """Rows of cells; its name tells which one it is on a page with many.

    An `overview` among the words of its `kind` is to be read on a phone: what is small stands below, not behind.
    `numbers` are those of a figure, and nobody sorts them.
    """

    name: str
    columns: Sequence[Head]
    rows: Sequence[Row]
    kind: str = ""

    @property
    def overview(self) -> bool:
        """Whether it is one."""
        return "overview" in self.kind


@dataclass(frozen=True)
class Prose:
    """A paragraph; `aside` where it is a note rather than the matter itself."""

    text: Text
    aside: bool = True


@dataclass(frozen=True)
class Items:
    """A list; where `entries` are given, each item describes one."""

    items: Sequence[Text]
    entries: Sequence[Entry] = ()


@dataclass(frozen=True)
class Commands:
    """Command lines to paste."""

    lines: Sequence[str]


@dataclass(frozen=True)
class Figure:
    """A figure in a file below the folder of the board.

    `shown` is all that it shows, `unit` that of the loss in curves of a `setting`, `values` the same in numbers, and
    `points` are what a reader is told of the dots of a `CostPlot`.
    """

    path: str
    words: str
    shown: Curves | CostPlot
    setting: str = ""
    unit: str = ""
    values: Table | None = None
    points: Sequence[str] = ()


@dataclass(frozen=True)
class Fold:
    """What a reader opens, or, where it stands `open`, may close."""

    name: str
    blocks: Sequence[Block]
    open: bool = False


@dataclass(frozen=True)
class Section:
    """A part of a page under its heading; `setting` where it is about one, and named after it."""

    name: str
    blocks: Sequence[Block]
    setting: bool = False


Block: TypeAlias = "Prose | Items | Table | Commands | Figure | Fold | Section"


@dataclass(frozen=True)
class Document:
    """A page on a board.

    Args:
        board: what it is about.
        title: its heading.
        blocks: what it says.
        home: the page on which its entries are described; "" where it is itself.
        parts: where several pages are one: name of a page -> its section here, below those that it stands in.
    """

    board: Board
    title: str
    blocks: Sequence[Block]
    home: str = ""
    parts: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def figures(self) -> Iterator[Figure]:
        """All figures, in order."""
        return _figures(self.blocks)


def _figures(blocks: Sequence[Block]) -> Iterator[Figure]:
    for block in blocks:
        if isinstance(block, Section | Fold):
            yield from _figures(block.blocks)
        elif isinstance(block, Figure):
            yield block


def marked(text: str) -> Text:
    """Text of this program, never of a record, with `**strong**`, `*emphasis*`, `` `code` `` and `<sub>sub</sub>`."""
    styles: dict[str, Style] = {"**": "strong", "*": "emphasis", "`": "code", "<sub>": "sub"}
    parts = re.split(r"(\*\*|\*|`|<sub>)(.+?)(?:\1|</sub>)", text)
    spans = (Span(words, styles[mark]) for mark, words in zip(parts[1::3], parts[2::3], strict=True))
    return tuple(part for pair in zip(parts[::3], (*spans, ""), strict=True) for part in pair)


def joined(between: str, parts: Sequence[Text]) -> Text:
    """Texts one after the other, those that are empty left out."""
    kept = [part for part in parts if part]
    return tuple(piece for place, part in enumerate(kept) for piece in ((between, part) if place else (part,)))


def papers(text: str) -> Text:
    """A record's text in which arXiv numbers are links."""
    parts = re.split(r"arXiv:(\d{4}\.\d{4,5})", text) if text else []
    return tuple(Span(f"arXiv:{part}", to=To("paper", part)) if i % 2 else part for i, part in enumerate(parts))
