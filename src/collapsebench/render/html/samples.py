"""What the data of a task with pictures looked like, generation by generation."""

from __future__ import annotations

import base64
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from .pieces import Cell, Column, entry_row, plain, table

if TYPE_CHECKING:
    from ...board import Board, BoardTask, Entry


def samples(board: Board, task: BoardTask, entries: Sequence[Entry], order: Sequence[str]) -> str:
    """A table of the sheets, references first; nothing where there are none."""
    rows = [
        entry_row(board, entry, [Cell(_image(path, f"{entry.label}, one row per generation"))], order)
        for entry, path in board.sheets_of(task, entries)
    ]
    scope = "The first row is real, the next what generation 0 drew, and so on; seed 0."
    caption = f'{plain(task.name)}: samples by generation <span class="scope">{scope}</span>'
    return table(caption, [Column("entry", numeric=False), Column("samples", numeric=False)], rows) if rows else ""


def _image(path: Path, words: str) -> str:
    """The picture itself, not its address: the page has to stand alone. Its size keeps the table from jumping."""
    content = path.read_bytes()
    width, height = struct.unpack(">II", content[16:24])  # the header chunk, which always comes first
    address = f"data:image/png;base64,{base64.b64encode(content).decode()}"
    return f'<img src="{address}" width="{width}" height="{height}" alt="{plain(words)}" loading="lazy">'
