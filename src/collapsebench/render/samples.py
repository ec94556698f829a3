"""Sheets of samples beside a board's pages: one file for every setting with pictures or texts and entry, of seed 0.

Pictures are a PNG, texts a JSON file of a few lines per generation. They come from a store, which a board is read
without: so they lie beside the records, and each names its cell.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ..core.files import sha256, write_atomic
from .sheet import belongs, png, shows

if TYPE_CHECKING:
    import torch

    from ..board import Entry
    from ..core.records import CellRecord, WorldRecord

FOLDER, SEED = "samples", 0
_LONGEST = 80

LINE, LINES, MOST_LINES = 160, 200, 6
"""Characters of a text that are shown; so many texts of a generation as stay below the second, two at least, six at
most: sums are short, stories are not."""


class Sheet(NamedTuple):
    """What a cell's data looked like by generation; `cell` is the cell's digest, `pixels` uint8 `[height, width]`."""

    setting: str
    label: str
    cell: str
    pixels: torch.Tensor


class Texts(NamedTuple):
    """The same of texts: what stands in `generations` are a few of D_0, of what arrived at t = 1, and so on."""

    setting: str
    label: str
    cell: str
    generations: tuple[tuple[str, ...], ...]


def excerpts(texts: Sequence[str]) -> tuple[str, ...]:
    """The beginnings of the first few texts, on one line each."""
    short: list[str] = []
    for text in texts[:MOST_LINES]:
        line = " ".join(text.split())
        line = line if len(line) <= LINE else f"{line[: LINE - 1].rstrip()}…"
        if len(short) >= 2 and sum(map(len, short)) + len(line) > LINES:
            break
        short.append(line)
    return tuple(short)


def in_sight(world: WorldRecord) -> list[str]:
    """The two references whose samples tell what happened: `frozen`, and the floor, or the ceiling where it is that."""
    return list(dict.fromkeys(("frozen", world.floor, world.ceiling)))[:2]


def kept(cell: CellRecord) -> bool:
    """Whether a cell has a sheet: all in `preserve`, those in sight elsewhere; hundreds would weigh megabytes."""
    return cell.seed == SEED and (cell.world.question == "preserve" or cell.method.label in in_sight(cell.world))


def sheet_name(setting: str, label: str, suffix: str = "png") -> str:
    """`digits-preserve-replace.png`, `digits-preserve-tempered-temperature-0.8-<digest>.png`: the words of both.

    A digest keeps apart what words alone do not.
    """
    words = re.sub(r"[^A-Za-z0-9_.]+", "-", f"{setting}-{label}").strip("-")
    plain = re.fullmatch(r"\w+/\w+", setting, re.ASCII) and words == f"{setting.replace('/', '-')}-{label}"
    if plain and len(words) <= _LONGEST:
        return f"{words}.{suffix}"
    digest = sha256("\0".join((setting, label)).encode())
    return f"{words[:_LONGEST]}-{digest[:8]}.{suffix}"


def write_sheets(folder: Path, sheets: Iterable[Sheet | Texts]) -> None:
    """Write the sheets of a board whose pixels, texts or cells changed.

    Raises:
        StoreError: a file cannot be written.
    """
    for sheet in sheets:
        if isinstance(sheet, Texts):
            path = folder / FOLDER / sheet_name(sheet.setting, sheet.label, "json")
            content = {"cell": sheet.cell, "generations": sheet.generations}
            write_atomic(path, (json.dumps(content, ensure_ascii=False, indent=1) + "\n").encode("utf-8", "replace"))
            continue
        path = folder / FOLDER / sheet_name(sheet.setting, sheet.label)
        if not shows(path, sheet.pixels, sheet.cell):
            write_atomic(path, png(sheet.pixels, sheet.cell))


def find_sheets(folder: Path, entries: Iterable[Entry]) -> dict[tuple[str, str], Path]:
    """(setting, label) -> file, for every cell that is done and whose sheet of pictures is there."""
    found = {}
    for place, cell in _shown(entries).items():
        if belongs(path := folder / FOLDER / sheet_name(*place), cell):
            found[place] = path
    return found


def find_texts(folder: Path, entries: Iterable[Entry]) -> dict[tuple[str, str], Texts]:
    """(setting, label) -> its texts, for every cell that is done and whose texts are there."""
    found = {}
    for place, cell in _shown(entries).items():
        if (texts := read_texts(folder / FOLDER / sheet_name(*place, "json"))) and texts[0] == cell:
            found[place] = Texts(*place, *texts)
    return found


def _shown(entries: Iterable[Entry]) -> dict[tuple[str, str], str]:
    """(setting, label) -> digest of the cell of seed 0, if it is done."""
    return {
        (setting, entry.label): result.cell.cell
        for entry in entries
        for (setting, seed), result in entry.cells.items()
        if seed == SEED and result.cell.status == "done"
    }


def read_texts(path: Path) -> tuple[str, tuple[tuple[str, ...], ...]] | None:
    """The cell's digest and the texts by generation; None where the file is no sheet of texts."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        cell, generations = content["cell"], content["generations"]
        return str(cell), tuple(tuple(map(str, texts)) for texts in generations)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def stray_sheets(folder: Path, known: Mapping[tuple[str, str], Path], texts: Iterable[tuple[str, str]]) -> list[Path]:
    """Sheets in the folder of cells that the board does not have; `known` and `texts` are those of cells it has."""
    kept = {*known.values(), *(folder / FOLDER / sheet_name(*place, "json") for place in texts)}
    paths = sorted(path for path in (folder / FOLDER).glob("*") if path not in kept)
    return [path for path in paths if belongs(path) or (path.suffix == ".json" and read_texts(path))]
