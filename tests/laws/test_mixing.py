import math

import numpy as np
import pytest

from collapsebench import laws


def test_equal_shares_by_hand():
    # r = 1: w* is the reciprocal of the golden ratio; pooling (w = 1/2) gives (1/4 + 1/4)/(3/4).
    assert laws.golden_weight(1) == pytest.approx((math.sqrt(5) - 1) / 2)
    assert laws.weighted_variance_limit(1, 0.5) == pytest.approx(2 / 3)
    np.testing.assert_allclose(laws.weighted_variance(1, 0.5, 2), [1, 0.75, 0.6875])
    assert laws.weighted_variance_reused_limit(1, 0.5) == pytest.approx(1 + 1 / 4 / (3 / 4))


@pytest.mark.parametrize(("r", "weight"), [(0.5, 0.7321), (1, 0.6180), (4, 0.3904)])
def test_quoted_weights_are_their_own_variance_and_optimal(r, weight):
    w = laws.golden_weight(r)
    assert w == pytest.approx(weight, abs=5e-5)
    assert laws.weighted_variance_limit(r, w) == pytest.approx(w)
    grid = [laws.weighted_variance_limit(r, v) for v in np.linspace(0.01, 1, 200)]
    assert min(grid) >= w


def test_reusing_the_first_data_makes_all_real_weight_best():
    assert laws.weighted_variance_reused_limit(1, 1.0) == 1
    grid = [laws.weighted_variance_reused_limit(2, w) for w in np.linspace(0.1, 1, 10)]
    assert (np.diff(grid) < 0).all()
    assert laws.weighted_variance_limit(1, 0.0) == math.inf
    assert laws.weighted_variance_reused_limit(1, 0.0) == math.inf


def test_bad_weights():
    with pytest.raises(ValueError, match="r > 0"):
        laws.golden_weight(0)


def test_what_mixed_sources_are_worth():
    assert laws.effective_sample_size([100, 40], [0.5, 1.0]) == pytest.approx(25 + 40)
    assert laws.effective_sample_size([100, 40], [0.5, 1.0], 0.0, 0.0) == pytest.approx(50 + 40)  # marks never err
    assert laws.effective_sample_size([100], [0.5], 0.7, 0.3) == pytest.approx(25)  # a mark that says nothing
    # missed .2, false alarm 0, alpha .5: of unmarked rows .5/.6 are real, and 60 rows are unmarked.
    assert laws.effective_sample_size([100], [0.5], 0.2, 0.0) == pytest.approx(60 * (0.5 / 0.6) ** 2)


def test_what_a_mark_is_worth_is_one_more_chi_square():
    alpha, missed, false_alarm = 0.3, 0.1, 0.2
    real, synthetic = np.array([false_alarm, 1 - false_alarm]), np.array([1 - missed, missed])
    mixed = alpha * real + (1 - alpha) * synthetic
    chi_square = np.sum((real - mixed) ** 2 / mixed)
    expected = 50 * alpha**2 * (1 + chi_square)
    assert laws.effective_sample_size([50], [alpha], missed, false_alarm) == pytest.approx(expected)
