import random

import numpy as np
import torch

from collapsebench.testing.random_state import fixed_random_state, global_random_state


def test_checks_leave_the_callers_random_state_alone():
    before = global_random_state()
    with fixed_random_state():
        torch.rand(1), np.random.rand(), random.random()
        assert global_random_state() != before
    assert global_random_state() == before
