"""Ledger: rows that were handed out, found by their content."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import blake2b

import numpy as np
import torch

from ..core.block import REAL, Block, labels_of


class Ledger:
    """Content of a row -> its origin and its number; of equal rows the first real one counts, then the first.

    Attributes:
        covered: how many blocks it holds.
    """

    def __init__(self) -> None:
        self._rows: dict[bytes, tuple[int, int]] = {}
        self.covered = 0

    def add(self, block: Block, numbers: Iterable[int] | None) -> None:
        """Rows with origins for labels, and the number of each; None numbers them by content."""
        self.covered += 1
        keys = contents(block)
        numbers = map(number_of, keys) if numbers is None else numbers
        for content, origin, number in zip(keys, labels_of(block).tolist(), numbers, strict=True):
            if content not in self._rows or (origin == REAL and self._rows[content][0] != REAL):
                self._rows[content] = origin, number

    def find(self, content: bytes) -> tuple[int, int] | None:
        """Origin and number of a row with this content."""
        return self._rows.get(content)


def found(content: bytes, ledgers: Sequence[Ledger]) -> tuple[int, int] | None:
    """Origin and number of a row by content, a real one if there is one; None if nobody handed such a row out."""
    rows = [row for ledger in ledgers if (row := ledger.find(content)) is not None]
    return min(rows, key=lambda row: row[0] != REAL, default=None)


def number_of(content: bytes) -> int:
    """A number below 0, for a row that the harness did not make."""
    return -1 - (int.from_bytes(content[:8], "big") >> 1)


def contents(block: Block) -> list[bytes]:
    """A digest of each row's values, the same for equal values."""
    rows = block.rows
    parts = [_bytes(column.reshape(rows, -1)) for _, column in sorted(block.columns.items())]
    return [blake2b(row, digest_size=16).digest() for row in np.concatenate(parts, 1)]


def _bytes(values: torch.Tensor) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    unsigned_zero = values + 0.0 if values.is_floating_point() else values
    return unsigned_zero.contiguous().view(torch.uint8).numpy()
