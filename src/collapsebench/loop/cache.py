"""Stages: how a stage of the loop is executed, in memory or through the content-addressed store."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from ..core.costs import Costs
from ..core.files import digest, sha256
from ..core.records import SCHEMA
from .store import StageNote

if TYPE_CHECKING:
    import torch

    from .store import Store

T = TypeVar("T")


@dataclass(frozen=True)
class Codec(Generic[T]):
    """How a value is written as safetensors bytes and read back from tensors."""

    encode: Callable[[T], bytes]
    decode: Callable[[Mapping[str, torch.Tensor]], T]


class Artefact(Generic[T]):
    """The result of a stage, in memory.

    Args:
        value: the corpus or model; None when the facts are all there is.
        costs: counts that the stage added.
        log: what the method logged.
        facts: small results: metrics of an evaluation, rows and real share of a corpus.

    Attributes:
        seconds: wall time of the computation.
        digest: SHA-256 of the stored value, "" for values that are only in memory.
    """

    __slots__ = ("costs", "digest", "facts", "log", "seconds", "value")

    value: T

    def __init__(
        self,
        value: T,
        costs: Costs,
        log: dict[str, float] | None = None,
        facts: dict[str, float] | None = None,
    ) -> None:
        self.value, self.costs, self.log, self.facts = value, costs, log or {}, facts or {}
        self.seconds, self.digest = 0.0, ""

    def drop(self) -> None:
        """Let the store forget the value; what was found out about it stays."""


class StoredArtefact(Artefact[T]):
    """The result of a stored stage: the note at once, the value when first read.

    Args:
        note: what the store remembers.
        load: reads the value, or computes it again if it was dropped or damaged.
        drop: makes the store forget the value.
        value: the value, if it is at hand.
    """

    __slots__ = ("_drop", "_load", "_value")

    def __init__(
        self, note: StageNote, load: Callable[[], T], drop: Callable[[], None], value: T | None = None
    ) -> None:
        self.costs, self.log, self.facts = Costs.from_dict(note.costs), note.log, note.facts
        self.seconds, self.digest = note.seconds, note.digest
        self._load, self._drop, self._value = load, drop, value

    @property
    def value(self) -> T:  # type: ignore[override]
        """The corpus or model; loaded when first read."""
        if self._value is None:
            self._value = self._load()
        return self._value

    def drop(self) -> None:
        """See `Artefact.drop`."""
        self._drop()


class Stages(ABC):
    """Where and how stages run."""

    @abstractmethod
    def run(
        self,
        kind: str,
        inputs: Callable[[], tuple[Any, ...]],
        compute: Callable[[], Artefact[T]],
        codec: Codec[T] | None,
    ) -> Artefact[T]:
        """The result of a stage.

        Args:
            kind: `real`, `sample`, `curate`, `fit` or `evaluate`.
            inputs: gives all that determines the result: digests, sizes, stream names.
            compute: does the work.
            codec: how the value is stored; None when the facts are all there is.
        """


class InMemoryStages(Stages):
    """Every stage is computed at once and kept in memory."""

    def run(
        self,
        kind: str,
        inputs: Callable[[], tuple[Any, ...]],
        compute: Callable[[], Artefact[T]],
        codec: Codec[T] | None,
    ) -> Artefact[T]:
        """See `Stages.run`."""
        start = time.perf_counter()
        artefact = compute()
        artefact.seconds = time.perf_counter() - start
        return artefact


class StoredStages(Stages):
    """A stage whose inputs were seen before is looked up; another is computed once, by one process.

    Running a cell again from the start is therefore how it is resumed: all that was finished is found.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def run(
        self,
        kind: str,
        inputs: Callable[[], tuple[Any, ...]],
        compute: Callable[[], Artefact[T]],
        codec: Codec[T] | None,
    ) -> Artefact[T]:
        """See `Stages.run`."""
        key = digest([SCHEMA, kind, *inputs()])

        def artefact(note: StageNote, value: T | None = None) -> Artefact[T]:
            return StoredArtefact(
                note,
                load=lambda: self._loaded(kind, key, note.digest, compute, codec),
                drop=lambda: self._store.drop_payload(kind, key),
                value=value,
            )

        if (note := self._store.stage_note(kind, key)) is None:
            with self._store.stage_lock(kind, key):
                if (note := self._store.stage_note(kind, key)) is None:
                    return artefact(*self._computed(kind, key, compute, codec))
        return artefact(note)

    def _computed(
        self, kind: str, key: str, compute: Callable[[], Artefact[T]], codec: Codec[T] | None
    ) -> tuple[StageNote, T]:
        start = time.perf_counter()
        work = compute()
        seconds = time.perf_counter() - start
        payload = None if codec is None else codec.encode(work.value)
        note = StageNote(
            "" if payload is None else sha256(payload), work.costs.to_dict(), work.log, work.facts, seconds
        )
        self._store.save_stage(kind, key, note, payload)
        return note, work.value

    def _loaded(
        self, kind: str, key: str, digest: str, compute: Callable[[], Artefact[T]], codec: Codec[T] | None
    ) -> T:
        from safetensors.torch import load

        assert codec is not None
        payload = self._store.load_payload(kind, key, digest)
        if payload is not None:
            return codec.decode(load(payload))
        with self._store.stage_lock(kind, key):
            _, value = self._computed(kind, key, compute, codec)
        return value
