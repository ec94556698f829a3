"""The global random state of torch, numpy and Python, which plug-ins must leave alone."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from contextlib import contextmanager

import torch


def global_random_state() -> str:
    """A digest of the three global states."""
    import numpy as np

    sha = hashlib.sha256(torch.random.get_rng_state().numpy().tobytes())
    numpy_state = np.random.get_state(legacy=False)["state"]
    sha.update(numpy_state["key"].tobytes())
    sha.update(repr((numpy_state["pos"], random.getstate())).encode())
    return sha.hexdigest()


@contextmanager
def fixed_random_state() -> Iterator[None]:
    """Start from one fixed global state, and put back the caller's at the end.

    A plug-in that draws from it then fails the check of global state and not also those of determinism.
    """
    import numpy as np
    import rich.style  # noqa: F401  (draws from Python's state when first imported, which scikit-learn does)

    before = torch.random.get_rng_state(), np.random.get_state(), random.getstate()
    torch.default_generator.manual_seed(0)
    np.random.seed(0)
    random.seed(0)
    try:
        yield
    finally:
        torch.random.set_rng_state(before[0])
        np.random.set_state(before[1])
        random.setstate(before[2])
