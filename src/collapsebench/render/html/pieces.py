"""Pieces of HTML: plain text, links, and tables whose columns a script can sort and hide."""

from __future__ import annotations

import html
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...board.stats import Interval
from ..numbers import MISSING, measured
from ..words import standing_of_records

if TYPE_CHECKING:
    from ...board import Board, BoardTask, Entry

_PAPER = r'<a href="https://arxiv.org/abs/\1" rel="noreferrer">\g<0></a>'


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Args:
        title: HTML of its header.
        numeric: right-aligned figures.
        ascending: whether a first click on its header sorts upwards, as where less is better.
        task: the task that it is about, so that it is shown and hidden with it.
        about: a line on what it says.
    """

    title: str
    numeric: bool = True
    ascending: bool = False
    task: str = ""
    about: str = ""


@dataclass(frozen=True)
class Cell:
    """A cell of a table: HTML, and what it is sorted by; without that it comes last, whichever way."""

    html: str
    value: float | str | None = None
    kind: str = ""
    header: bool = False


@dataclass(frozen=True)
class Row:
    """A row of a table, and what it is about."""

    cells: Sequence[Cell]
    entry: int | None = None
    track: str = ""
    task: str = ""
    reference: bool = False


def plain(text: str) -> str:
    """Plain text in HTML, attributes included: nothing in it is markup."""
    return html.escape(" ".join(text.split()))


def slug(*parts: str) -> str:
    """An id: letters, digits and hyphens."""
    return "-".join(re.sub(r"[^A-Za-z0-9]+", "-", part).strip("-") for part in parts)


def place(board: Board, *parts: str) -> str:
    """The id of a part of a board."""
    return slug(board.protocol.name, *parts)


def papers(text: str) -> str:
    """Plain text in which arXiv numbers are links."""
    return re.sub(r"arXiv:(\d{4}\.\d{4,5})", _PAPER, plain(text))


def element(tag: str, content: str, kind: str = "") -> str:
    """`<tag class="kind">content</tag>`, or nothing where there is no content."""
    return f"<{tag}{_attributes({'class': kind})}>{content}</{tag}>" if content else ""


def bullets(lines: Sequence[str], kind: str = "") -> str:
    """A list, or nothing."""
    return element("ul", "\n".join(f"<li>{line}</li>" for line in lines), kind)


def folded(summary: str, content: str) -> str:
    """What a reader opens, or nothing."""
    return f"<details><summary>{summary}</summary>\n{content}\n</details>" if content else ""


def badge(entry: Entry) -> str:
    """A mark for records that were verified or are stale; what is self-reported has none."""
    words = {"verified": "✓ verified", "stale": "stale"}
    standing = standing_of_records(entry)
    return f' <span class="badge {standing}">{words[standing]}</span>' if standing else ""


def name_cell(board: Board, entry: Entry, extra: str = "") -> Cell:
    """An entry's label with a link to its description; references in italics."""
    words = re.sub("([_(,=])", r"\1<wbr>", plain(entry.label))
    link = f'<a href="#{place(board, "entry", entry.label)}">{words}</a>'
    dagger = ' <abbr title="some cells ran on another machine than their references">†</abbr>'
    shown = element("em", link) if entry.reference else link
    marks = (dagger if board.across_machines(entry) else "") + extra
    return Cell(f'<span class="who">{shown}{marks}</span>', entry.label.lower(), header=True)


def entry_row(board: Board, entry: Entry, cells: Sequence[Cell], order: Sequence[str]) -> Row:
    """A row about an entry, which goes when its track or the entry is filtered out; `order` has the labels of all."""
    track = "" if entry.reference else entry.track
    return Row([name_cell(board, entry), *cells], order.index(entry.label), track, reference=entry.reference)


def task_cell(board: Board, task: BoardTask) -> Cell:
    """A task's name with a link to its section."""
    link = f'<a href="#{place(board, "task", task.name)}">{plain(task.name)}</a>'
    return Cell(link if task.primary else plain(task.name), task.name, header=True)


def interval_cell(interval: Interval) -> Cell:
    """`mean ± half-width`, sorted by its mean; the half-width stands back."""
    mean, _, half_width = measured(interval).partition(" ± ")
    if not math.isfinite(interval.centre):
        return Cell(mean, None, "pair missing")
    return Cell(f"{mean} <small>± {half_width}</small>" if half_width else mean, interval.centre, "pair")


def number_cell(text: str, value: float | None) -> Cell:
    """A number as it is to be read, sorted by what it is."""
    known = value is not None and math.isfinite(value) and text != MISSING
    return Cell(text, value if known else None, "" if known else "missing")


def table(caption: str, columns: Sequence[Column], rows: Iterable[Row], kind: str = "") -> str:
    """A table in a box of its own that scrolls; `caption` is HTML."""
    head = "".join(_header(column) for column in columns)
    body = "\n".join(_row(columns, row) for row in rows)
    words = re.sub(r"<[^>]*>", "", caption)
    return (
        f'<div class="scroll" role="region" aria-label="{words}" tabindex="0">\n<table{_attributes({"class": kind})}>'
        f"<caption><span>{caption}</span></caption>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>"
    )


def _header(column: Column) -> str:
    attributes = {
        "class": "number" if column.numeric else "",
        "data-task": column.task,
        "data-first": "ascending" if column.ascending or not column.numeric else "descending",
        "title": column.about,
    }
    return f'<th scope="col"{_attributes(attributes)}>{column.title}</th>'


def _row(columns: Sequence[Column], row: Row) -> str:
    attributes = {
        "class": "reference" if row.reference else "",
        "data-entry": "" if row.entry is None else str(row.entry),
        "data-track": row.track,
        "data-task": row.task,
    }
    cells = "".join(_cell(column, cell) for column, cell in zip(columns, row.cells, strict=True))
    return f"<tr{_attributes(attributes)}>{cells}</tr>"


def _cell(column: Column, cell: Cell) -> str:
    value = f"{cell.value:.6g}" if isinstance(cell.value, float) else "" if cell.value is None else str(cell.value)
    kind = " ".join(filter(None, ("number" if column.numeric else "", cell.kind)))
    attributes = _attributes({"class": kind, "data-task": column.task, "data-value": value})
    return f'<th scope="row"{attributes}>{cell.html}</th>' if cell.header else f"<td{attributes}>{cell.html}</td>"


def _attributes(values: dict[str, str]) -> str:
    """Attributes that are not empty, their values as plain text."""
    return "".join(f' {name}="{html.escape(value)}"' for name, value in values.items() if value)
