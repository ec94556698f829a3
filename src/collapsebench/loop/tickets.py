"""Tickets: numbers by which the harness finds rows again, and which tell nothing to anybody else."""

from __future__ import annotations

import secrets

import numpy as np
import torch
from numpy.typing import NDArray

_PLACE_BITS = 32
_HALF = np.uint64(32)
_MULTIPLIERS = [secrets.randbits(64) | 1 for _ in range(3)]
_FORWARD = [np.uint64(m) for m in _MULTIPLIERS]
_BACKWARD = [np.uint64(pow(m, -1, 2**64)) for m in reversed(_MULTIPLIERS)]


class Tickets:
    """A secret one-to-one map between (source, place) and 64-bit numbers, another for each desk.

    Each round multiplies by a secret odd number and folds the upper half into the lower one. The secrets are the
    operating system's, not those of a named stream, which a method could open too; no result depends on them.
    """

    __slots__ = ("_key",)

    def __init__(self) -> None:
        self._key = np.uint64(secrets.randbits(64))

    def made(self, source: int, places: torch.Tensor) -> torch.Tensor:
        """The tickets of rows at these places `[k]` of a source, int64 `[k]`."""
        x = places.numpy().astype(np.uint64)
        x ^= np.uint64(source << _PLACE_BITS) ^ self._key
        for multiplier in _FORWARD:
            x *= multiplier
            x ^= x >> _HALF
        return torch.from_numpy(x.view(np.int64))

    def read(self, tickets: torch.Tensor) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Source and place of each ticket `[k]`; of numbers that are no tickets, some pair."""
        x = tickets.numpy().astype(np.uint64)
        for multiplier in _BACKWARD:
            x ^= x >> _HALF
            x *= multiplier
        x ^= self._key
        return (x >> _HALF).astype(np.int64), (x & np.uint64(2**_PLACE_BITS - 1)).astype(np.int64)
