import math

import numpy as np
import pytest

from collapsebench import laws


def test_first_generations_by_hand():
    # d = 2, n = 5: v = sigma2 * 2 / 2.
    assert laws.regression_error(5, 2, 0.3) == pytest.approx(0.3)
    np.testing.assert_allclose(laws.regression_replace(5, 2, 0.3, 2), [0.3, 0.6, 0.9])
    np.testing.assert_allclose(laws.regression_accumulate(5, 2, 0.3, 1), [0.3, 0.3 * 1.25])
    # Ten rows of two designs: one more 2 sigma2 / (2 (10 - 3)).
    np.testing.assert_allclose(laws.regression_accumulate_fresh(5, 2, 0.3, 1), [0.3, 0.3 + 0.3 / 7])


def test_default_setting():
    assert laws.regression_error(111, 10, 1.0) == pytest.approx(0.1)


def test_where_the_expectation_is_infinite_or_unknown():
    assert laws.regression_error(3, 3, 1.0) == math.inf
    assert laws.regression_error(4, 3, 1.0) == math.inf
    with pytest.raises(ValueError, match="n >= d"):
        laws.regression_error(2, 3, 1.0)
