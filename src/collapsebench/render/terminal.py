"""Tables of a document for the terminal."""

from __future__ import annotations

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from ..board.columns import TEXT
from . import document as doc


def write(document: doc.Document) -> list[Table]:
    """The tables of a document, references in italics."""
    return [_table(block) for block in document.blocks if isinstance(block, doc.Table)]


def _table(source: doc.Table) -> Table:
    table = Table(title=Text(source.name), title_justify="left", box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for column in source.columns:
        table.add_column(Text(column.heading), justify="left" if column.format in TEXT else "right", no_wrap=True)
    for row in source.rows:
        style = "italic dim" if row.entry and row.entry.reference else ""
        table.add_row(*(Text(words(cell.text)) for cell in row.cells), style=style)
    return table


def words(text: doc.Text) -> str:
    """Text without markup."""
    if isinstance(text, tuple):
        return "".join(map(words, text))
    return text if isinstance(text, str) else text.text
