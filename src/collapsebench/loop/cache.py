"""Cache: a stage is a function whose results the store keeps, so that no process computes them twice."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors

from ..core.costs import Costs
from ..core.files import digest, sha256
from .store import StageNote

if TYPE_CHECKING:
    import torch

    from ..core.learner import Checkpoint
    from .store import Store

T = TypeVar("T")

_NOTHING: dict[str, float] = {}


class Result(Generic[T]):
    """What a stage gave.

    Args:
        value: the corpus or model; None when the facts are all there is.
        costs: counts that the stage added, or None.
        log: what the method logged.
        facts: small results: metrics of an evaluation, rows and real share of a corpus.

    Attributes:
        seconds: wall time of the computation.
        digest: SHA-256 of the stored value, "" for values that are only in memory.
    """

    __slots__ = ("_drop", "_load", "_value", "costs", "digest", "facts", "log", "seconds")

    def __init__(
        self,
        value: T,
        costs: Costs | None = None,
        log: dict[str, float] = _NOTHING,
        facts: dict[str, float] = _NOTHING,
    ) -> None:
        self._value: T | None = value
        self.costs, self.log, self.facts = costs, log, facts
        self.seconds, self.digest = 0.0, ""
        self._load: Callable[[], T] | None = None
        self._drop: Callable[[], None] | None = None

    @property
    def value(self) -> T:
        """The corpus or model; a stored one is loaded when first read."""
        if self._value is None and self._load is not None:
            self._value = self._load()
        return self._value  # type: ignore[return-value]

    def drop(self) -> None:
        """Let the store forget the value; what was found out about it stays."""
        if self._drop is not None:
            self._drop()


class Cache:
    """Calls stages at most once for the same inputs, in whatever process.

    A cell that runs again from its start is therefore resumed: all that was finished is found. A value that
    was dropped, or damaged since, is computed again when somebody reads it.

    Args:
        store: where results are kept.
        decode: reads a value of a kind from its tensors.
        seconds: how often a stage that takes long leaves a checkpoint.
    """

    def __init__(self, store: Store, decode: Callable[[str, Mapping[str, torch.Tensor]], Any], seconds: float) -> None:
        self._store, self._decode, self._seconds = store, decode, seconds

    def call(self, kind: str, compute: Callable[[Checkpoint], Result[T]], parts: Sequence[object]) -> Result[T]:
        """The result of a stage.

        Args:
            kind: `real`, `sample`, `curate`, `fit` or `evaluate`.
            compute: does the work, from the checkpoint on if there is one.
            parts: all that determines the result, the kind included; of another stage's result its digest counts.
        """
        key = digest(_plain(parts))
        if (note := self._store.stage_note(kind, key)) is None:
            with self._store.stage_lock(kind, key):
                if (note := self._store.stage_note(kind, key)) is None:  # nobody did it while this process waited
                    return self._found(kind, key, compute, *self._computed(kind, key, compute))
        return self._found(kind, key, compute, note, None)

    def _computed(self, kind: str, key: str, compute: Callable[[Checkpoint], Result[T]]) -> tuple[StageNote, T]:
        start = time.perf_counter()
        result = compute(self._store.stage_checkpoint(kind, key, self._seconds))
        seconds = time.perf_counter() - start
        payload = None if result.value is None else _encoded(result.value)
        costs = (result.costs or Costs()).to_dict()
        note = StageNote("" if payload is None else sha256(payload), costs, result.log, result.facts, seconds)
        self._store.save_stage(kind, key, note, payload)
        return note, result.value

    def _found(
        self, kind: str, key: str, compute: Callable[[Checkpoint], Result[T]], note: StageNote, value: T | None
    ) -> Result[T]:
        def load() -> T:
            payload = self._store.load_payload(kind, key, note.digest)
            if payload is not None:
                return self._decode(kind, load_tensors(payload))  # type: ignore[no-any-return]
            with self._store.stage_lock(kind, key):
                return self._computed(kind, key, compute)[1]

        result: Result[Any] = Result(value, Costs.from_dict(note.costs), note.log, note.facts)
        result.seconds, result.digest = note.seconds, note.digest
        result._load = load if note.digest else None
        result._drop = lambda: self._store.drop_payload(kind, key)
        return result


def _plain(part: object) -> object:
    """A part of a key as `digest` takes it."""
    if isinstance(part, (tuple, list)):
        return [_plain(inner) for inner in part]
    return part.digest if isinstance(part, Result) else part


def _encoded(value: Any) -> bytes:
    """A corpus or learner as safetensors, from copies that share no memory."""
    tensors = value.state() if hasattr(value, "state") else value.to_tensors()
    return save_tensors({name: tensor.detach().contiguous().clone() for name, tensor in tensors.items()})
