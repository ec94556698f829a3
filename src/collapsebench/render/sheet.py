"""A sheet of samples: one row of small pictures per generation, as PNG.

A PNG's bytes depend on the compression library, so a sheet carries the digest of its pixels: `shows` tells
whether a file has to be written again.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import torch

if TYPE_CHECKING:
    from ..corpus import Corpus

COLUMNS = 20
"""Pictures per generation."""

LEAST_SIDE = 28
"""Smaller pictures are enlarged, by a whole factor, to at least this many pixels."""

_GAP, _PAPER = 2, 96
_DIGEST = "collapsebench sheet"


@runtime_checkable
class Pictured(Protocol):
    """A task whose examples are pictures."""

    def pictures(self, corpus: Corpus) -> torch.Tensor:
        """Each example in grey levels 0..255, uint8 `[n, height, width]`."""


def sheet_of(task: Pictured, history: Sequence[Corpus]) -> torch.Tensor:
    """A sheet of the first examples of D_0, S_1, ..., in order of their labels so that a lost class is seen.

    Args:
        task: draws its examples.
        history: corpora with a column `label`, one per row of the sheet.

    Returns:
        Grey levels, uint8 `[height, width]`.
    """
    few = [corpus.select(torch.arange(min(COLUMNS, len(corpus)))) for corpus in history]
    ordered = [corpus.select(corpus["label"].argsort(stable=True)) for corpus in few]
    return arranged([task.pictures(corpus) for corpus in ordered])


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


def png(sheet: torch.Tensor) -> bytes:
    """A grey picture, uint8 `[height, width]`, as PNG; the same bytes each time."""
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    info.add_text(_DIGEST, _digest(sheet))
    file = io.BytesIO()
    Image.fromarray(sheet.numpy()).save(file, "PNG", pnginfo=info, optimize=True)
    return file.getvalue()


def shows(path: Path, sheet: torch.Tensor) -> bool:
    """Whether a file is a sheet with these pixels, whatever library compressed it."""
    return path.is_file() and _digest(sheet).encode() in path.read_bytes()


def _digest(sheet: torch.Tensor) -> str:
    return hashlib.sha256(f"{tuple(sheet.shape)}".encode() + sheet.numpy().tobytes()).hexdigest()
