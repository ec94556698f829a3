"""A sheet of samples: one row of small pictures per generation, as PNG.

A PNG's bytes depend on the compression library, so a sheet carries the digests of its cell and of its pixels:
`shows` tells whether a file has to be written again, `belongs` whose it is.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from ..core.files import sha256
from ..core.task import Task

if TYPE_CHECKING:
    from ..core.corpus import Corpus

COLUMNS = 20
"""Pictures per generation."""

LEAST_SIDE = 28
"""Smaller pictures are enlarged, by a whole factor, to at least this many pixels."""

LEVELS = 16
"""Greys of a sheet: more make the file of a noisy picture several times as large."""

_GAP, _PAPER = 2, 102
_DIGEST = "collapsebench sheet"


def pictured(task: Task) -> bool:
    """Whether a task says how its examples look; known without any of them."""
    return type(task).pictures is not Task.pictures


def sheet_of(task: Task, history: Sequence[Corpus]) -> torch.Tensor | None:
    """A sheet of examples of D_0, S_1, ..., one row each.

    With a column `label` every class has columns of its own, which stay empty where it was lost, and shows its first
    examples there; otherwise a row shows the first examples.

    Args:
        task: draws its examples.
        history: the corpora.

    Returns:
        Grey levels, uint8 `[height, width]`; None if the task's examples are no pictures.
    """
    rows = []
    for corpus, places in zip(history, _places(history), strict=True):
        pictures = task.pictures(corpus.select(torch.tensor(list(places.values()), dtype=torch.int64)))
        if pictures is None:
            return None
        row = torch.full((COLUMNS, *pictures.shape[1:]), _PAPER, dtype=torch.uint8)
        row[list(places)] = _coarse(pictures)
        rows.append(row)
    return arranged(rows)


def _places(history: Sequence[Corpus]) -> list[dict[int, int]]:
    """For each corpus: column of the sheet -> the example that stands there."""
    if not all("label" in corpus.names and corpus["label"].dim() == 1 for corpus in history):
        return [{i: i for i in range(min(COLUMNS, len(corpus)))} for corpus in history]
    labels = [corpus["label"] for corpus in history]
    classes = sorted({label for column in labels for label in column.tolist()})[:COLUMNS]
    each = COLUMNS // len(classes)
    return [
        {
            place * each + i: row
            for place, label in enumerate(classes)
            for i, row in enumerate((column == label).nonzero().squeeze(1)[:each].tolist())
        }
        for column in labels
    ]


def _coarse(pictures: torch.Tensor) -> torch.Tensor:
    """The nearest of `LEVELS` evenly spaced greys, uint8 of the same shape."""
    step = 255 // (LEVELS - 1)
    return ((pictures.int() + step // 2) // step * step).to(torch.uint8)


def arranged(rows: Sequence[torch.Tensor]) -> torch.Tensor:
    """Rows of pictures of one size, uint8 `[n, height, width]` each, as one picture with gaps between them."""
    height, width = rows[0].shape[1:]
    scale = -(-LEAST_SIDE // min(height, width))
    tall, wide = scale * height + _GAP, scale * width + _GAP
    sheet = torch.full((len(rows) * tall + _GAP, max(map(len, rows)) * wide + _GAP), _PAPER, dtype=torch.uint8)
    for i, row in enumerate(rows):
        for j, picture in enumerate(row):
            enlarged = picture.repeat_interleave(scale, 0).repeat_interleave(scale, 1)
            top, left = i * tall + _GAP, j * wide + _GAP
            sheet[top : top + scale * height, left : left + scale * width] = enlarged
    return sheet


def png(sheet: torch.Tensor, cell: str) -> bytes:
    """A grey picture, uint8 `[height, width]`, as PNG with the digest of its cell; the same bytes each time."""
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    info.add_text(_DIGEST, f"{cell} {_digest(sheet)}")
    file = io.BytesIO()
    Image.fromarray(sheet.numpy()).save(file, "PNG", pnginfo=info, optimize=True)
    return file.getvalue()


def shows(path: Path, sheet: torch.Tensor, cell: str) -> bool:
    """Whether a file is the sheet of a cell with these pixels, whatever library compressed it."""
    return belongs(path, cell) and _digest(sheet).encode() in path.read_bytes()


def belongs(path: Path, cell: str | None = None) -> bool:
    """Whether a file is a sheet of this cell; of any, if none is named."""
    mark = f"{_DIGEST}\0" + ("" if cell is None else f"{cell} ")
    return path.is_file() and mark.encode() in path.read_bytes()


def _digest(sheet: torch.Tensor) -> str:
    return sha256(f"{tuple(sheet.shape)}".encode() + sheet.numpy().tobytes())
