"""Staged: a method curates histories that were drawn for an audit, at the desk that a cell has."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import Generic, NamedTuple, TypeAlias, TypeVar, cast

import torch

from ..core.access import Access
from ..core.block import REAL
from ..core.context import Context, Memory
from ..core.corpus import Corpus, of_origin
from ..core.costs import Costs
from ..core.learner import PLAIN, Decoding, FitConfig, Learner
from ..core.method import Method
from ..core.seeds import stream, stream_seed
from ..loop.cell import Cell
from ..loop.desk import Desk, Sizes, Stand, WorldView
from ..loop.ledger import Ledger, contents
from ..loop.source import RealSource
from ..loop.stage import prepared_task

T = TypeVar("T")
Amounts: TypeAlias = dict[bytes, float]
"""Row weight by content."""

GENERATIONS = 3


class Past(NamedTuple):
    """What a method is told to have happened.

    Args:
        history: D_0, A_1, ..., A_t.
        first: D_0 and others of the history that differ from it in nothing that a method may know, when it makes D_t.
        halves: of the arrivals of each generation the real rows and as many others.
        extends: whether just S_t arrives.
        occurs: which contents models draw, or None for all.
    """

    history: Sequence[Corpus]
    first: Sequence[Corpus]
    halves: Sequence[Sequence[Corpus]]
    extends: bool
    occurs: Callable[[bytes], bool] | None = None


class Late(Generic[T]):
    """Something that is made when it is first read."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make

    @cached_property
    def value(self) -> T:
        """What it is."""
        return self._make()


class WatchingDesk(Desk):
    """A desk that notes what passes over it in one generation.

    Attributes:
        occurs: whether models may draw rows of a content.
        kept: what the method gave to `remember` last, and what it got; None if it did not.
    """

    occurs: Callable[[bytes], bool] | None = None
    kept: tuple[Corpus, Corpus] | None = None

    def remember(self, kept: Corpus, memory: Memory) -> Corpus:
        """As the desk of a cell."""
        self.kept = kept, super().remember(kept, memory)
        return self.kept[1]

    def generated(self, learner: Learner, k: int, decoding: Decoding, rng: torch.Generator) -> Corpus:
        """As the desk of a cell; of a model that draws what may occur."""
        model = learner if self.occurs is None else cast(Learner, _Thinned(learner, self.occurs))
        return super().generated(model, k, decoding, rng)


class _Thinned:
    """A learner that draws only what may occur; what it is given conditions for, as it is."""

    def __init__(self, learner: Learner, occurs: Callable[[bytes], bool]) -> None:
        self._learner, self._occurs = learner, occurs

    def sample(self, n: int, rng: torch.Generator, decoding: Decoding, conditions: Corpus | None = None) -> Corpus:
        if conditions is not None:
            return self._learner.sample(n, rng, decoding, conditions)
        rows = self._learner.sample(8 * n, rng, decoding)
        kept = where(rows, self._occurs)
        return rows.select(kept[torch.arange(n) % len(kept)]) if len(kept) else rows.select(torch.arange(n))


class Curated(NamedTuple):
    """One generation of a method.

    Args:
        corpus: D_t, the harness's own rows.
        picks: row weight that the method itself took, by content: what it gave to `remember` if it returned what it
            got from there, else what it returned beyond a like part of all that the memory holds.
    """

    corpus: Corpus
    picks: Amounts


class Audience:
    """A cell's method before histories that are drawn for an audit.

    Args:
        cell: whose task, sizes, limits and method.
        secret: of all that is drawn; the desk's own streams are those of public seeds, as a method may know them.
    """

    def __init__(self, cell: Cell, secret: int) -> None:
        self.cell, self.n, self._secret = cell, cell.rules.n, secret
        self.task = prepared_task(cell)
        self.law = Late(lambda: self._fit(self.task.real(self.n, self._stream("law")), "law"))
        # Fitted on an independent draw, so that no likelihood tells D_0 from what came later.
        self.model = Late(lambda: self._fit(self.sample(self.n, "model"), "model"))

    # -- histories -------------------------------------------------------------------------------

    def sample(self, k: int, purpose: str, draw: int = 0, first: Corpus | None = None) -> Corpus:
        """Rows of the law, which is a model of the task."""
        rng = self._stream(purpose, draw)
        return self.law.value.sample(k, rng, PLAIN, self.task.conditions(k, rng, first))

    def preserve(self, draw: int) -> Past:
        """D_0' and S_1' to S_3', all of the law."""
        first = self.sample(self.n, "D_0", draw)
        others = [self.sample(self.n, f"S_{t}", draw, first) for t in range(1, GENERATIONS + 1)]
        history = [of_origin(first, REAL), *(of_origin(rows, t) for t, rows in enumerate(others, 1))]
        return Past(history, history[:-1], (), extends=True)

    def purify(self, draw: int) -> Past:
        """D_0' and arrivals of which one half is called real, all of the law."""
        history, halves = [of_origin(self.sample(self.n, "D_0", draw), REAL)], []
        for t in range(1, GENERATIONS + 1):
            halves.append([self.sample(self.n // 2, f"{side}_{t}", draw) for side in ("real", "generated")])
            parts = [of_origin(rows, origin) for rows, origin in zip(halves[-1], (REAL, t), strict=True)]
            history.append(Corpus.concat(parts).shuffled(stream_seed("arrivals", self.task.name, draw, t)))
        return Past(history, history[:-1], halves, extends=False)

    def named(self, seed: int, decoys: int, extends: bool) -> Past:
        """The D_0 of a public seed among as many sets of other real rows."""
        source = RealSource(self.task, self.n, seed)
        history = [source.first()]
        for t in range(1, decoys + 2):
            if self.task.card.population is None:
                rows = self.task.real(self.n, self._stream(f"decoy_{t}", seed))
            else:
                rows = source.fresh(t, 0, self.n, self.n)
            history.append(of_origin(rows, t))
        return Past(history, history[:-1], (), extends)

    def thinned(self, draw: int) -> Past | None:
        """A history in which half of all contents do not occur, by a secret coin each; None if hardly any recurs."""
        rows = self.sample(16 * self.n, "thinned", draw)
        kept = where(rows, self.occurs)
        if len(set(contents(rows.table))) > len(rows) / 2 or len(kept) < 2:
            return None
        parts = kept[torch.randint(len(kept), (GENERATIONS + 1, self.n), generator=self._stream("parts", draw))]
        history = [of_origin(rows.select(part), t) for t, part in enumerate(parts)]
        return Past(history, (), (), extends=True, occurs=self.occurs)

    def occurs(self, content: bytes) -> bool:
        """Whether a thinned history has rows of a content."""
        return bool(content[0] >> self._secret % 8 & 1)

    # -- curating --------------------------------------------------------------------------------

    def lived(self, past: Past, seed: int, method: Method) -> Iterator[tuple[int, Curated]]:
        """Each generation of a past, as a cell of a seed goes through them."""
        previous = past.history[0]
        for t in range(1, len(past.history)):
            curated = self.curated(past._replace(history=past.history[: t + 1]), previous, seed, method)
            previous = curated.corpus
            yield t, curated

    def curated(self, past: Past, previous: Corpus, seed: int, method: Method) -> Curated:
        """The last generation of a past."""
        history = [Late(lambda rows=rows: rows) for rows in past.history]  # type: ignore[misc]
        stand = Stand(
            len(history) - 1,
            history,
            lambda: Corpus.concat(past.history),
            Late(lambda: previous),
            self.model,
            self.model,
        )
        limits, access = self.cell.rules.limits, Access(method.name, method.access())
        sizes = Sizes(self.n, self.n, round(limits.candidates * self.n), limits.corpus_bytes)
        view = WorldView(extends=past.extends)
        source = RealSource(self.task, self.n, seed)
        desk = WatchingDesk(stand, sizes, source, view, access, Costs(), Ledger())
        desk.occurs = past.occurs
        ctx = Context(desk)
        corpus = desk.returned(method.curate(ctx.arrivals, ctx))
        return Curated(corpus, _picks(corpus, desk.kept))

    # -- inside ----------------------------------------------------------------------------------

    def _fit(self, rows: Corpus, purpose: str) -> Learner:
        learner, budget = self.task.learner(self._stream(f"init/{purpose}")), self.cell.rules.budget
        learner.fit(rows, FitConfig(self._stream(f"batches/{purpose}"), budget.steps, budget.epochs, budget.batch))
        return learner

    def _stream(self, purpose: str, draw: int = 0) -> torch.Generator:
        return stream(f"audit/{self._secret}/{purpose}", self.task.name, draw)


def where(rows: Corpus, occurs: Callable[[bytes], bool]) -> torch.Tensor:
    """The places of rows of some contents, int64 `[k]`."""
    return torch.tensor([occurs(content) for content in contents(rows.table)]).nonzero().squeeze(1)


def amounts(corpus: Corpus) -> Amounts:
    """Row weight by content."""
    found: Amounts = defaultdict(float)
    table = corpus.table
    weights = [1.0] * len(corpus) if table.weights is None else table.weights.tolist()
    for content, weight in zip(contents(table), weights, strict=True):
        found[content] += weight
    return found


def _picks(corpus: Corpus, kept: tuple[Corpus, Corpus] | None) -> Amounts:
    returned = amounts(corpus)
    if kept is None:
        return returned
    remembered = amounts(kept[1])
    if returned == remembered:
        return amounts(kept[0])
    if not returned.keys() <= remembered.keys():
        return returned
    part = sum(returned.values()) / sum(remembered.values())
    return {content: returned.get(content, 0.0) - part * weight for content, weight in remembered.items()}
