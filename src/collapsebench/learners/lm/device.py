"""Where language models run: the one `accelerate` set-up of the process."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from accelerate import Accelerator


@lru_cache(maxsize=1)
def accelerator() -> Accelerator:
    """The device, the other processes of an `accelerate launch`, and bfloat16 autocast where there is a GPU."""
    from accelerate import Accelerator

    return Accelerator(mixed_precision="bf16" if torch.cuda.is_available() else "no")


@contextlib.contextmanager
def inference() -> Iterator[None]:
    """No gradients, and mixed precision on a GPU."""
    with torch.inference_mode(), accelerator().autocast():
        yield


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Global random state as of `seed` inside, as it was before afterwards."""
    device = accelerator().device
    gpus = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=gpus):
        torch.default_generator.manual_seed(seed)
        if gpus:
            torch.cuda.manual_seed(seed)
        yield
