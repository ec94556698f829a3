"""Block: rows that never change, the stuff that corpora are made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch

REAL = 0
"""The origin of a real row; a synthetic row's origin is the generation that made it."""

EDITED = -1
"""The origin of rows that a method made or changed, and the label of rows that the harness does not know yet."""


class Block(NamedTuple):
    """Rows that never change. `weights` is float `[n]` or None (all one), `labels` one int or an int tensor `[n]`.

    Labels are origins (one int, or int16) on the harness's side and tickets (int64) on a method's.
    """

    columns: dict[str, torch.Tensor]
    weights: torch.Tensor | None
    labels: int | torch.Tensor
    rows: int


def is_plain(block: Block) -> bool:
    """Whether the rows have no weights, and origins for labels."""
    labels = block.labels
    known = labels != EDITED if isinstance(labels, int) else labels.dtype == torch.int16
    return block.weights is None and known


def labels_of(block: Block) -> torch.Tensor:
    """The label of each row, `[n]`."""
    labels = block.labels
    return torch.tensor(labels, dtype=torch.int16).expand(block.rows) if isinstance(labels, int) else labels


def permutation(rows: int, rng: torch.Generator) -> torch.Tensor:
    """A permutation of rows; half as wide as torch's default, which gives the same numbers more slowly."""
    return torch.randperm(rows, generator=rng, dtype=torch.int32 if rows < 2**31 else torch.int64)


def joined(blocks: Sequence[Block]) -> Block:
    """The rows of all blocks, in their order."""
    if len(blocks) == 1:
        return blocks[0]
    columns = {name: torch.cat([b.columns[name] for b in blocks]) for name in blocks[0].columns}
    weighted = any(b.weights is not None for b in blocks)
    weights = torch.cat([_weights(b) for b in blocks]) if weighted else None
    return Block(columns, weights, _joined_labels(blocks), sum(b.rows for b in blocks))


def gathered(block: Block, rows: torch.Tensor) -> Block:
    """The rows at an index `[k]`, copied."""
    columns = {name: column.index_select(0, rows) for name, column in block.columns.items()}
    weights = None if block.weights is None else block.weights.index_select(0, rows)
    labels = block.labels if isinstance(block.labels, int) else block.labels.index_select(0, rows)
    return Block(columns, weights, labels, len(rows))


def _weights(block: Block) -> torch.Tensor:
    return torch.ones(block.rows) if block.weights is None else block.weights


def _joined_labels(blocks: Sequence[Block]) -> torch.Tensor:
    known = [b.labels for b in blocks if isinstance(b.labels, int)]
    if len(known) == len(blocks):
        rows = torch.tensor([b.rows for b in blocks])
        return torch.tensor(known, dtype=torch.int16).repeat_interleave(rows)
    return torch.cat([labels_of(b) for b in blocks])
