"""Several processes that run one command together (`accelerate launch`): all compute, one reads and writes.

Every process goes through the same cells in the same order. The main process alone touches the store and
hands what it read to the others, so that all of them find the same stages finished and skip the same work.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def count() -> int:
    """How many processes run this command together; 1 unless a launcher started it."""
    return int(os.environ.get("WORLD_SIZE", "1")) if "MASTER_ADDR" in os.environ else 1


def is_main() -> bool:
    """Whether this process reads, writes and prints."""
    return count() == 1 or os.environ.get("RANK", "0") == "0"


def from_main(read: Callable[[], T]) -> T:
    """What `read` gives in the main process, in every process."""
    if count() == 1:
        return read()
    from accelerate import PartialState
    from accelerate.utils import broadcast_object_list

    state = PartialState()
    answer = [read() if state.is_main_process else None]
    broadcast_object_list(answer)
    return answer[0]  # type: ignore[return-value]
