"""World: what arrives in each generation, as a protocol file writes it below a task, and as the loop reads it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from ..core.files import digest

# Strict, so that `true` is not 1 and "100" is not 100.
Positive = Annotated[float, Field(strict=True, gt=0, allow_inf_nan=False)]
Share = Annotated[float, Field(strict=True, ge=0, le=1)]
PositiveShare = Annotated[float, Field(strict=True, gt=0, le=1)]
Count = Annotated[int, Field(strict=True, gt=0)]
Rows = Annotated[int, Field(strict=True, gt=1)]

CURVE = "curve"
"""The world of every task in which only real rows arrive: the learning curve that worth is read off."""

MULTIPLES = (1 / 16, 1 / 8, 1 / 4, 1 / 2, 2, 4, 8, 16)
"""Sizes of a learning curve in multiples of n; n itself is generation 0."""


class Question(NamedTuple):
    """What the kind of a world asks: the question's name, and the references with R = 0 and R = 1."""

    name: str
    floor: str
    ceiling: str


PRESERVE = Question("preserve", "replace", "frozen")
PURIFY = Question("purify", "take_newest", "oracle")
GROW = Question("grow", "frozen", "more_real")

QUESTIONS: Mapping[str, Question] = {
    "preserve": PRESERVE,
    "purify": PURIFY,
    "purify-outside": PURIFY,
    "grow": GROW,
    "mix": PURIFY,
    CURVE: Question(CURVE, "", ""),
}
"""Kind of a world -> its question."""


class Rules(BaseModel):
    """A part of a protocol file: no further key is accepted."""

    model_config = ConfigDict(extra="forbid", frozen=True, ser_json_inf_nan="constants")


class World(Rules):
    """What arrives in each generation of a cell.

    Args:
        name: unique within a task.
        kind: one of `QUESTIONS`.
        generations: G.
        arrivals: rows per generation; of a learning curve 0, as they differ.
        alpha: share of them that are new real rows.
        generator: whose rows the others are: the newest model's (`own`), those of a model `outside` the lineage.
        generator_rows: real rows, in no D_0, that the outside generator is fitted on.
        temperature: that it is sampled at.
        phi: P(verifier keeps | right).
        psi: P(verifier keeps | wrong).
        missed: P(no mark | synthetic).
        false_alarm: P(mark | real).
        multiples: sizes of a learning curve by generation.
    """

    name: str
    kind: str
    generations: Count
    arrivals: Annotated[int, Field(ge=0)]
    alpha: Share
    generator: Literal["own", "outside", "none"]
    generator_rows: Rows | None = None
    temperature: Positive | None = None
    phi: PositiveShare = 1.0
    psi: Share = 0.0
    missed: Share = 0.1
    false_alarm: Share = 0.1
    multiples: tuple[float, ...] = ()

    @property
    def question(self) -> Question:
        """What it asks."""
        return QUESTIONS[self.kind]

    @property
    def real(self) -> int:
        """New real rows among the arrivals of each generation."""
        return round(self.alpha * self.arrivals)

    @property
    def extends(self) -> bool:
        """Whether more draws from the newest model are of the kind that arrives."""
        return self.generator == "own" and self.alpha == 0

    def digest(self) -> str:
        """SHA-256 over all that can change a score, which a world's name cannot."""
        return digest(self.model_dump(mode="json", exclude={"name"}))


class Generator(Rules):
    """The outside generator: a model of the task's family, fitted on `rows` real rows, by default half of n."""

    rows: Rows | None = None
    temperature: Positive = 0.8


class _Entry(Rules, ABC):
    """What every world may set."""

    generations: Count | None = None
    phi: PositiveShare = 1.0
    psi: Share = 0.0
    missed: Share = 0.1
    false_alarm: Share = 0.1

    def world(self, name: str, n: int, generations: int) -> World:
        """This entry with its defaults filled in, for n real rows and the protocol's number of generations."""
        usual = self.model_dump(include={"phi", "psi", "missed", "false_alarm"})
        return World(**{**usual, "generations": self.generations or generations, "name": name, **self._own(n)})

    @abstractmethod
    def _own(self, n: int) -> dict[str, Any]:
        """The fields that only this kind sets."""


class Preserve(_Entry):
    """S_t arrives: m rows of M_{t-1}, by default n."""

    kind: Literal["preserve"]
    m: Count | None = None

    def _own(self, n: int) -> dict[str, Any]:
        return {"kind": self.kind, "arrivals": self.m or n, "alpha": 0.0, "generator": "own"}


class Grow(_Entry):
    """S_t arrives: m rows of M_{t-1}, by default 5 n; worth is to be had beyond D_0."""

    kind: Literal["grow"]
    m: Count | None = None

    def _own(self, n: int) -> dict[str, Any]:
        return {"kind": self.kind, "arrivals": self.m or 5 * n, "alpha": 0.0, "generator": "own"}


class Purify(_Entry):
    """K rows arrive, by default n: a share alpha of them new real rows, the others of M_{t-1}, shuffled."""

    kind: Literal["purify"]
    k: Count | None = None
    alpha: Share = 0.5

    def _own(self, n: int) -> dict[str, Any]:
        return {"kind": self.kind, "arrivals": self.k or n, "alpha": self.alpha, "generator": "own"}


class PurifyOutside(_Entry):
    """As `Purify`, where the generated rows are those of an outside generator."""

    kind: Literal["purify-outside"]
    k: Count | None = None
    alpha: Share = 0.5
    generator: Generator = Generator()

    def _own(self, n: int) -> dict[str, Any]:
        return {"kind": self.kind, "arrivals": self.k or n, "alpha": self.alpha, **_outside(self.generator, n)}


class Mix(_Entry):
    """One shot: N rows arrive once, a share p_2 of them from an outside generator (arXiv:2410.04840)."""

    kind: Literal["mix"]
    generations: Literal[1] = 1
    N: Count | None = None
    p_2: Share = 0.5
    generator: Generator = Generator()

    def _own(self, n: int) -> dict[str, Any]:
        return {"kind": self.kind, "arrivals": self.N or n, "alpha": 1 - self.p_2, **_outside(self.generator, n)}


WorldEntry = Annotated[Preserve | Purify | PurifyOutside | Grow | Mix, Field(discriminator="kind")]
"""A world as a protocol file writes it; its kind is its name unless it says another."""


def _outside(generator: Generator, n: int) -> dict[str, Any]:
    rows = generator.rows or max(2, n // 2)
    return {"generator": "outside", "generator_rows": rows, "temperature": generator.temperature}


def with_kinds(worlds: Any) -> Any:
    """The worlds of a task with the kind written out where it is the name."""
    if not isinstance(worlds, Mapping):
        return worlds
    return {
        name: {"kind": name, **entry} if isinstance(entry, Mapping) else {"kind": name} if entry is None else entry
        for name, entry in worlds.items()
    }


def curve_sizes(n: int, population: int | None) -> tuple[float, ...]:
    """Sizes of a learning curve in multiples of n: as many as two rows and the population allow."""
    return tuple(m for m in MULTIPLES if m * n >= 2 and (population is None or round(m * n) <= population))


def curve(n: int, population: int | None) -> World:
    """The world of a task's learning curve."""
    sizes = curve_sizes(n, population)
    return World(
        name=CURVE,
        kind=CURVE,
        generations=len(sizes),
        arrivals=0,
        alpha=1.0,
        generator="none",
        multiples=sizes,
    )
