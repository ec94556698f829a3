import math

import numpy as np
import pytest

from collapsebench import laws

COIN = [0.5, 0.5]


def test_a_coin_by_hand():
    # R_0 = (1 - 1/2)/10; with alpha = 1/2: R_1 = 1/20 + (9/10)(1/4)(1/20).
    np.testing.assert_allclose(laws.categorical_error(COIN, [10, 10], [0.5]), [1 / 20, 1 / 20 + 9 / 800])
    # Five fresh flips and five of the last model: variance 1/20 (1/2 + (1/2)(9/10)), plus its error/4.
    np.testing.assert_allclose(laws.categorical_error(COIN, [10, 10], [0.5], "counts"), [1 / 20, 0.95 / 20 + 1 / 80])
    # All real: each generation is a first fit. No real: the spread 1/2 shrinks by 9/10 a time.
    np.testing.assert_allclose(laws.categorical_error(COIN, [10, 20], [1.0]), [1 / 20, 1 / 40])
    np.testing.assert_allclose(laws.categorical_error(COIN, [10] * 3, [0, 0]), [0.5 * (1 - 0.9**t) for t in (1, 2, 3)])
    np.testing.assert_allclose(laws.categorical_diversity(COIN, 10, 1), [0.45, 0.405])


@pytest.mark.parametrize(("n", "limit"), [(200, 0.02370), (1000, 0.00482)])
def test_quoted_limits(n, limit):
    p = laws.zipf(50)
    assert laws.categorical_error_limit(p, n, 0.1) == pytest.approx(limit, abs=5e-6)
    assert laws.categorical_error(p, [n] * 200, [0.1] * 199)[-1] == pytest.approx(limit, abs=5e-6)


def test_constant_size_never_beats_the_first_fit_and_growing_size_can():
    p = laws.zipf(50)
    assert (laws.categorical_error(p, [200] * 50, [0.3] * 49)[1:] > laws.categorical_error(p, [200], [])[0]).all()
    first = laws.categorical_error(p, [200], [])[0]
    needed = laws.categorical_size_to_improve(p, 0.3, first)
    assert needed > 200
    assert laws.categorical_error(p, [200, math.floor(needed)], [0.3])[-1] > first
    assert laws.categorical_error(p, [200, math.ceil(needed)], [0.3])[-1] < first
    assert laws.categorical_size_to_improve(p, 0.0, first) == math.inf
    assert laws.categorical_size_to_improve(p, 0.5, 5.0) == 0


def test_temperature_sharpens_below_one_and_flattens_above():
    np.testing.assert_allclose(laws.tempered([0.8, 0.2], 0.5, 1)[1], [0.64 / 0.68, 0.04 / 0.68])
    p = laws.zipf(20)
    assert (np.diff(laws.entropy(laws.tempered(p, 0.8, 20))) < 0).all()
    assert (np.diff(laws.entropy(laws.tempered(p, 1.2, 20))) > 0).all()
    np.testing.assert_allclose(laws.tempered(p, 1.0, 3), np.tile(p, (4, 1)))
    np.testing.assert_allclose(laws.tempered(p, 0.8, 60)[-1], np.eye(20)[0], atol=1e-12)
    np.testing.assert_allclose(laws.tempered([0.6, 0.4, 0.0], 1.2, 200)[-1], [0.5, 0.5, 0.0], atol=1e-12)


def test_bad_schedules():
    with pytest.raises(ValueError, match="alphas"):
        laws.categorical_error(COIN, [10, 10], [1.5])
    with pytest.raises(ValueError, match="sizes"):
        laws.categorical_error(COIN, [10, 0], [0.5])
    with pytest.raises(ValueError, match="one alpha"):
        laws.categorical_error(COIN, [10], [0.5])


@pytest.mark.parametrize(("alpha", "error"), [(0.1, 0.00781), (0.3, 0.00228), (0.5, 0.00078), (0.8, 0.00025)])
def test_a_pool_with_fresh_draws(alpha, error):
    assert laws.categorical_accumulate(laws.zipf(50), 100, alpha, 59)[-1] == pytest.approx(error, abs=5e-6)


def test_a_pool_without_fresh_draws_is_the_law_of_accumulate():
    p = laws.zipf(50)
    spread = 1 - np.sum(p**2)
    expected = spread * (1 - laws.gaussian_accumulate(100, 20))  # the Gini–Simpson index falls like a normal's spread
    np.testing.assert_allclose(laws.categorical_accumulate(p, 100, 0.0, 20), expected)
    np.testing.assert_allclose(laws.categorical_accumulate(p, 100, 1.0, 20), spread / (100 * np.arange(1, 22)))


def test_forgetting_by_hand():
    once, twice = np.exp(-1), np.exp(np.exp(-1) - 1)
    np.testing.assert_allclose(laws.forgotten(1, 2), [0, once, twice])
    np.testing.assert_allclose(laws.forgotten(3, 2), [0, once**3, twice**3])


def test_the_time_until_an_outcome_is_forgotten_is_proportional_to_its_count():
    half = [int(np.argmax(laws.forgotten(count, 20 * count) > 0.5)) for count in (20, 40, 80)]
    assert half[1] == pytest.approx(2 * half[0], rel=0.05)
    assert half[2] == pytest.approx(80 * 2 / np.log(2), rel=0.05)
