"""Named random streams: what is drawn depends on its purpose, the task and the seed, never on the method.

Two methods that ask the same stream for the same numbers get the same numbers, so differences
between methods are paired (common random numbers).
"""

from __future__ import annotations

import hashlib
from functools import lru_cache

import torch

Purpose = str
"""One of `real`, `fresh`, `init`, `batches`, `sample`, `conditions`, `generate`, `resample`, `method`,
`pool`, `verify`, `prior`, `evaluate`."""


@lru_cache(maxsize=256)  # some streams are the same at every generation
def stream_seed(purpose: Purpose, task: str, seed: int, t: int = 0) -> int:
    """A 63-bit seed for the stream `(purpose, task, seed, t)`; distinct names give independent seeds."""
    name = f"{purpose}\0{task}\0{seed}\0{t}".encode()
    return int.from_bytes(hashlib.sha256(name).digest()[:8], "big") >> 1


def stream(purpose: Purpose, task: str, seed: int, t: int = 0) -> torch.Generator:
    """A CPU generator at the start of the stream `(purpose, task, seed, t)`."""
    return generator(stream_seed(purpose, task, seed, t))


def generator(seed: int) -> torch.Generator:
    """A CPU generator at the start of the stream with this seed."""
    return torch.Generator().manual_seed(seed)
