"""Several processes that run one command together (`accelerate launch`): all compute, one reads and writes.

Every process goes through the same cells in the same order. The main process alone touches the store and
hands what it read to the others, so that all of them find the same stages finished and skip the same work.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from functools import cache
from textwrap import shorten
from typing import TypeVar

from .errors import UsageError

T = TypeVar("T")

PATIENCE = 120.0
"""Seconds that a process waits for the others to start."""

_HINT = "Start several processes with `accelerate launch`, or unset WORLD_SIZE to run one."


def count() -> int:
    """How many processes run this command together; 1 unless a launcher started it.

    Raises:
        UsageError: `WORLD_SIZE`, or what a launcher sets beside it, is missing or not a number.
    """
    together = _number("WORLD_SIZE", range(1, 2**16)) if "WORLD_SIZE" in os.environ else 1
    if together == 1 or "MASTER_ADDR" not in os.environ:
        return 1
    for name, stop in (("RANK", together), ("LOCAL_RANK", together), ("MASTER_PORT", 2**16)):
        _number(name, range(stop))
    return together


def is_main() -> bool:
    """Whether this process reads, writes and prints."""
    return count() == 1 or int(os.environ["RANK"]) == 0


def from_main(read: Callable[[], T]) -> T:
    """What `read` gives in the main process, in every process.

    Raises:
        UsageError: the other processes do not start.
    """
    if count() == 1:
        return read()
    from accelerate import PartialState
    from accelerate.utils import broadcast_object_list

    _meet()
    state = PartialState()
    answer = [read() if state.is_main_process else None]
    broadcast_object_list(answer)
    return answer[0]  # type: ignore[return-value]


@cache
def _meet() -> object:
    """Wait until every process is there; the process group itself would wait for half an hour.

    Returns:
        The store that they meet in, which must live as long as the process group.
    """
    from torch.distributed.rendezvous import rendezvous

    try:
        return next(rendezvous("env://", timeout=timedelta(seconds=PATIENCE)))[0]
    except RuntimeError as error:  # the base of all that torch.distributed raises
        raise UsageError(
            f"WORLD_SIZE={count()}, but {count()} processes did not meet within {PATIENCE:g} seconds.", _HINT
        ) from error


def _number(name: str, allowed: range) -> int:
    """An environment variable that a launcher sets."""
    text = os.environ.get(name, "")
    with suppress(ValueError):
        if (number := int(text)) in allowed:
            return number
    raise UsageError(
        f"The environment variable {name}={shorten(text, 40)} is not a whole number"
        f" from {allowed.start} to {allowed.stop - 1}.",
        _HINT,
    )
