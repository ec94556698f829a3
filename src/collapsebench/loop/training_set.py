"""Training set: D_t, together with the rows that the method kept in all generations so far."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from ..core.corpus import Corpus

_KEPT = "kept."


class TrainingSet(Corpus):
    """D_t of a method that remembers.

    Attributes:
        kept: the rows that it kept in generations 1 to t.
    """

    __slots__ = ("kept",)
    kept: Corpus

    @classmethod
    def of(cls, corpus: Corpus, kept: Corpus) -> TrainingSet:
        """A corpus of the harness, and what was kept beside it."""
        made = cls.__new__(cls)
        made._set(corpus._blocks, corpus._order, corpus._rows, corpus._plain, corpus._buffer)
        made.kept = kept
        return made

    def to_tensors(self) -> dict[str, torch.Tensor]:
        """The rows of D_t, and those that were kept under names of their own; `read_training_set` reads them back."""
        return {**super().to_tensors(), **{_KEPT + name: rows for name, rows in self.kept.to_tensors().items()}}


def read_training_set(tensors: Mapping[str, torch.Tensor]) -> Corpus:
    """A stored D_t: a `TrainingSet` if its method remembers."""
    kept = {name.removeprefix(_KEPT): rows for name, rows in tensors.items() if name.startswith(_KEPT)}
    corpus = Corpus.from_tensors({name: rows for name, rows in tensors.items() if not name.startswith(_KEPT)})
    return TrainingSet.of(corpus, Corpus.from_tensors(kept)) if kept else corpus


def kept_in(corpus: Corpus) -> list[Corpus]:
    """What was kept beside a D_t, as one corpus or none."""
    return [corpus.kept] if isinstance(corpus, TrainingSet) else []
