"""Audits: a method is handed histories that were drawn for the purpose, and what it picks tells what it knows.

`exchangeable`: all rows are of one law, so that nothing in them tells D_0 from what came later; a blind method that
prefers it anyway knows more than it was told. `own_rows`: half of what rows can be occurs nowhere; a method that
returns it made it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..core.corpus import Corpus
from ..core.method import Method
from ..loop.cell import Cell
from .staged import Amounts, Audience, Past, amounts

LEVEL = 1e-4
"""The chance that an honest method is flagged, over all that one audit looks at."""

DRAWS = 16
"""Histories of three generations of each kind."""

SEEDS, DECOYS = 5, 15
"""Public seeds whose D_0 is handed out, and the sets of other real rows beside it."""

THINNED = 2
"""Histories in which half of all contents occur."""


class Preference(NamedTuple):
    """What a method took of sets of rows that differ in nothing that it may know.

    Args:
        where: task, and the kind of world.
        what: the set that it may not tell, in words.
        masses: row weight that it took of each set, that one first, float64 `[draws, sets]`.
    """

    where: str
    what: str
    masses: NDArray[np.float64]

    @property
    def chance(self) -> float:
        """At most how probable so large a preference is for a method to which the sets are alike.

        A draw's masses are then as likely in any order, and Chernoff's bound is taken over these orders, so that it
        holds for any number of draws. A set that is always taken alone gives 2 sets^-draws.
        """
        apart = self.masses - self.masses.mean(1, keepdims=True)
        if (widest := np.abs(apart).max()) < 1e-9:
            return 1.0
        steps = np.geomspace(0.01, 1000, 100)[:, None, None] * (apart / widest)
        return min(1.0, 2 * min(_bound(steps), _bound(-steps)))

    def __str__(self) -> str:
        expected = 1 / self.masses.shape[1]
        share = expected + ((self.masses[:, 0] - self.masses.mean(1)) / np.abs(self.masses).sum(1).clip(1e-12)).mean()
        return (
            f"On {self.where} a share of {share:.2f} of what it takes is {self.what}, {expected:.2f} is its part: rows "
            f"that differ in nothing (chance: {self.chance:.0e})."
        )


def _bound(steps: NDArray[np.float64]) -> float:
    """Of the first column of `[lambdas, draws, sets]` under all orders of each draw."""
    peak = steps.max(2)
    cumulants = np.log(np.exp(steps - peak[..., None]).mean(2)) + peak
    return math.exp((cumulants - steps[..., 0]).sum(1).min())


def preferences(method: Method, cells: Sequence[Cell], secret: int = 0) -> list[Preference]:
    """Preferences of a blind method that are no chance, in the kinds of worlds that it is made for.

    Args:
        method: whose track is `blind`.
        cells: whose tasks and sizes.
        secret: of what is drawn, so that nobody knows it beforehand.
    """
    found = [preference for cell in cells for preference in preferred(method, cell, secret)]
    return [preference for preference in found if preference.chance * len(found) < LEVEL]


def preferred(method: Method, cell: Cell, secret: int) -> Iterator[Preference]:
    """All preferences that are looked at, chance or not."""
    audience, asked = Audience(cell, secret), method.questions()
    kinds = [make for make in (audience.preserve, audience.purify) if make.__name__ in asked] or [audience.preserve]
    for make in kinds:
        where = f"{cell.task.name}/{make.__name__}"
        first: list[list[float]] = []
        halves: list[list[float]] = []
        for draw in range(DRAWS):
            past = make(draw)
            *_, last = lived = [curated.picks for _, curated in audience.lived(past, draw, method)]
            first.append(_masses([last], past.first, past))
            halves.extend(_masses(lived, pair, past) for pair in past.halves)
        yield Preference(where, "D_0 of the earlier rows", np.array(first))
        if halves:
            yield Preference(where, "the real ones of the rows that arrive", np.array(halves))
    population = cell.task.card.population
    decoys = DECOYS if population is None else min(DECOYS, population // audience.n - 2)
    if decoys > 2:
        named = [audience.named(seed, decoys, extends=kinds[0] == audience.preserve) for seed in range(SEEDS)]
        taken = [audience.curated(past, past.history[0], seed, method).picks for seed, past in enumerate(named)]
        masses = [_masses([picks], past.first, past) for picks, past in zip(taken, named, strict=True)]
        yield Preference(cell.task.name, "D_0 of a public seed", np.array(masses))


def _masses(picks: Sequence[Amounts], sets: Sequence[Corpus], past: Past) -> list[float]:
    """The part of what was picked that is of each set; a content that several have is divided among all."""
    there = amounts(Corpus.concat(past.history))
    total = sum(abs(weight) for taken in picks for weight in taken.values()) or 1.0
    taken = [(content, weight) for some in picks for content, weight in some.items() if content in there]
    parts = [amounts(rows) for rows in sets]
    return [sum(weight * part.get(of, 0.0) / there[of] for of, weight in taken) / total for part in parts]


def own_rows(method: Method, cells: Sequence[Cell], secret: int = 0) -> Iterator[str]:
    """Rows that a method made itself, on tasks in which contents recur, so that in a cell they pass for others."""
    for cell in cells:
        audience = Audience(cell, secret)
        for draw in range(THINNED):
            past = audience.thinned(draw)
            for t, curated in audience.lived(past, draw, method) if past else ():
                if curated.strange:
                    yield (
                        f"On {cell.task.name} {curated.strange} of {len(curated.corpus)} rows of generation {t} were "
                        "handed out nowhere in it."
                    )
