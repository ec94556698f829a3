"""A page before any markup: what it says, in which order, and where it leads. Writers turn it into a format.

Text of records stands in a document as it is; each writer sees to it that nothing in it becomes markup.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

from ..board.scores import Overall
from .cost_plot import CostPlot
from .curves import Curves

Style = Literal["plain", "number", "error", "strong", "emphasis", "code", "sub"]
"""A `number` was made by `numbers` and needs no escaping; an `error` is the half-width that follows one."""


class To(NamedTuple):
    """Where a link leads: an entry, a task, the page of a track, a sheet of samples or a paper on arXiv."""

    kind: Literal["entry", "task", "track", "sheet", "paper"]
    name: str


@dataclass(frozen=True)
class Span:
    """A stretch of text in one style."""

    text: str
    style: Style = "plain"
    to: To | None = None


@dataclass(frozen=True)
class Mark:
    """A sign, and what it means, for a reader who asks."""

    sign: str
    words: str


@dataclass(frozen=True)
class Picture:
    """A picture in a file beside the page."""

    path: Path
    words: str


@dataclass(frozen=True)
class Plot:
    """A score with its intervals, to be drawn; a writer that cannot draw leaves its column out."""

    overall: Overall


Text: TypeAlias = "str | Span | Mark | Picture | Plot | tuple[Text, ...]"
"""A string is plain text."""


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
    parts = re.split(r"(arXiv:\d{4}\.\d{4,5})", text) if text else []
    return tuple(
        Span(part, to=To("paper", part.removeprefix("arXiv:"))) if place % 2 else part
        for place, part in enumerate(parts)
    )


Kind = Literal["name", "text", "number", "drawn"]


@dataclass(frozen=True)
class Column:
    """The head of a column.

    Args:
        heading: its name.
        kind: `name` says what the row is about, `number` is aligned to the right, `drawn` holds a `Plot`.
        falling: whether less is better.
        about: a line on what it says.
        task: the task that it is about, if it is about one.
    """

    heading: Text
    kind: Kind = "number"
    falling: bool = False
    about: str = ""
    task: str = ""


@dataclass(frozen=True)
class Cell:
    """What stands in a cell, what it is sorted by (without that it comes last), and what has to be said about it."""

    text: Text
    order: float | str | None = None
    note: str = ""


@dataclass(frozen=True)
class Row:
    """A row, and the entry and the task that it is about, if it is about any."""

    cells: Sequence[Cell]
    entry: str = ""
    task: str = ""


@dataclass(frozen=True)
class Table:
    """Rows of cells under a name; `name` tells readers of a page with many tables which one this is."""

    name: str
    columns: Sequence[Column]
    rows: Sequence[Row]
    kind: str = ""


@dataclass(frozen=True)
class Prose:
    """A paragraph; `aside` where it is a note rather than the matter itself."""

    text: Text
    aside: bool = True


@dataclass(frozen=True)
class Items:
    """A list."""

    items: Sequence[Text]


@dataclass(frozen=True)
class Commands:
    """Command lines to paste."""

    lines: Sequence[str]


@dataclass(frozen=True)
class Figure:
    """A figure in a file beside the page, what it shows, and the same in numbers.

    Args:
        path: of the file, below the folder of the board.
        words: what it shows, in a few words.
        shown: all that it shows.
        unit: of the loss that curves show.
        points: what a reader is told of the dots of a `CostPlot`.
        values: of the curves.
    """

    path: str
    words: str
    shown: Curves | CostPlot
    unit: str = ""
    points: Sequence[str] = ()
    values: Table | None = None


@dataclass(frozen=True)
class Fold:
    """What a reader opens, or, where it stands `open`, may close."""

    name: str
    blocks: Sequence[Block]
    open: bool = False


@dataclass(frozen=True)
class Description:
    """Who an entry is."""

    entry: str
    name: Text
    standing: str
    text: Text


@dataclass(frozen=True)
class Descriptions:
    """A list of entries."""

    items: Sequence[Description]


@dataclass(frozen=True)
class Section:
    """A part of a page under its heading; a section on a task is named after it."""

    name: str
    blocks: Sequence[Block]
    task: bool = False


Block: TypeAlias = "Prose | Items | Table | Commands | Figure | Fold | Descriptions | Section"


@dataclass(frozen=True)
class Entrant:
    """An entry as all of a page refers to it: its track is "" for references, `style` that of its curves."""

    label: str
    track: str
    style: int

    @property
    def reference(self) -> bool:
        """Whether it is one of the references."""
        return not self.track


@dataclass(frozen=True)
class Document:
    """A page on a board.

    Args:
        board: name of its protocol, with its version.
        title: of the page.
        entrants: all entries of the board, in order of label.
        blocks: what the page says.
    """

    board: str
    version: int
    title: str
    entrants: Sequence[Entrant]
    blocks: Sequence[Block]

    def figures(self) -> Iterator[tuple[str, Figure]]:
        """All figures, each with the name of the section that it stands in."""
        for section in _sections(self.blocks):
            for block in section.blocks:
                if isinstance(block, Figure):
                    yield section.name, block


def _sections(blocks: Sequence[Block]) -> Iterator[Section]:
    for block in blocks:
        if isinstance(block, Section):
            yield block
            yield from _sections(block.blocks)
