"""Sealed corpora: rows that the harness hands out, gathered when somebody reads them.

What a sealed corpus is made of stands here, at the harness, and in no attribute of the corpus.
"""

from __future__ import annotations

from typing import Protocol
from weakref import WeakKeyDictionary

import torch

from .block import Block
from .corpus import Corpus, corpus_of


class Recipe(Protocol):
    """What makes the rows of a sealed corpus."""

    def block(self, rows: torch.Tensor | None) -> Block:
        """The rows at an index `[k]`, or all, with tickets for labels; copies that the reader owns."""


class Sealed(Corpus):
    """Rows as a method gets them. They share no memory with what the harness keeps."""

    __slots__ = ("__weakref__",)

    @property
    def _first(self) -> Block:
        return self.table

    @property
    def weighted(self) -> bool:
        """Whether any row has a weight."""
        return self.table.weights is not None

    @property
    def _whole(self) -> tuple[Block, ...]:
        """The rows, as one block."""
        return (self.table,)

    def _read(self) -> Block:
        table = _RECIPES[self].block(None)
        self._blocks = (table,)
        return table

    def _gather(self, rows: torch.Tensor) -> Corpus:
        if self._table is None:
            return corpus_of((_RECIPES[self].block(rows),))
        return super()._gather(rows)


del Sealed.__weakref__  # type: ignore[attr-defined]  # it leads to the table, and is not needed for a weak reference
_RECIPES: WeakKeyDictionary[Sealed, Recipe] = WeakKeyDictionary()


def sealed(rows: int, recipe: Recipe) -> Sealed:
    """A corpus of this many rows that are made when they are read."""
    corpus = Sealed.__new__(Sealed)
    corpus._set((), None, rows, plain=False)
    _RECIPES[corpus] = recipe
    return corpus


def recipe_of(corpus: object) -> Recipe | None:
    """What a sealed corpus is made of; None if it is none."""
    return _RECIPES.get(corpus) if isinstance(corpus, Sealed) else None
