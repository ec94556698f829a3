import numpy as np
import pytest

from collapsebench.validate import Claim, Metric, Setting


@pytest.fixture
def claim():
    """A claim on numbers that a test makes up."""

    def make(theory, **keys):
        setting = Setting("gaussian", 4, 1)
        return Claim("gaussian_replace", "spread", (setting,), Metric("trace"), np.array(theory), 2, **keys)

    return make
