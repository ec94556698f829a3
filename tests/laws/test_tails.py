import math

import numpy as np
import pytest

from collapsebench import laws


def test_two_outcomes_by_hand():
    # beta = 2, N = 2: p = (4/5, 1/5); two draws miss outcome 1 with (1/5)^2 and outcome 2 with (4/5)^2.
    assert laws.memorising_error(2, 2, 2) == pytest.approx(0.8 * 0.04 + 0.2 * 0.64)
    # Cut after rank 1 the draws are all outcome 1: only outcome 2's 1/5 is lost.
    assert laws.memorising_error(2, 5, 2, cut=1) == pytest.approx(0.2)
    assert laws.memorising_error(2, 0, 2) == 1


@pytest.mark.parametrize("beta", [1.5, 2.0])
def test_scaling_law_and_exponent(beta):
    draws = np.array([100, 300, 1000])
    exact = [laws.memorising_error(beta, t, 500_000) for t in draws]
    np.testing.assert_allclose(exact, [laws.tail_scaling(beta, t) for t in draws], rtol=0.05)
    slope = np.polyfit(np.log(draws), np.log(exact), 1)[0]
    assert slope == pytest.approx(-laws.tail_exponent(beta), rel=0.05)


def test_a_cut_tail_leaves_a_floor_with_its_own_exponent():
    cuts = np.array([100, 300, 1000])
    floors = [laws.memorising_error(2, 10**9, 10**6, cut=int(k)) for k in cuts]
    np.testing.assert_allclose(floors, [laws.tail_scaling(2, 1e18, cut=int(k)) for k in cuts], rtol=0.02)
    assert np.polyfit(np.log(cuts), np.log(floors), 1)[0] == pytest.approx(-1, rel=0.05)


def test_a_generator_of_finite_training_acts_as_a_cut():
    assert laws.effective_cut(2, 10_000) == pytest.approx(100)
    # The loss of a cut at T_0^(1/beta) scales like the generator's own error T_0^-c, with c = 1/2 here.
    assert laws.effective_cut(2, 10_000) ** -1 == pytest.approx(10_000 ** -laws.tail_exponent(2))


@pytest.mark.parametrize(
    ("beta", "after"), [(1.5, (1.165, 1.388, 1.849)), (2, (1.258, 1.635, 2.514)), (3, (1.358, 1.926, 3.418))]
)
def test_generations_at_one_size_shrink_the_sample(beta, after):
    curve = laws.tail_generations(beta, 1000)
    np.testing.assert_allclose(curve[[0, 1, 3, 10]], [1, *after], atol=5e-4)
    assert curve[1000] == pytest.approx(500 ** laws.tail_exponent(beta), rel=0.02)


def test_a_branching_process_loses_what_the_law_of_generations_says():
    # Counts of one outcome with mean 3 in D_0, each generation Poisson about the last.
    rng = np.random.default_rng(0)
    counts = rng.poisson(3.0, 200_000)
    for g in range(4):
        shrunk = laws.tail_generations(2, g)[-1] ** -2
        assert (counts == 0).mean() == pytest.approx(math.exp(-3 * shrunk), abs=0.004)
        counts = rng.poisson(counts)


def test_bad_arguments():
    with pytest.raises(ValueError, match="beta"):
        laws.tail_scaling(1.0, 100)
    with pytest.raises(ValueError, match="cut"):
        laws.memorising_error(2, 10, 5, cut=6)
