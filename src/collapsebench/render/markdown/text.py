"""Pieces of Markdown: blocks, tables, lists, plain text, links and footnotes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tabulate import tabulate

if TYPE_CHECKING:
    from ...board import Board, BoardTask, Entry


class Footnotes:
    """Numbered notes under a table; the same words keep their number."""

    def __init__(self) -> None:
        self._notes: list[str] = []

    def mark(self, note: str) -> str:
        """The number that leads to a note."""
        if note not in self._notes:
            self._notes.append(note)
        return f"<sup>{self._notes.index(note) + 1}</sup>"

    def __str__(self) -> str:
        return "<br>\n".join(f"{self.mark(note)} {note}." for note in self._notes)


def blocks(*parts: str) -> str:
    """Blocks a blank line apart, without those that have nothing to say."""
    return "\n\n".join(filter(None, parts))


def table(header: Sequence[str], rows: Sequence[Sequence[str]], left: int, right: int | None = None) -> str:
    """A Markdown table: `left` columns of text, then `right` columns of numbers (all, by default), then text."""
    numbers = len(header) - left if right is None else right
    align = ["left"] * left + ["right"] * numbers + ["left"] * (len(header) - left - numbers)
    return tabulate(rows, header, tablefmt="pipe", colalign=align, disable_numparse=True)


def bullets(lines: Sequence[str]) -> str:
    """A list."""
    return "\n".join(f"- {line}" for line in lines)


_MARKUP = re.compile(
    r"[\\|*<>\[\]`&$~@]"  # code, links, HTML and its entities, formulas, tables
    r"|(?<![^\W_])_|_(?![^\W_])"  # emphasis, which an underscore inside a word does not begin
    r"|(?<=:)/(?=/)|(?<=\bwww)\."  # addresses, which would become links by themselves
    r"|^[#+=-]|(?<=^\d)[.)]"  # headings, rules and lists at the start
)


def plain(text: str) -> str:
    """Plain text in Markdown: nothing in it ends a table cell, starts markup, becomes a link or turns the line."""
    printable = "".join(c if c.isprintable() else " " for c in text)
    return _MARKUP.sub(r"\\\g<0>", " ".join(printable.split()))


def code(text: str) -> str:
    """Text as code; a backtick in it would end it."""
    return f"`{' '.join(text.split()).replace('`', chr(39))}`"


def linked(board: Board, entry: Entry) -> str:
    """An entry's label with a link to its description; references in italics."""
    link = f"[{plain(entry.label)}](#{anchor(entry)})"
    dagger = " †" if board.across_machines(entry) else ""
    return (f"*{link}*" if entry.reference else link) + dagger


def anchor(entry: Entry) -> str:
    """The name of the place where an entry is described."""
    return "entry-" + re.sub(r"[^A-Za-z0-9]", "-", entry.label)


def task_link(task: BoardTask) -> str:
    """A task's name with a link to its section."""
    return f"[{plain(task.name)}](#{task.name})"
