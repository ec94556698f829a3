"""Sheets of samples beside a board's pages: one PNG for every task with pictures and entry, of the first seed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ..core.files import sha256, write_atomic
from .sheet import belongs, png, shows

if TYPE_CHECKING:
    import torch

    from ..board import Entry

FOLDER, SEED = "samples", 0
_LONGEST = 80


class Sheet(NamedTuple):
    """What a cell's data looked like by generation; `cell` is the cell's digest, `pixels` uint8 `[height, width]`."""

    task: str
    label: str
    cell: str
    pixels: torch.Tensor


def sheet_name(task: str, label: str) -> str:
    """`digits-replace.png`, `digits-tempered-temperature-0.8-<digest>.png`: the words of task and entry.

    A digest keeps apart what words alone do not.
    """
    words = re.sub(r"[^A-Za-z0-9_.]+", "-", f"{task}-{label}").strip("-")
    if re.fullmatch(r"[A-Za-z0-9_]+", task) and words == f"{task}-{label}" and len(words) <= _LONGEST:
        return f"{words}.png"
    digest = sha256("\0".join((task, label)).encode())
    return f"{words[:_LONGEST]}-{digest[:8]}.png"


def write_sheets(folder: Path, sheets: Iterable[Sheet]) -> None:
    """Write the sheets of a board whose pixels or cells changed.

    Raises:
        StoreError: a file cannot be written.
    """
    for sheet in sheets:
        path = folder / FOLDER / sheet_name(sheet.task, sheet.label)
        if not shows(path, sheet.pixels, sheet.cell):
            write_atomic(path, png(sheet.pixels, sheet.cell))


def find_sheets(folder: Path, entries: Iterable[Entry]) -> dict[tuple[str, str], Path]:
    """(task, label) -> file, for every cell that is done and whose sheet is there."""
    found = {}
    for entry in entries:
        for (task, seed), result in entry.cells.items():
            path = folder / FOLDER / sheet_name(task, entry.label)
            if seed == SEED and result.cell.status == "done" and belongs(path, result.cell.cell):
                found[task, entry.label] = path
    return found


def stray_sheets(folder: Path, known: Mapping[tuple[str, str], Path]) -> list[Path]:
    """Sheets in the folder of cells that the board does not have."""
    kept = set(known.values())
    return [path for path in sorted((folder / FOLDER).glob("*.png")) if path not in kept and belongs(path)]
