import math

import numpy as np
import pytest

from collapsebench import laws


def test_first_generations_by_hand():
    # n = 2: each fit halves the spread under replace; accumulate: (1 - 1/2)(1 - 1/8)(1 - 1/18).
    assert laws.gaussian_replace(2, 2).tolist() == [1 / 2, 1 / 4, 1 / 8]
    np.testing.assert_allclose(laws.gaussian_accumulate(2, 2), [1 / 2, 7 / 16, 7 / 16 * 17 / 18])
    # Subsample of 2 out of a pool of 4 with spread 7/16: the draw keeps (N/(N-1)) (n-1)/n = 2/3 of it.
    np.testing.assert_allclose(laws.gaussian_accumulate_subsample(2, 1), [1 / 2, 7 / 16 * 2 / 3])
    np.testing.assert_allclose(laws.gaussian_mean_error(laws.gaussian_replace(2, 1)), [1 / 2, 3 / 4])


@pytest.mark.parametrize(("n", "limit"), [(10, 0.8434), (32, 0.9494), (100, 0.9836)])
def test_accumulate_tends_to_its_limit(n, limit):
    assert laws.gaussian_accumulate_limit(n) == pytest.approx(limit, abs=5e-5)
    assert laws.gaussian_accumulate_limit(n) == pytest.approx(math.sin(math.pi / math.sqrt(n)) / math.pi * math.sqrt(n))
    assert laws.gaussian_accumulate(n, 20_000)[-1] == pytest.approx(limit, abs=6e-5)


@pytest.mark.parametrize(
    ("curve", "n", "published"),
    [("gaussian_replace", 100, 0.366), ("gaussian_replace", 316, 0.728), ("gaussian_accumulate", 10, 0.844)],
)
def test_published_settings_at_one_hundred_fits(curve, n, published):
    assert getattr(laws, curve)(n, 99)[-1] == pytest.approx(published, abs=1e-3)


def test_one_example_has_no_spread():
    assert laws.gaussian_replace(1, 2).tolist() == [0, 0, 0]
    assert laws.gaussian_accumulate_subsample(1, 2).tolist() == [0, 0, 0]
    with pytest.raises(ValueError, match="at least 1"):
        laws.gaussian_replace(0, 1)


def test_a_first_teacher_is_two_fits():
    assert laws.gaussian_first_teacher(4, 3).tolist() == [0.75, 0.75**2, 0.75**2, 0.75**2]


def test_negative_extrapolation_by_hand():
    # n = 4, w = 2: each step multiplies the spread by 1 + 2/4 and adds 4 s/4 to the mean's error.
    assert laws.gaussian_extrapolated_spread(4, 2.0, 2).tolist() == [0.75, 1.125, 1.6875]
    assert laws.gaussian_extrapolated_error(4, 2.0, 2).tolist() == [0.25, 1.0, 2.125]


def test_negative_extrapolation_by_simulation():
    rng, n, w = np.random.default_rng(0), 30, 0.5
    spreads, errors = [], []
    for _ in range(20_000):
        mean, variance = rng.normal(0, n**-0.5), rng.chisquare(n - 1) / n
        for _ in range(3):
            own = mean + variance**0.5 * rng.standard_normal(n)
            mean, variance = (1 + w) * mean - w * own.mean(), (1 + w) * variance - w * own.var()
        spreads.append(variance)
        errors.append(mean**2)
    assert np.mean(spreads) == pytest.approx(laws.gaussian_extrapolated_spread(n, w, 3)[-1], rel=0.02)
    assert np.mean(errors) == pytest.approx(laws.gaussian_extrapolated_error(n, w, 3)[-1], rel=0.04)
