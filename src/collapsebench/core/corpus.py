"""Corpus: an immutable table of examples.

A corpus is a tuple of immutable *blocks* of rows and, if it was shuffled, the seed of its row order.
Concatenation and shuffling are lazy: a method that trains on everything so far costs nothing until
somebody reads the rows, and a learner can see which blocks were added since its last fit.

Rows carry labels, which every operation takes along without knowing what they mean. The harness labels rows with
their origin. What it hands to a method bears tickets instead, from which only the harness can tell what a row is.
"""

from __future__ import annotations

import hashlib
import operator
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, islice

import torch

from .block import EDITED, REAL, Block, gathered, is_plain, joined, labels_of, permutation
from .errors import PluginError
from .growing import Buffer
from .seeds import generator

_SHOWN = 8
"""Columns that messages name."""


class Corpus:
    """Equal-length tensor columns with optional row weights.

    Args:
        columns: name -> tensor `[n, ...]`; all of one length n.
        weights: float `[n]`, non-negative; None means every row counts 1.

    Raises:
        PluginError: no column, or columns of different lengths.
    """

    __slots__ = ("_blocks", "_buffer", "_order", "_plain", "_rows", "_table")

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
        self._set((Block(dict(columns), weights, EDITED, rows),), None, rows, plain=False)

    def _set(
        self,
        blocks: tuple[Block, ...],
        order: int | None,
        rows: int,
        plain: bool,
        buffer: Buffer | None = None,
    ) -> None:
        self._blocks, self._order, self._buffer = blocks, order, buffer
        self._rows, self._plain = rows, plain
        self._table: Block | None = blocks[0] if len(blocks) == 1 and order is None else None

    # -- reading ---------------------------------------------------------------------------------

    def __len__(self) -> int:
        return self._rows

    def __getitem__(self, column: str) -> torch.Tensor:
        return self.table.columns[column]

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __repr__(self) -> str:
        shapes = ", ".join(f"{n}{list(c.shape[1:])}" for n, c in islice(self._first.columns.items(), _SHOWN))
        shapes += ", ..." if len(self._first.columns) > _SHOWN else ""
        return f"Corpus({len(self)} rows: {shapes})"

    @property
    def _first(self) -> Block:
        """A block, for what all blocks have in common."""
        return self._blocks[0]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns."""
        return tuple(self._first.columns)

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
        """Whether all rows came from the harness as they are: no weights, known labels."""
        return self._plain

    @property
    def _whole(self) -> tuple[Block, ...]:
        """Blocks that hold the rows in this corpus's order."""
        return self._blocks if self._order is None else (self.table,)

    @property
    def row_bytes(self) -> int:
        """Bytes of one row, over all columns."""
        return sum([c.element_size() * c.shape[1:].numel() for c in self._first.columns.values()])

    @property
    def table(self) -> Block:
        """All rows in order, as one block; gathered at the first call."""
        if self._table is None:
            self._table = self._read()
        return self._table

    def _read(self) -> Block:
        return joined(self._blocks) if self._order is None else rows_at(self, places_of(self))

    def added_since(self, previous: Corpus) -> Corpus | None:
        """The rows that this corpus has beyond `previous`, or None if it is not an extension of it."""
        known = len(previous._blocks)
        if len(self._blocks) <= known:
            return None
        if not all(map(operator.is_, self._blocks, previous._blocks)):
            return None
        return corpus_of(self._blocks[known:])

    def digest(self) -> str:
        """SHA-256 over names, types, shapes, values, weights and labels."""
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
        block = rows_at(self, places_of(self, rows)) if self._table is None else gathered(self._table, rows)
        found = Corpus.__new__(Corpus)
        found._set((block,), None, block.rows, self._plain)
        return found

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
        return self._gather(permutation(len(self), rng)[:k])

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
        blocks = tuple(chain.from_iterable(corpus._whole for corpus in corpora))
        whole = Corpus.__new__(Corpus)
        whole._set(blocks, None, sum(corpus._rows for corpus in corpora), plain)
        return whole

    def extended(self, more: Corpus, most: int) -> Corpus:
        """These rows and more, as `concat` joins them, for a corpus that grows and is gathered from again and again.

        What is gathered comes from one buffer, to which each row is copied once, instead of from a new join each time.

        Args:
            more: rows that come after these.
            most: how many rows the corpus may have at last; a longer one does without a buffer.
        """
        longer = Corpus.concat([self, more])
        if longer._plain and longer._rows <= most:
            longer._buffer = self._buffer or Buffer(longer._blocks[0], most)
        return longer

    def shuffled(self, seed: int) -> Corpus:
        """The same rows in an order drawn from `seed`; nothing is moved until the rows are read."""
        shuffled = Corpus.__new__(Corpus)
        buffer = self._buffer if self._order is None else None
        shuffled._set(self._whole, seed, self._rows, self._plain, buffer)
        return shuffled

    def with_columns(self, **columns: torch.Tensor) -> Corpus:
        """This corpus with some columns replaced; rows whose values changed lose their labels."""
        table = self.table
        changed = torch.zeros(table.rows, dtype=torch.bool)
        for name, column in columns.items():
            differs = column != table.columns[name]
            changed |= differs.reshape(table.rows, -1).any(1)
        labels = labels_of(table)
        labels = torch.where(changed, EDITED, labels).to(labels.dtype)
        return corpus_of((Block({**table.columns, **columns}, table.weights, labels, table.rows),))

    def with_weights(self, weights: torch.Tensor | None) -> Corpus:
        """This corpus with other row weights, float `[n]`."""
        if weights is not None and weights.shape != (len(self),):
            raise PluginError(f"Row weights must have shape ({len(self)},), got {tuple(weights.shape)}.")
        return corpus_of((self.table._replace(weights=weights),))

    # -- storage ---------------------------------------------------------------------------------

    @property
    def schema(self) -> tuple[tuple[str, torch.dtype, tuple[int, ...]], ...]:
        """Per column, in order of names: name, type and the shape of one row."""
        return tuple((n, c.dtype, tuple(c.shape[1:])) for n, c in sorted(self._first.columns.items()))

    def to_tensors(self) -> dict[str, torch.Tensor]:
        """The rows as named tensors, for safetensors; `from_tensors` reads them back."""
        block = self.table
        tensors = {f"column.{name}": column for name, column in block.columns.items()}
        if block.weights is not None:
            tensors["weights"] = block.weights
        tensors["labels"] = torch.as_tensor(block.labels)
        return tensors

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, torch.Tensor]) -> Corpus:
        """The inverse of `to_tensors`."""
        columns = {n.removeprefix("column."): t for n, t in sorted(tensors.items()) if n.startswith("column.")}
        labels = tensors["labels"]
        rows = len(next(iter(columns.values())))
        block = Block(columns, tensors.get("weights"), int(labels) if labels.dim() == 0 else labels, rows)
        return corpus_of((block,))


# -- what the harness alone makes of corpora: labels, and the blocks that bear them -----------------------


def corpus_of(blocks: Sequence[Block], order: int | None = None) -> Corpus:
    """A corpus over existing blocks; `order` seeds a permutation of all rows (None keeps their order)."""
    corpus = Corpus.__new__(Corpus)
    rows = sum([block.rows for block in blocks])
    corpus._set(tuple(blocks), order, rows, all(is_plain(block) for block in blocks))
    return corpus


def blocks_of(corpus: Corpus) -> tuple[Block, ...]:
    """Immutable blocks that hold the rows in the corpus's order."""
    return corpus._whole


def is_ordered(corpus: Corpus) -> bool:
    """Whether the rows stand in the order of their blocks."""
    return corpus._order is None


def places_of(corpus: Corpus, rows: torch.Tensor | None = None) -> torch.Tensor:
    """Where these rows (all if None) stand in block order, before any shuffling, an index `[k]`."""
    if corpus._order is None:
        return torch.arange(corpus._rows) if rows is None else rows
    order = permutation(corpus._rows, generator(corpus._order))
    return order if rows is None else order.index_select(0, rows)


def rows_at(corpus: Corpus, places: torch.Tensor) -> Block:
    """The rows at these places of the block order, copied."""
    if corpus._buffer is not None:
        return gathered(corpus._buffer.holding(corpus._blocks), places)
    return gathered(corpus.table if corpus._order is None else joined(corpus._blocks), places)


def of_origin(corpus: Corpus, origin: int) -> Corpus:
    """The corpus with one label for all rows: the harness's word for where they came from."""
    if len(corpus._blocks) == 1:  # what a learner samples; this is in every generation's path
        block = corpus._blocks[0]
        made = Corpus.__new__(Corpus)
        relabelled = Block(block.columns, block.weights, origin, block.rows)
        made._set((relabelled,), corpus._order, block.rows, is_plain(relabelled))
        return made
    blocks = [Block(block.columns, block.weights, origin, block.rows) for block in corpus._blocks]
    return corpus_of(blocks, corpus._order)


def weighted_places(log_weights: torch.Tensor, k: int, rng: torch.Generator) -> torch.Tensor:
    """K places drawn one after another in proportion to exp(log_weights) without replacement, int64 `[k]`.

    They are those of the k largest sums of log weight and Gumbel noise (Kool et al., arXiv:1903.06059).
    """
    noise = -torch.empty_like(log_weights).exponential_(generator=rng).log()
    return (log_weights + noise).topk(k).indices


def shares(corpus: Corpus) -> tuple[float, float]:
    """Shares, by row weight, of a corpus of the harness that are real, and that a model made; the rest was edited."""
    if corpus.weighted:
        label, weights = labels_of(corpus.table), corpus.weights
        assert weights is not None
        real, made, total = (float(weights[rows].sum()) for rows in (label == REAL, label > REAL, slice(None)))
        return (real / total, made / total) if total else (0.0, 0.0)
    real = made = 0
    for block in corpus._blocks:
        labels = block.labels
        if isinstance(labels, int):
            if labels == REAL:
                real += block.rows
            elif labels > REAL:
                made += block.rows
        else:
            origins = labels.numpy()  # whose calls cost a third of torch's at this size
            real += int((origins == REAL).sum())
            made += int((origins > REAL).sum())
    return (real / len(corpus), made / len(corpus)) if len(corpus) else (0.0, 0.0)


def real_share(corpus: Corpus) -> float:
    """Share of rows of a corpus of the harness that are real and unchanged, by row weight."""
    return shares(corpus)[0]
