"""One thread per process: two were measured several times slower than one when the cores are shared."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
}


@contextmanager
def one_thread(more: Mapping[str, str] | None = None) -> Iterator[None]:
    """Processes spawned inside start their linear algebra and tokenizers with one thread.

    Args:
        more: further variables of their environment.
    """
    wanted = {**_ENVIRONMENT, **(more or {})}
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
