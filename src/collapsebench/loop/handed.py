"""Handed: the rows that a desk handed out, and how it knows them again."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from functools import partial
from typing import NamedTuple, Protocol, TypeAlias, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from ..core.block import EDITED, Block, gathered, labels_of
from ..core.corpus import Corpus, blocks_of, corpus_of, is_ordered, places_of, rows_at
from ..core.errors import PluginError
from ..core.sealed import recipe_of, sealed
from .checks import check_values
from .ledger import Ledger, contents, found, number_of
from .tickets import Tickets

T_co = TypeVar("T_co", covariant=True)
Numbers: TypeAlias = NDArray[np.int64]
"""What tells a row from all others of its cell, whatever ticket it bears."""

_GENERATED = 1 << 62
_ROW_BITS = 32
_SOURCE_BITS = 12


class Held(Protocol[T_co]):
    """Something that is read when it is asked for."""

    @property
    def value(self) -> T_co:
        """What it is."""


class Source(NamedTuple):
    """Rows with origins that were handed out.

    Args:
        rows: these.
        numbers: the numbers of the rows at some places of the block order, or None: they go by content.
        arrived: whether they are of D_0, A_1, ..., A_t.
    """

    rows: Corpus
    numbers: Callable[[Numbers], Numbers] | None
    arrived: bool


class Handout:
    """The recipe of a sealed corpus.

    Args:
        handed: whose it is.
        source: the place of its rows among its sources.
        corpus: the same rows, as the harness trains on them when the method returns what it got as it is.
    """

    __slots__ = ("corpus", "handed", "source")

    def __init__(self, handed: Handed, source: int, corpus: Corpus) -> None:
        self.handed, self.source, self.corpus = handed, source, corpus

    def block(self, rows: torch.Tensor | None) -> Block:
        """The rows at an index, or all, copied, with tickets for labels."""
        whole = self.handed.sources[self.source].rows
        places = places_of(whole, rows)
        tickets = self.handed.ticketed(self.source, places)
        block = rows_at(whole, places)._replace(labels=tickets)
        if rows is None:
            self.handed.opened(block, self.corpus)
        return block


class Handed:
    """Rows that were handed out in one generation. It must hold nothing that holds it.

    Args:
        history: D_0, A_1, ..., A_t.
        t: the generation.
        ledger: of the arrivals of earlier generations, which grows when content is looked up.

    Attributes:
        sources: where the rows are from.
        tickets: the secret of these rows.
    """

    def __init__(self, history: Sequence[Held[Corpus]], t: int, ledger: Ledger) -> None:
        self.sources: list[Source] = []
        self._history, self._t, self._ledger = history, t, ledger
        self._keys: dict[Hashable, int] = {}
        self._given: dict[int, tuple[torch.Tensor, int, torch.Tensor]] = {}
        self._opened: dict[int, tuple[Block, Corpus]] = {}
        self._versions: list[tuple[torch.Tensor, int]] = []
        self._others, self._listed = Ledger(), 0
        self._tickets: Tickets | None = None

    # -- handing out -----------------------------------------------------------------------------

    @property
    def tickets(self) -> Tickets:
        """The secret of these rows."""
        if self._tickets is None:
            self._tickets = Tickets()
        return self._tickets

    def ticketed(self, source: int, places: torch.Tensor) -> torch.Tensor:
        """Tickets for the rows at these places of a source."""
        tickets = self.tickets.made(source, places)
        self._given[id(tickets)] = tickets, source, places
        return tickets

    def opened(self, block: Block, corpus: Corpus) -> None:
        """Note what a method reads, how often its tensors were written to before, and whose rows it is."""
        self._opened[id(block)] = block, corpus
        self._versions += [(column, column._version) for column in block.columns.values()]

    def new(self, rows: Corpus) -> Corpus:
        """Rows that nobody had before."""
        first = _GENERATED | (self._t << _SOURCE_BITS | len(self.sources)) << _ROW_BITS
        return self.hand_out(None, Source(rows, lambda places: first + places, arrived=False), rows)

    def arrived(self, i: int) -> Corpus:
        """D_0 or an A_i, its rows numbered in their order."""
        corpus = self._history[i].value
        rows = corpus if is_ordered(corpus) else corpus_of(blocks_of(corpus))
        return self.hand_out(i, Source(rows, lambda places: (i << _ROW_BITS) + places, arrived=True), corpus)

    def pool(self, shuffled: Corpus) -> Corpus:
        """D_0 and A_1..A_t as one shuffled corpus."""
        return self.hand_out("pool", Source(shuffled, partial(_pool_numbers, self._history), arrived=True), shuffled)

    def hand_out(self, key: Hashable, source: Source, corpus: Corpus) -> Corpus:
        """A sealed corpus; what has a key is one source however often it is asked for."""
        if key is None or key not in self._keys:
            self._keys[key] = len(self.sources)
            self.sources.append(source)
        return sealed(len(corpus), Handout(self, self._keys[key], corpus))

    # -- knowing again ---------------------------------------------------------------------------

    @property
    def written_to(self) -> bool:
        """Whether the method wrote in place into what it was given."""
        return any(column._version != version for column, version in self._versions)

    def unchanged(self, corpus: object) -> Corpus | None:
        """The harness's own rows, if a method returns a corpus as it got it."""
        recipe = recipe_of(corpus)
        return recipe.corpus if isinstance(recipe, Handout) and recipe.handed is self else None

    def known(self, block: Block, method: str) -> Corpus:
        """Rows with their origins: the harness's own if the method joined them as it got them, else copies."""
        if (opened := self._opened.get(id(block))) is not None:
            return opened[1]
        columns = {name: column.clone() for name, column in block.columns.items()}
        own = block._replace(columns=columns, weights=None if block.weights is None else block.weights.clone())
        for _, _, places, known in self._ticketed(own):
            if len(places) == own.rows:
                return corpus_of((own._replace(labels=known.labels),))
        check_values((own,), method)
        return corpus_of((own._replace(labels=torch.from_numpy(self.origins(own, method))),))

    def origins(self, block: Block, method: str) -> NDArray[np.int16]:
        """The origin of each row.

        Raises:
            PluginError: rows that the method did not get in this generation.
        """
        origins, _, nowhere = self.recognised(block)
        if nowhere:
            raise PluginError(
                f"Method '{method}' has {nowhere} of {block.rows} rows from nowhere: it was not given them.",
                "Keep rows as they were handed out, generated or resampled; change rows by `ctx.model.resample`.",
            )
        return origins

    def recognised(self, block: Block) -> tuple[NDArray[np.int16], Numbers, int]:
        """Origin and number of each row, and how many rows nobody handed out.

        A row is known by its ticket if its content is that of the ticket's row, else by content.
        """
        nowhere = 0
        origins, numbers = np.full(block.rows, EDITED, np.int16), np.zeros(block.rows, np.int64)
        unknown = np.ones(block.rows, bool)
        unnumbered = unknown.copy()
        for at, source, places, known in self._ticketed(block):
            origins[at], unknown[at] = labels_of(known).numpy(), False
            if source.numbers is not None:
                numbers[at], unnumbered[at] = source.numbers(places.numpy().astype(np.int64)), False
        if unnumbered.any():
            rows, ledgers = np.flatnonzero(unnumbered), self._ledgers()
            for row, content in zip(rows.tolist(), contents(_rows_at(block, rows)), strict=True):
                known_row = found(content, ledgers)
                origin, numbers[row] = known_row or (EDITED, number_of(content))
                if unknown[row]:
                    origins[row] = origin
                    nowhere += known_row is None
        return origins, numbers, nowhere

    def _ticketed(self, block: Block) -> Iterator[tuple[NDArray[np.int64] | slice, Source, torch.Tensor, Block]]:
        """For each source the rows that bear its tickets and its content: where, source, places there, and itself."""
        labels = block.labels
        if isinstance(labels, int) or labels.dtype != torch.int64 or not block.rows:
            return
        if (given := self._given.get(id(labels))) is not None:  # as it was handed out: its tickets need no reading
            known = rows_at(self.sources[given[1]].rows, given[2])
            if _equal(block.columns, known.columns):
                yield slice(None), self.sources[given[1]], given[2], known
                return
        of, places = self.tickets.read(labels)
        for number in np.unique(of[of < len(self.sources)]):
            source = self.sources[number]
            at = np.flatnonzero((of == number) & (places < len(source.rows)))
            if not len(at):
                continue
            known = rows_at(source.rows, torch.from_numpy(places[at]))
            same = np.flatnonzero(equal_rows(_rows_at(block, at).columns, known.columns))
            yield at[same], source, torch.from_numpy(places[at][same]), _rows_at(known, same)

    def _ledgers(self) -> list[Ledger]:
        """What was handed out, by content: real rows and arrivals so far, and all else of this generation."""
        history = self._history
        arrived = self._ledger if self._ledger.covered <= len(history) else Ledger()
        for i in range(arrived.covered, len(history)):
            rows = history[i].value
            arrived.add(rows.table, range(i << _ROW_BITS, (i << _ROW_BITS) + len(rows)))
        for source in self.sources[self._listed :]:
            if not source.arrived:
                places = places_of(source.rows).numpy().astype(np.int64)
                numbers = None if source.numbers is None else source.numbers(places).tolist()
                self._others.add(source.rows.table, numbers)
        self._listed = len(self.sources)
        return [arrived, self._others]


def _pool_numbers(history: Sequence[Held[Corpus]], places: Numbers) -> Numbers:
    """The numbers of rows at places of the pool, before it is shuffled."""
    ends = np.cumsum([len(corpus.value) for corpus in history])
    of = np.searchsorted(ends, places, side="right")
    numbers: Numbers = (of << _ROW_BITS) + places - np.concatenate([[0], ends])[of]
    return numbers


def _equal(given: Mapping[str, torch.Tensor], known: Mapping[str, torch.Tensor]) -> bool:
    return all(torch.equal(given[name], column) for name, column in known.items())


def equal_rows(given: Mapping[str, torch.Tensor], known: Mapping[str, torch.Tensor]) -> NDArray[np.bool_]:
    """Where all columns are equal, `[n]`."""
    same = [(given[name] == column).reshape(len(column), -1).all(1) for name, column in known.items()]
    return torch.stack(same).all(0).numpy()


def _rows_at(block: Block, rows: NDArray[np.int64]) -> Block:
    return gathered(block, torch.from_numpy(rows))
