"""Tables of a document for the terminal."""

from __future__ import annotations

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text as Words

from .document import Document, Mark, Picture, Plot, Text
from .document import Table as Source


def write(document: Document) -> list[Table]:
    """The tables of a document, references in italics."""
    references = {entrant.label for entrant in document.entrants if entrant.reference}
    return [_table(block, references) for block in document.blocks if isinstance(block, Source)]


def _table(source: Source, references: set[str]) -> Table:
    table = Table(title=Words(source.name), title_justify="left", box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for column in source.columns:
        table.add_column(words(column.heading), justify="right" if column.kind == "number" else "left", no_wrap=True)
    for row in source.rows:
        style = "italic dim" if row.entry in references else ""
        table.add_row(*(Words(words(cell.text)) for cell in row.cells), style=style)
    return table


def words(text: Text) -> str:
    """Text without markup."""
    if isinstance(text, tuple):
        return "".join(map(words, text))
    if isinstance(text, str):
        return text
    if isinstance(text, Mark):
        return text.sign
    return text.words if isinstance(text, Picture) else "" if isinstance(text, Plot) else text.text
