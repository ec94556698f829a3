from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import ArrayLike


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(7)


@pytest.fixture
def worst_z() -> Callable[[ArrayLike, ArrayLike], float]:
    """Largest |z| over a curve: samples `[seeds, ...]` against the law `[...]`."""

    def worst(samples: ArrayLike, theory: ArrayLike) -> float:
        values = np.asarray(samples, dtype=float)
        standard_error = values.std(0, ddof=1) / np.sqrt(len(values))
        return float(np.max(np.abs(values.mean(0) - theory) / standard_error))

    return worst
