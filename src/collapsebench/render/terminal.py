"""Documents for the terminal: words are wrapped, a table that is too wide loses its intervals, or is cut in parts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from rich.box import SIMPLE_HEAD
from rich.console import Console, RenderableType
from rich.measure import Measurement
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ..board.columns import TEXT
from . import document as doc

_STYLES: Mapping[doc.Style, str] = {
    "strong": "bold",
    "best": "bold",
    "emphasis": "italic",
    "small": "dim",
    "aside": "dim",
}


def show(document: doc.Document) -> None:
    """Print a document; a terminal too narrow even for a table in brief wraps its lines rather than its figures."""
    console = Console()
    for block in _blocks(document.blocks, console):
        needed = Measurement.get(console, console.options.update(max_width=1000), block).maximum
        Console(width=max(console.width, needed if isinstance(block, Table) else 0)).print(block)


def write(document: doc.Document, console: Console) -> list[RenderableType]:
    """What is printed of a document: its words, its lists and its tables, references in italics."""
    return list(_blocks(document.blocks, console))


def _blocks(blocks: Sequence[doc.Block], console: Console) -> Iterator[RenderableType]:
    for block in blocks:
        match block:
            case doc.Section():
                yield from _blocks(block.blocks, console)
            case doc.Prose():
                yield _text(block.text)
            case doc.Items():
                yield from (Padding(Text("- ") + _text(item), (0, 0, 0, 2)) for item in block.items)
            case doc.Table():
                yield from _fitting(block, console)


def _fitting(source: doc.Table, console: Console) -> Iterator[Table]:
    """A table as it fits: whole, without what is small, or in a part for each question."""

    def fits(table: Table) -> bool:
        return Measurement.get(console, console.options.update(max_width=1000), table).maximum <= console.width

    whole, brief = _table(source), _table(source, brief=True)
    if fits(whole):
        yield whole
    elif fits(brief) or not source.overview:
        yield brief
    else:
        yield from (_table(part, brief=True) for part in _parts(source))


def _parts(source: doc.Table) -> Iterator[doc.Table]:
    """The columns of each question, and then those that are of none, with the rows that say something there."""
    places: dict[str, list[int]] = {}
    for place, column in enumerate(source.columns[1:], start=1):
        places.setdefault(column.heading.partition(", ")[0] if column.page else "", []).append(place)
    for own in places.values():
        columns = [source.columns[place] for place in (0, *own)]
        asked = (row for row in source.rows if any(words(row.cells[place].text) for place in own))
        rows = [replace(row, cells=[row.cells[place] for place in (0, *own)]) for row in asked]
        yield replace(source, columns=columns, rows=rows)


def _table(source: doc.Table, brief: bool = False) -> Table:
    table = Table(title=Text(source.name), title_justify="left", box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for column in source.columns:
        heading = column.heading.replace(", ", ",\n") if source.overview else column.heading
        table.add_column(Text(heading), justify="left" if column.format in TEXT else "right", no_wrap=True)
    for row in source.rows:
        style = "italic dim" if row.entry and row.entry.reference else ""
        table.add_row(*(_text(cell.text, brief) for cell in row.cells), style=style)
    return table


def _text(text: doc.Text, brief: bool = False) -> Text:
    """Text in its styles; `brief` without what is small."""
    if isinstance(text, tuple):
        return Text().join(_text(part, brief) for part in text)
    if isinstance(text, str):
        return Text(text)
    if brief and text.style == "small":
        return Text()
    return Text(words(text.text), style=_STYLES.get(text.style, ""))


def words(text: doc.Text) -> str:
    """Text without markup."""
    if isinstance(text, tuple):
        return "".join(map(words, text))
    return text if isinstance(text, str) else text.text
