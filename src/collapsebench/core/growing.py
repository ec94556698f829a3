"""The growing buffer: one copy of rows that a corpus gains from generation to generation."""

from __future__ import annotations

import operator

import torch

from .block import Block


class Buffer:
    """The joined rows of corpora that extend one another: a cache, whose content any of them may replace.

    Args:
        like: a block of such rows.
        most: rows of the longest corpus; memory that no row fills is never touched.
    """

    __slots__ = ("_block", "_blocks", "_filled")

    def __init__(self, like: Block, most: int) -> None:
        columns = {name: column.new_empty((most, *column.shape[1:])) for name, column in like.columns.items()}
        self._block = Block(columns, None, torch.empty(most, dtype=torch.int16), most)
        self._blocks: tuple[Block, ...] = ()
        self._filled = 0

    def holding(self, blocks: tuple[Block, ...]) -> Block:
        """A block that begins with the rows of these plain ones."""
        if not all(map(operator.is_, self._blocks, blocks)):
            self._blocks, self._filled = (), 0
        for block in blocks[len(self._blocks) :]:
            start, self._filled = self._filled, self._filled + block.rows
            for name, column in self._block.columns.items():
                column[start : self._filled] = block.columns[name]
            self._block.labels[start : self._filled] = block.labels  # type: ignore[index]
        if len(blocks) > len(self._blocks):
            self._blocks = blocks
        return self._block
