"""Sheets of samples beside a board's pages: one PNG for every setting with pictures and entry, of the first seed."""

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

    setting: str
    label: str
    cell: str
    pixels: torch.Tensor


def sheet_name(setting: str, label: str) -> str:
    """`digits-preserve-replace.png`, `digits-preserve-tempered-temperature-0.8-<digest>.png`: the words of both.

    A digest keeps apart what words alone do not.
    """
    words = re.sub(r"[^A-Za-z0-9_.]+", "-", f"{setting}-{label}").strip("-")
    plain = re.fullmatch(r"\w+/\w+", setting, re.ASCII) and words == f"{setting.replace('/', '-')}-{label}"
    if plain and len(words) <= _LONGEST:
        return f"{words}.png"
    digest = sha256("\0".join((setting, label)).encode())
    return f"{words[:_LONGEST]}-{digest[:8]}.png"


def write_sheets(folder: Path, sheets: Iterable[Sheet]) -> None:
    """Write the sheets of a board whose pixels or cells changed.

    Raises:
        StoreError: a file cannot be written.
    """
    for sheet in sheets:
        path = folder / FOLDER / sheet_name(sheet.setting, sheet.label)
        if not shows(path, sheet.pixels, sheet.cell):
            write_atomic(path, png(sheet.pixels, sheet.cell))


def find_sheets(folder: Path, entries: Iterable[Entry]) -> dict[tuple[str, str], Path]:
    """(setting, label) -> file, for every cell that is done and whose sheet is there."""
    found = {}
    for entry in entries:
        for (setting, seed), result in entry.cells.items():
            path = folder / FOLDER / sheet_name(setting, entry.label)
            if seed == SEED and result.cell.status == "done" and belongs(path, result.cell.cell):
                found[setting, entry.label] = path
    return found


def stray_sheets(folder: Path, known: Mapping[tuple[str, str], Path]) -> list[Path]:
    """Sheets in the folder of cells that the board does not have."""
    kept = set(known.values())
    return [path for path in sorted((folder / FOLDER).glob("*.png")) if path not in kept and belongs(path)]
