"""Corpus: an immutable table of examples.

A corpus is a tuple of immutable *blocks* of rows and, if it was shuffled, the seed of its row order.
Concatenation and shuffling are lazy: a method that trains on everything so far costs nothing until
somebody reads the rows, and a learner can see which blocks were added since its last fit.
"""

from __future__ import annotations

import hashlib
import operator
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import NamedTuple

import torch

from .errors import PluginError
from .seeds import generator

REAL = 0
"""The origin of a real row; a synthetic row's origin is the generation that made it."""

EDITED = -1
"""Placeholder origin of rows that a method made or changed; the harness replaces it by the generation."""


class Block(NamedTuple):
    """Rows that never change. `weights` is float `[n]` or None (all one), `origin` one int or int16 `[n]`."""

    columns: dict[str, torch.Tensor]
    weights: torch.Tensor | None
    origin: int | torch.Tensor
    rows: int


class Corpus:
    """Equal-length tensor columns with optional row weights.

    Args:
        columns: name -> tensor `[n, ...]`; all of one length n.
        weights: float `[n]`, non-negative; None means every row counts 1.

    Raises:
        PluginError: no column, or columns of different lengths.
    """

    __slots__ = ("_blocks", "_buffer", "_order", "_plain", "_real_rows", "_rows", "_table")

    def __init__(self, columns: Mapping[str, torch.Tensor], weights: torch.Tensor | None = None) -> None:
        lengths = {column.shape[0] for column in columns.values()}
        if weights is not None:
            lengths.add(weights.shape[0])
        if len(lengths) != 1:
            raise PluginError(
                f"A corpus needs columns of one length, got lengths {sorted(lengths) or 'none'} of {list(columns)}.",
                "Give every column (and the weights) one entry per example.",
            )
        rows = lengths.pop()
        self._set((Block(dict(columns), weights, EDITED, rows),), None, rows, 0, plain=False)

    def _set(
        self,
        blocks: tuple[Block, ...],
        order: int | None,
        rows: int,
        real_rows: int,
        plain: bool,
        buffer: _Buffer | None = None,
    ) -> None:
        self._blocks, self._order, self._buffer = blocks, order, buffer
        self._rows, self._real_rows, self._plain = rows, real_rows, plain
        self._table: Block | None = blocks[0] if len(blocks) == 1 and order is None else None

    @classmethod
    def from_blocks(cls, blocks: Sequence[Block], order: int | None = None) -> Corpus:
        """A corpus over existing blocks; `order` seeds a permutation of all rows (None keeps their order)."""
        corpus = cls.__new__(cls)
        rows = sum([block.rows for block in blocks])
        real_rows = sum([_real_rows(block) for block in blocks])
        corpus._set(tuple(blocks), order, rows, real_rows, all(_is_plain(block) for block in blocks))
        return corpus

    # -- reading ---------------------------------------------------------------------------------

    def __len__(self) -> int:
        return self._rows

    def __getitem__(self, column: str) -> torch.Tensor:
        return self.table.columns[column]

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __repr__(self) -> str:
        shapes = ", ".join(f"{n}{list(c.shape[1:])}" for n, c in self._blocks[0].columns.items())
        return f"Corpus({len(self)} rows: {shapes})"

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns."""
        return tuple(self._blocks[0].columns)

    @property
    def columns(self) -> dict[str, torch.Tensor]:
        """Name -> tensor `[n, ...]`. Do not write into these tensors."""
        return dict(self.table.columns)

    @property
    def weights(self) -> torch.Tensor | None:
        """Row weights, float `[n]`, or None when every row counts 1."""
        return self.table.weights

    @property
    def weighted(self) -> bool:
        """Whether any row has a weight; does not read the rows."""
        return not self._plain and any(block.weights is not None for block in self._blocks)

    @property
    def plain(self) -> bool:
        """Whether all rows came from the harness as they are: no weights, known origins."""
        return self._plain

    @property
    def blocks(self) -> tuple[Block, ...]:
        """The immutable blocks behind this corpus, before any shuffling."""
        return self._blocks

    @property
    def order(self) -> int | None:
        """The seed of the row order, or None when the rows stand in block order."""
        return self._order

    @property
    def row_bytes(self) -> int:
        """Bytes of one row, over all columns."""
        return sum([c.element_size() * c.shape[1:].numel() for c in self._blocks[0].columns.values()])

    @property
    def table(self) -> Block:
        """All rows in order, as one block; gathered at the first call."""
        if self._table is None:
            ordered = self._order is not None
            self._table = _gathered(self._joined(), self._permutation()) if ordered else _joined(self._blocks)
        return self._table

    def added_since(self, previous: Corpus) -> Corpus | None:
        """The rows that this corpus has beyond `previous`, or None if it is not an extension of it."""
        known = len(previous._blocks)
        if len(self._blocks) <= known:
            return None
        if not all(map(operator.is_, self._blocks, previous._blocks)):
            return None
        return Corpus.from_blocks(self._blocks[known:])

    def real_share(self) -> float:
        """Share of rows that are real and unchanged (weighted, if rows have weights)."""
        if self.weighted:
            weights = self.table.weights
            assert weights is not None
            real = torch.as_tensor(_origins(self.table) == REAL)
            return float((weights * real).sum() / weights.sum())
        return self._real_rows / self._rows if self._rows else 0.0

    def digest(self) -> str:
        """SHA-256 over names, types, shapes, values, weights and origins."""
        sha = hashlib.sha256()
        for name, tensor in sorted(self.to_tensors().items()):
            sha.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\0".encode())
            sha.update(tensor.contiguous().numpy().tobytes())
        return sha.hexdigest()

    # -- making another corpus -------------------------------------------------------------------

    def select(self, rows: torch.Tensor) -> Corpus:
        """The rows at an index tensor `[k]` (int64, repeats allowed) or under a mask `[n]` (bool)."""
        if rows.dtype == torch.bool:
            return self._gather(rows.nonzero().squeeze(1))
        return self._gather(rows.remainder(self._rows) if bool((rows < 0).any()) else rows)

    def _gather(self, rows: torch.Tensor) -> Corpus:
        if self._table is None and self._order is not None:  # gather the chosen rows only
            block = _gathered(self._joined(), self._permutation().index_select(0, rows))
        else:
            block = _gathered(self.table, rows)
        gathered = Corpus.__new__(Corpus)
        gathered._set((block,), None, block.rows, _real_rows(block), self._plain)
        return gathered

    def _joined(self) -> Block:
        """All rows in block order, and perhaps more behind them, to gather from."""
        return _joined(self._blocks) if self._buffer is None else self._buffer.holding(self._blocks)

    def _permutation(self) -> torch.Tensor:
        assert self._order is not None
        return _permutation(self._rows, generator(self._order))

    def sample(
        self, k: int, rng: torch.Generator, replacement: bool = False, log_weights: torch.Tensor | None = None
    ) -> Corpus:
        """`k` rows drawn at random, without replacement unless asked.

        Args:
            k: how many.
            rng: the draws.
            replacement: whether a row may be drawn again.
            log_weights: float `[n]`; rows are drawn one after another in proportion to the exp of these, without
                replacement. None draws uniformly.

        Raises:
            PluginError: more rows asked for than there are, without replacement.
        """
        if replacement:
            return self._gather(torch.randint(len(self), (k,), generator=rng))
        if k > len(self):
            raise PluginError(
                f"Cannot draw {k} of {len(self)} rows without replacement.",
                "Draw at most len(corpus) rows, or pass replacement=True.",
            )
        if log_weights is not None:
            return self._gather(weighted_places(log_weights, k, rng))
        return self._gather(_permutation(len(self), rng)[:k])

    @staticmethod
    def concat(corpora: Sequence[Corpus]) -> Corpus:
        """All rows of all corpora, in their order; nothing is copied until the rows are read.

        Raises:
            PluginError: no corpus, or corpora of different columns, types or row shapes.
        """
        if not corpora:
            raise PluginError("Cannot concatenate no corpora.", "Pass at least one corpus.")
        plain = all(corpus._plain for corpus in corpora)  # from the harness, so of one task
        if not plain and len(schemas := {corpus.schema for corpus in corpora}) > 1:
            raise PluginError(f"Cannot concatenate corpora of different schemas: {sorted(map(str, schemas))}.")
        blocks = tuple(chain.from_iterable(corpus._in_order() for corpus in corpora))
        rows, real_rows = sum(c._rows for c in corpora), sum(c._real_rows for c in corpora)
        joined = Corpus.__new__(Corpus)
        joined._set(blocks, None, rows, real_rows, plain)
        return joined

    def extended(self, more: Corpus, most: int) -> Corpus:
        """These rows and more, as `concat` joins them, for a corpus that grows and is gathered from again and again.

        What is gathered comes from one buffer, to which each row is copied once, instead of from a new join each time.

        Args:
            more: rows that come after these.
            most: how many rows the corpus may have at last; a longer one does without a buffer.
        """
        longer = Corpus.concat([self, more])
        if longer._plain and longer._rows <= most:
            longer._buffer = self._buffer or _Buffer(longer._blocks[0], most)
        return longer

    def shuffled(self, seed: int) -> Corpus:
        """The same rows in an order drawn from `seed`; nothing is moved until the rows are read."""
        shuffled = Corpus.__new__(Corpus)
        buffer = self._buffer if self._order is None else None
        shuffled._set(self._in_order(), seed, self._rows, self._real_rows, self._plain, buffer)
        return shuffled

    def _in_order(self) -> tuple[Block, ...]:
        """Blocks that hold the rows in this corpus's order."""
        return self._blocks if self._order is None else (self.table,)

    def with_columns(self, **columns: torch.Tensor) -> Corpus:
        """This corpus with some columns replaced; rows whose values changed stop counting as real."""
        table = self.table
        changed = torch.zeros(table.rows, dtype=torch.bool)
        for name, column in columns.items():
            differs = column != table.columns[name]
            changed |= differs.reshape(table.rows, -1).any(1)
        origin = torch.where(changed, EDITED, _origins(table)).to(torch.int16)
        return Corpus.from_blocks((Block({**table.columns, **columns}, table.weights, origin, table.rows),))

    def with_weights(self, weights: torch.Tensor | None) -> Corpus:
        """This corpus with other row weights, float `[n]`."""
        if weights is not None and weights.shape != (len(self),):
            raise PluginError(f"Row weights must have shape ({len(self)},), got {tuple(weights.shape)}.")
        return Corpus.from_blocks((self.table._replace(weights=weights),))

    def with_origin(self, origin: int) -> Corpus:
        """This corpus with the hidden origin of all rows set."""
        if len(self._blocks) == 1:  # what a learner samples; this is in every generation's path
            block = self._blocks[0]
            corpus = Corpus.__new__(Corpus)
            stamped = Block(block.columns, block.weights, origin, block.rows)
            real_rows = block.rows if origin == REAL else 0
            corpus._set((stamped,), self._order, block.rows, real_rows, _is_plain(stamped))
            return corpus
        blocks = [Block(block.columns, block.weights, origin, block.rows) for block in self._blocks]
        return Corpus.from_blocks(blocks, self._order)

    def stamped(self, origin: int) -> Corpus:
        """This corpus with the hidden origin set where a method made or changed the row."""
        return Corpus.from_blocks([_stamped(block, origin) for block in self._blocks], self._order)

    # -- storage ---------------------------------------------------------------------------------

    @property
    def schema(self) -> tuple[tuple[str, torch.dtype, tuple[int, ...]], ...]:
        """Per column, in order of names: name, type and the shape of one row."""
        return tuple((n, c.dtype, tuple(c.shape[1:])) for n, c in sorted(self._blocks[0].columns.items()))

    def to_tensors(self) -> dict[str, torch.Tensor]:
        """The rows as named tensors, for safetensors; `from_tensors` reads them back."""
        block = self.table
        tensors = {f"column.{name}": column for name, column in block.columns.items()}
        if block.weights is not None:
            tensors["weights"] = block.weights
        tensors["origin"] = torch.as_tensor(block.origin, dtype=torch.int16)
        return tensors

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, torch.Tensor]) -> Corpus:
        """The inverse of `to_tensors`."""
        columns = {n.removeprefix("column."): t for n, t in sorted(tensors.items()) if n.startswith("column.")}
        origin = tensors["origin"]
        rows = len(next(iter(columns.values())))
        block = Block(columns, tensors.get("weights"), int(origin) if origin.dim() == 0 else origin, rows)
        return cls.from_blocks((block,))


class _Buffer:
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
            self._block.origin[start : self._filled] = block.origin  # type: ignore[index]
        if len(blocks) > len(self._blocks):
            self._blocks = blocks
        return self._block


def weighted_places(log_weights: torch.Tensor, k: int, rng: torch.Generator) -> torch.Tensor:
    """K places drawn one after another in proportion to exp(log_weights) without replacement, int64 `[k]`.

    They are those of the k largest sums of log weight and Gumbel noise (Kool et al., arXiv:1903.06059).
    """
    noise = -torch.empty_like(log_weights).exponential_(generator=rng).log()
    return (log_weights + noise).topk(k).indices


def _real_rows(block: Block) -> int:
    if isinstance(block.origin, int):
        return block.rows if block.origin == REAL else 0
    return block.rows - int(block.origin.count_nonzero())  # REAL is 0


def _is_plain(block: Block) -> bool:
    return block.weights is None and isinstance(block.origin, int) and block.origin != EDITED


def _permutation(rows: int, rng: torch.Generator) -> torch.Tensor:
    """A permutation of rows; half as wide as torch's default, which gives the same numbers more slowly."""
    return torch.randperm(rows, generator=rng, dtype=torch.int32 if rows < 2**31 else torch.int64)


def _origins(block: Block) -> torch.Tensor:
    return torch.as_tensor(block.origin, dtype=torch.int16).expand(block.rows)


def _weights(block: Block) -> torch.Tensor:
    return torch.ones(block.rows) if block.weights is None else block.weights


def _joined(blocks: Sequence[Block]) -> Block:
    if len(blocks) == 1:
        return blocks[0]
    columns = {name: torch.cat([b.columns[name] for b in blocks]) for name in blocks[0].columns}
    weighted = any(b.weights is not None for b in blocks)
    weights = torch.cat([_weights(b) for b in blocks]) if weighted else None
    return Block(columns, weights, _joined_origins(blocks), sum(b.rows for b in blocks))


def _joined_origins(blocks: Sequence[Block]) -> torch.Tensor:
    known = [b.origin for b in blocks if isinstance(b.origin, int)]
    if len(known) == len(blocks):
        rows = torch.tensor([b.rows for b in blocks])
        return torch.tensor(known, dtype=torch.int16).repeat_interleave(rows)
    return torch.cat([_origins(b) for b in blocks])


def _gathered(block: Block, rows: torch.Tensor) -> Block:
    columns = {name: column.index_select(0, rows) for name, column in block.columns.items()}
    weights = None if block.weights is None else block.weights.index_select(0, rows)
    origin = block.origin if isinstance(block.origin, int) else block.origin.index_select(0, rows)
    return Block(columns, weights, origin, len(rows))


def _stamped(block: Block, origin: int) -> Block:
    if isinstance(block.origin, int):
        return block._replace(origin=origin) if block.origin == EDITED else block
    if not bool((block.origin == EDITED).any()):
        return block
    stamped = torch.where(block.origin == EDITED, origin, block.origin).to(torch.int16)
    return block._replace(origin=stamped)
