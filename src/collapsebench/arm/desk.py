"""Desk: what a method of the arm asks its context for, as requests to the harness, which knows and meters all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import torch

from ..core.access import Access
from ..core.block import Block
from ..core.context import Memory, ModelName
from ..core.corpus import Corpus, blocks_of
from ..core.errors import PluginError
from ..core.features import features
from ..core.learner import Decoding, Sites
from ..core.method import ACCESSES, MethodCard
from ..core.sealed import Sealed, recipe_of, sealed
from ..core.task import TaskCard

Ask = Callable[..., Any]
"""A request by name with plain arguments -> the harness's answer."""


class Handout:
    """The recipe of a corpus that the harness handed out: its rows come when they are read."""

    def __init__(self, desk: RemoteDesk, number: int) -> None:
        self.desk, self.number = desk, number

    def block(self, rows: torch.Tensor | None) -> Block:
        """The rows at an index, or all."""
        block = block_from(self.desk.ask("rows", self.number, rows))
        self.desk.opened(block, self.number if rows is None else None)
        return block


class RemoteDesk:
    """A desk that asks the harness's desk.

    Args:
        ask: makes a request.
        method: its name.
        t, n, extends: as of `Desk`.
    """

    def __init__(self, ask: Ask, method: str, t: int, n: int, extends: bool) -> None:
        self.ask, self.t, self.n, self.extends = ask, t, n, extends
        self.access = Access(method, ACCESSES)  # what it may touch, the harness sees to
        self._rng: torch.Generator | None = None
        self._numbers: dict[int, tuple[Block, int]] = {}
        self._versions: list[tuple[torch.Tensor, int]] = []

    def rng(self) -> torch.Generator:
        """The method's stream, the same object each time."""
        if self._rng is None:
            self._rng = torch.Generator()
            self._rng.set_state(self.ask("rng"))
        return self._rng

    def log(self, key: str, value: float) -> None:
        """Record a number with this generation."""
        self.ask("log", key, float(value))

    def arrivals(self) -> Corpus:
        """A_t."""
        return self.handed(self.ask("arrivals"))

    def pool(self) -> Corpus:
        """D_0 and A_1..A_t, shuffled."""
        return self.handed(self.ask("pool"))

    def trusted(self) -> Corpus:
        """D_0."""
        return self.handed(self.ask("trusted"))

    def previous(self) -> Corpus:
        """D_{t-1}."""
        return self.handed(self.ask("previous"))

    def history(self) -> tuple[Corpus, ...]:
        """D_0, A_1, ..., A_t."""
        return tuple(map(self.handed, self.ask("history")))

    def fresh_real(self, k: int) -> Corpus:
        """`k` new real examples."""
        return self.handed(self.ask("fresh_real", k))

    def remember(self, kept: Corpus, memory: Memory) -> Corpus:
        """Rows that were kept with those that the memory adds."""
        return self.handed(self.ask("remember", self.told(kept), memory))

    def mark(self, corpus: Corpus) -> torch.Tensor:
        """Whether each row bears the mark of a model."""
        return self.ask("mark", self.told(corpus))  # type: ignore[no-any-return]

    def verify(self, corpus: Corpus) -> torch.Tensor:
        """Whether the world's verifier keeps each row."""
        return self.ask("verify", self.told(corpus))  # type: ignore[no-any-return]

    def reward(self, corpus: Corpus) -> torch.Tensor:
        """The task's reward of each row."""
        return self.ask("reward", self.told(corpus))  # type: ignore[no-any-return]

    def text(self, corpus: Corpus) -> list[str]:
        """Each row as a line of text."""
        return self.ask("text", self.told(corpus))  # type: ignore[no-any-return]

    def features(self, corpus: Corpus) -> torch.Tensor:
        """Numbers that describe each row."""
        return features(corpus)

    def model(self, name: ModelName) -> RemoteModel:
        """The desk of a model; asked for at once, since it may be refused."""
        self.ask("model", name)
        return RemoteModel(self, name)

    # -- corpora ---------------------------------------------------------------------------------

    def told(self, corpus: object) -> dict[str, Any]:
        """A corpus as it travels: the number of a handout that is as it was, else blocks of rows."""
        if type(corpus) not in (Corpus, Sealed):
            raise PluginError(f"Method '{self.access.method}' returned {type(corpus).__name__}, not a Corpus.")
        assert isinstance(corpus, Corpus)
        if isinstance(recipe := recipe_of(corpus), Handout):
            return {"handout": recipe.number}
        return {"blocks": [self._block_told(block) for block in blocks_of(corpus)]}

    def opened(self, block: Block, number: int | None) -> None:
        """Note rows that were read, and whose they are if they are all of a handout."""
        if number is not None:
            self._numbers[id(block)] = block, number
        self._versions += [(column, column._version) for column in block.columns.values()]

    @property
    def written_to(self) -> bool:
        """Whether the method wrote in place into what it was given."""
        return any(column._version != version for column, version in self._versions)

    def handed(self, said: dict[str, int]) -> Corpus:
        """A corpus that the harness hands out."""
        return sealed(said["rows"], Handout(self, said["handout"]))

    def _block_told(self, block: Block) -> dict[str, Any]:
        if (known := self._numbers.get(id(block))) is not None:
            return {"opened": known[1]}
        return {"columns": block.columns, "weights": block.weights, "labels": block.labels}


class RemoteModel:
    """A model at the harness's desk."""

    def __init__(self, desk: RemoteDesk, name: ModelName) -> None:
        self._desk, self._name = desk, name

    def log_prob(self, corpus: Corpus) -> torch.Tensor:
        """Log-probability of each example."""
        return self._desk.ask("log_prob", self._name, self._desk.told(corpus))  # type: ignore[no-any-return]

    def sites(self, corpus: Corpus) -> Sites:
        """Log-probability of every site, and which sites may be edited."""
        return Sites(*self._desk.ask("sites", self._name, self._desk.told(corpus)))

    def resample(self, corpus: Corpus, mask: torch.Tensor, decoding: Decoding) -> Corpus:
        """The corpus with the sites under the mask drawn anew."""
        desk = self._desk
        return desk.handed(desk.ask("resample", self._name, desk.told(corpus), mask, decoding_told(decoding)))

    def generate(self, k: int, decoding: Decoding) -> Corpus:
        """`k` more examples."""
        return self._desk.handed(self._desk.ask("generate", self._name, k, decoding_told(decoding)))


def block_from(said: dict[str, Any]) -> Block:
    """The block of a message."""
    columns = said["columns"]
    return Block(columns, said["weights"], said["labels"], len(next(iter(columns.values()))))


def card_told(card: MethodCard | TaskCard) -> dict[str, Any]:
    """A card as it travels."""
    return {name: sorted(value) if isinstance(value, frozenset) else value for name, value in asdict(card).items()}


def decoding_told(decoding: object) -> dict[str, Any]:
    """A decoding as it travels.

    Raises:
        PluginError: it is none.
    """
    if not isinstance(decoding, Decoding):
        raise PluginError(
            f"A method's decoding is {type(decoding).__name__}, not Decoding.", "Return Decoding() for none of its own."
        )
    return {name: getattr(decoding, name) for name in Decoding.__annotations__}
