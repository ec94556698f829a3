import math

import numpy as np
import pytest

from collapsebench import laws

FAIR, TRIPLE = [0.5, 0.5], [0.0, math.log(3)]  # the second outcome is chosen three times as often


def test_two_outcomes_by_hand():
    # K = 2: both first, both second, or one of each (chosen 3 : 1).
    np.testing.assert_allclose(laws.curated(FAIR, TRIPLE, 2)[1], 1 / 4 + 1 / 2 * 3 / 4)
    # K = 3: one, two or three of the second kind, chosen with 3/5, 6/7 and 1.
    np.testing.assert_allclose(laws.curated(FAIR, TRIPLE, 3)[1], 3 / 8 * 3 / 5 + 3 / 8 * 6 / 7 + 1 / 8)
    np.testing.assert_allclose(laws.curated(FAIR, TRIPLE, math.inf), [1 / 4, 3 / 4])
    np.testing.assert_allclose(laws.curated(FAIR, TRIPLE, 1), FAIR)


def test_two_samples_are_a_sigmoid_of_reward_differences(rng):
    p, r = rng.dirichlet(np.ones(20)), 5 * rng.standard_normal(20)
    sigmoid = 1 / (1 + np.exp(r[None] - r[:, None]))
    np.testing.assert_allclose(laws.curated(p, r, 2), 2 * p * (sigmoid @ p), atol=1e-12)


@pytest.mark.parametrize("k", [2, 3, 4, 16])
def test_choices_stay_distributions_and_gain_at_least_the_bound(k, rng):
    for _ in range(20):
        p, r = rng.dirichlet(np.full(12, 0.5)), 3 * rng.standard_normal(12)
        after = laws.curated(p, r, k)
        assert after.sum() == pytest.approx(1)
        assert after @ np.exp(r) - p @ np.exp(r) >= laws.curated_gain(p, r, k) - 1e-12


def test_many_samples_approach_the_exponential_tilt(rng):
    p, r = rng.dirichlet(np.ones(8)), rng.standard_normal(8)
    np.testing.assert_allclose(laws.curated(p, r, 5000), laws.curated(p, r, math.inf), rtol=5e-3)


@pytest.mark.parametrize(("k", "mix"), [(2, 0.5), (4, 0.3)])
def test_real_data_bounds_the_drift(k, mix):
    p = laws.zipf(10)
    models = laws.curated_loop(p, np.arange(10.0), k, mix, 40)
    divergence = np.sum(models * np.log(models / p), axis=1)
    assert divergence.max() <= laws.curated_divergence(k, mix)
    assert laws.curated_divergence(2, 0.5) == pytest.approx(math.log(2))


def test_curation_alone_ends_at_the_best_outcome():
    models = laws.curated_loop(laws.zipf(5), np.arange(5.0), 4, math.inf, 30)
    np.testing.assert_allclose(models[-1], np.eye(5)[4], atol=1e-4)
    np.testing.assert_allclose(models[1], laws.curated(laws.zipf(5), np.arange(5.0), 4))


def test_bad_arguments():
    with pytest.raises(ValueError, match="lambda"):
        laws.curated_divergence(4, 0.5)
    with pytest.raises(ValueError, match="k must"):
        laws.curated(FAIR, TRIPLE, 0)
    with pytest.raises(ValueError, match="positive"):
        laws.curated_loop(FAIR, TRIPLE, 2, 0.0, 1)
