"""Source: the real examples of one (task, seed): D_0, and rows that nobody had before."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from ..core.block import REAL
from ..core.corpus import Corpus, of_origin
from ..core.errors import LimitExceeded
from ..core.seeds import stream
from ..core.task import Task


class RealSource:
    """Real examples of one (task, seed): D_0 and fresh draws, never the same example twice in a world.

    Args:
        task: whose examples.
        n: rows of D_0.
        seed: of the streams.
    """

    def __init__(self, task: Task, n: int, seed: int) -> None:
        self.task, self.seed, self._n = task, seed, n
        self._population: Corpus | None = None

    def first(self) -> Corpus:
        """D_0: the first n real examples."""
        if self.task.card.population is None:
            rows = self.task.real(self._n, stream("real", self.task.name, self.seed))
        else:
            rows = self._slice(0, self._n)
        return of_origin(rows, REAL)

    def fresh(self, t: int, used: int, k: int, per_generation: int) -> Corpus:
        """`k` real examples that only generation t can get, after the `used` it already got."""
        if self.task.card.population is None:
            rows = self.task.real(k, stream(f"fresh/{used}", self.task.name, self.seed, t))
        else:
            rows = self._slice(self._n + (t - 1) * per_generation + used, k)
        return of_origin(rows, REAL)

    def more(self, first: Corpus, sizes: Sequence[int]) -> Corpus:
        """D_0 and as many real examples as make the last of these growing sizes; a smaller one is part of it."""
        if self.task.card.population is not None:
            return of_origin(self._slice(0, sizes[-1]), REAL)
        rows, length = [first], len(first)
        for place, size in enumerate(sizes):
            part = self.task.real(size - length, stream(f"curve/{place}", self.task.name, self.seed))
            rows, length = [*rows, of_origin(part, REAL)], size
        return Corpus.concat(rows)

    def outside(self, k: int) -> Corpus:
        """`k` real examples for the outside generator, the last of a population."""
        if (population := self.task.card.population) is None:
            return of_origin(self.task.real(k, stream("outside", self.task.name, self.seed)), REAL)
        return of_origin(self._slice(population - k, k), REAL)

    def _slice(self, start: int, k: int) -> Corpus:
        population = self.task.card.population or 0
        if start + k > population:
            raise LimitExceeded(
                f"Task '{self.task.name}' has {population} real examples, {start + k} were asked for.",
                "Use a protocol with fewer examples per generation or fewer generations.",
            )
        if self._population is None:
            self._population = self.task.real(population, stream("real", self.task.name, self.seed))
        return self._population.select(torch.arange(start, start + k))
