import numpy as np
import pytest

from collapsebench import laws


def test_first_generations_by_hand():
    assert laws.regular_replace(3).tolist() == [1, 2, 3, 4]
    np.testing.assert_allclose(laws.regular_accumulate(2), [1, 5 / 4, 49 / 36])
    # Drawing half of a pool of two blocks adds 1/2 to the pool's 1 + 1/4.
    np.testing.assert_allclose(laws.regular_accumulate_subsample(1), [1, 7 / 4])


def test_quoted_values():
    curve = laws.regular_accumulate_subsample(99)
    fits = [2, 3, 5, 10, 20, 100]
    np.testing.assert_allclose(curve[np.array(fits) - 1], [1.75, 2.083, 2.391, 2.649, 2.788, 2.905], atol=5e-4)
    assert pytest.approx(1.645, abs=5e-4) == laws.ACCUMULATE_LIMIT
    assert pytest.approx(2.935, abs=5e-4) == laws.ACCUMULATE_SUBSAMPLE_LIMIT
    assert laws.regular_accumulate(10**5)[-1] == pytest.approx(laws.ACCUMULATE_LIMIT, rel=1e-4)
    assert laws.regular_accumulate_subsample(10**5)[-1] == pytest.approx(laws.ACCUMULATE_SUBSAMPLE_LIMIT, rel=1e-4)
