"""Audits: a method is handed histories that were drawn for the purpose, and what it picks tells what it knows.

`exchangeable`: all rows are of one law, so that nothing in them tells D_0 from what came later; a blind method that
prefers it anyway knows more than it was told. `own_rows`: half of what rows can be occurs nowhere; a method that
returns it made it.
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..core.corpus import Corpus
from ..core.errors import PluginError
from ..core.method import Method
from ..core.seeds import generator
from ..loop.cell import Cell
from .staged import Amounts, Audience, Past, amounts
from .tiny import CORE_TASKS, tiny_cell, tiny_task

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


def check_preferences(method: Method, cells: Sequence[Cell], secret: int = 0) -> Iterator[str]:
    """Preferences of a blind method that are no chance, in the kinds of worlds that it is made for.

    Args:
        method: whose track is `blind`.
        cells: whose tasks and sizes.
        secret: of what is drawn, so that nobody knows it beforehand.
    """
    return _flagged([preference for cell in cells for preference in preferred(method, cell, secret)])


def accused(method: Method, cells: Sequence[Cell]) -> Iterator[str]:
    """What audits say of a method that has records.

    Args:
        method: that the records are of.
        cells: of some of them. Their sizes count for D_0 of public seeds, where models are fitted in closed form; for
            the rest, the core tasks among theirs at tiny sizes, one for each kind of examples.
    """
    secret = secrets.randbits(32)
    tasks = {cell.task.card.modality: tiny_task(type(cell.task)) for cell in cells if cell.task.name in CORE_TASKS}
    tiny = [tiny_cell(method, task, _kind(method)) for task in tasks.values()]
    yield from own_rows(method, tiny, secret)
    if method.track == "blind":
        own = [cell for cell in cells if cell.task.learner(generator(0)).closed_form]
        public = [preference for cell in own for preference in of_public_seeds(Audience(cell, secret), method)]
        yield from _flagged([*(p for cell in tiny for p in preferred(method, cell, secret)), *public])


def _kind(method: Method) -> str:
    return next((kind for kind in ("preserve", "purify") if kind in method.questions()), "grow")


def _flagged(preferences: Sequence[Preference]) -> Iterator[str]:
    return (str(preference) for preference in preferences if preference.chance * len(preferences) < LEVEL)


def preferred(method: Method, cell: Cell, secret: int, seed: int = 0) -> Iterator[Preference]:
    """All preferences that are looked at, chance or not; the desk's own streams are those of seeds from `seed` on."""
    audience, asked = Audience(cell, secret), method.questions()
    kinds = [make for make in (audience.preserve, audience.purify) if make.__name__ in asked] or [audience.preserve]
    for make in kinds:
        where = f"{cell.task.name}/{make.__name__}"
        first: list[list[float]] = []
        halves: list[list[float]] = []
        for draw in range(DRAWS):
            past = make(seed + draw)
            *_, last = lived = [curated.picks for _, curated in audience.lived(past, seed + draw, method)]
            first.append(_masses([last], past.first, past))
            halves.extend(_masses(lived, pair, past) for pair in past.halves)
        yield Preference(where, "D_0 of the earlier rows", np.array(first))
        if halves:
            yield Preference(where, "the real ones of the rows that arrive", np.array(halves))
    yield from of_public_seeds(audience, method, range(seed, seed + SEEDS))


def of_public_seeds(audience: Audience, method: Method, seeds: Sequence[int] = range(SEEDS)) -> Iterator[Preference]:
    """What a method takes of the D_0 of a public seed, where all other rows are real too; none if too few exist."""
    population = audience.task.card.population
    decoys = DECOYS if population is None else min(DECOYS, population // audience.n - 2)
    if decoys < 3:
        return
    masses = []
    for seed in seeds:
        past = audience.named(seed, decoys, extends="preserve" in method.questions())
        masses.append(_masses([audience.curated(past, past.history[0], seed, method).picks], past.first, past))
    yield Preference(audience.task.name, "D_0 of a public seed", np.array(masses))


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
            try:
                for _ in audience.lived(past, draw, method) if past else ():
                    pass
            except PluginError as error:
                yield f"On {cell.task.name}: {error.message}"
