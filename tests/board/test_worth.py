"""How many real examples a loss is worth."""

import math

import numpy as np
import pytest

from collapsebench.board.stats import Interval, jackknife_half_width, swap_p_values
from collapsebench.board.worth import LearningCurve, ahead, inverted, mean_log2, monotone

T1 = 12.706204736174698  # the 97.5 % quantile of Student's t with one degree of freedom
MULTIPLES = (0.25, 0.5, 1.0, 2.0, 4.0)
ONE_OVER_N = (4.0, 2.0, 1.0, 0.5, 0.25)


def curve(*losses) -> LearningCurve:
    return LearningCurve(MULTIPLES, np.array(losses))


def test_half_the_loss_of_a_curve_of_one_over_n_is_worth_twice_the_rows():
    halving = curve(ONE_OVER_N, ONE_OVER_N)
    assert halving.worth([0.5, 0.5]).log2.centre == pytest.approx(1.0)
    assert halving.worth([2.0, 2.0]).log2.centre == pytest.approx(-1.0)
    assert halving.worth([math.sqrt(0.5)] * 2).log2.centre == pytest.approx(0.5)  # between two points of the curve


def test_the_interval_of_two_seeds_by_hand():
    # Mean .75: V = 4/3. Without the first seed the loss is 1, V = 1; without the second .5, V = 2. So the jackknife
    # has 0 and 1: half-width t_1 times sqrt((2 - 1) * 1/4).
    worth = curve(ONE_OVER_N, ONE_OVER_N).worth([0.5, 1.0])
    assert worth.log2.centre == pytest.approx(math.log2(4 / 3))
    assert worth.log2.half_width == pytest.approx(T1 / 2)


def test_the_interval_carries_the_error_of_the_curve():
    noisy = curve((4.0, 2.0, 1.0, 0.6, 0.25), (4.0, 2.0, 1.0, 0.4, 0.25))
    assert noisy.worth([0.5, 0.5]).log2.centre == pytest.approx(1.0)
    assert noisy.worth([0.5, 0.5]).log2.half_width > 1  # though both seeds of the method are equal


def test_frozen_is_worth_one_exactly_whatever_the_curve_is():
    rng = np.random.default_rng(0)
    for _ in range(50):
        losses = rng.lognormal(size=(11, 5))
        worth = LearningCurve(MULTIPLES, losses).worth(losses[:, 2])
        assert (worth.log2, worth.outside) == (Interval(0.0, 0.0), 0)


def test_outside_the_curve_stands_its_end_without_an_interval():
    halving = curve(ONE_OVER_N, ONE_OVER_N)
    above, below = halving.worth([40.0, 50.0]), halving.worth([0.1, 0.2])
    assert (above.log2.centre, above.outside) == (pytest.approx(-2.0), -1)
    assert (below.log2.centre, below.outside) == (pytest.approx(2.0), 1)
    assert math.isnan(above.log2.half_width)
    assert math.isnan(below.log2.half_width)


def test_a_wild_seed_costs_no_more_than_the_end_of_the_curve():
    halving = curve(ONE_OVER_N, ONE_OVER_N, ONE_OVER_N)
    assert halving.worth([1.0, 1.0, 2000.0]) == halving.worth([1.0, 1.0, 4.0])
    assert halving.worth([1.0, 1.0, 2000.0]).log2.centre == pytest.approx(-1.0)  # a mean of 2


def test_one_seed_has_a_worth_and_no_interval():
    worth = curve(ONE_OVER_N).worth([0.5])
    assert worth.log2.centre == pytest.approx(1.0)
    assert math.isnan(worth.log2.half_width)


def test_losses_that_are_not_positive_are_read_off_the_curve_without_logarithms():
    nats = curve((3.0, 1.0, 0.0, -1.0, -1.5))
    assert nats.worth([-0.5]).log2.centre == pytest.approx(0.5)


def test_a_curve_that_rises_is_made_monotone_and_kept_at_one():
    assert list(monotone([4.0, 5.0, 1.0, 0.25, 0.75], 2)) == [4.5, 4.5, 1.0, 0.5, 0.5]
    assert list(monotone([0.5, 3.0, 1.0, 2.0, 0.5], 2)) == [1.75, 1.75, 1.0, 1.0, 0.5]
    assert list(monotone([1.0, 0.5], 0)) == [1.0, 0.5]


def test_a_flat_stretch_stands_for_its_middle_and_that_of_frozen_for_one():
    sizes = np.log2(MULTIPLES)
    assert inverted(sizes, np.array([4.0, 4.0, 1.0, 0.5, 0.5]), np.array([4.0, 0.5]), 2) == pytest.approx([-1.5, 1.5])
    assert inverted(sizes, np.array([4.0, 2.0, 1.0, 1.0, 0.5]), np.array([1.0]), 2) == pytest.approx([0.0])


def test_a_closed_form_is_scaled_to_what_frozen_scored():
    scaled = LearningCurve.of_shape(MULTIPLES, [8.0, 4.0, 2.0, 1.0, 0.5], [0.9, 1.1])
    assert scaled.losses == pytest.approx(np.outer([0.9, 1.1], ONE_OVER_N))
    assert scaled.worth([0.45, 0.55]).log2 == Interval(pytest.approx(1.0), pytest.approx(0.0))


def test_a_setting_counts_where_doubling_moves_the_loss_by_four_standard_errors():
    # Differences .4, .5, .6: mean .5, standard error .1/sqrt(3). Differences .1, .5, .9: .4/sqrt(3).
    steep = curve(*((4.0, 2.0, 1.0, 1 - d, 0.2) for d in (0.4, 0.5, 0.6)))
    noisy = curve(*((4.0, 2.0, 1.0, 1 - d, 0.2) for d in (0.1, 0.5, 0.9)))
    assert steep.doubling.ratio == pytest.approx(0.5 / (0.1 / math.sqrt(3)))  # 8.7
    assert steep.counts
    assert not noisy.counts  # 2.2
    assert steep.resolution == pytest.approx(2 ** (4.302652729911275 * 0.1 / math.sqrt(3) / 0.5))  # 1.41
    assert curve(ONE_OVER_N).resolution == math.inf
    assert curve((4.0, 2.0, 1.0, 1.5, 0.2), (4.0, 2.0, 1.0, 1.6, 0.2)).resolution == math.inf


def test_a_curve_that_ends_at_one_tells_nothing():
    short = LearningCurve((0.5, 1.0), np.array([[2.0, 1.0], [2.0, 1.0]]))
    assert not short.counts
    assert short.resolution == math.inf


def test_the_mean_over_settings_leaves_out_a_seed_of_all_at_once():
    # Seed 0 is worth 2 in both settings and seed 1 is worth 1: the errors add up. Turned round in one, they cancel.
    halving = curve(ONE_OVER_N, ONE_OVER_N)
    same = mean_log2([halving, halving], [[0.5, 1.0], [0.5, 1.0]])
    opposite = mean_log2([halving, halving], [[0.5, 1.0], [1.0, 0.5]])
    assert same.centre == opposite.centre == pytest.approx(math.log2(4 / 3))
    assert same.half_width == pytest.approx(T1 / 2)
    assert opposite.half_width == pytest.approx(0.0)
    assert math.isnan(mean_log2([], []).centre)


def test_the_mean_over_settings_takes_the_end_where_a_loss_is_outside():
    halving = curve(ONE_OVER_N, ONE_OVER_N)
    score = mean_log2([halving, halving], [[100.0, 200.0], [0.5, 0.5]])
    assert score == Interval(pytest.approx((-2 + 1) / 2), pytest.approx(0.0))


def test_the_difference_of_two_entries_leaves_out_a_seed_of_both():
    # 2 against 1 and 4 against 2, whatever the seed: exactly one doubling apart.
    halving = curve(ONE_OVER_N, ONE_OVER_N)
    assert ahead([halving], [[0.5, 0.25]], [[[1.0, 0.5]]]) == pytest.approx(1.0)


def test_two_entries_are_told_apart_by_swaps_or_with_few_pairs_by_their_interval():
    three = curve(*[ONE_OVER_N] * 3)
    ours, theirs = np.array([0.5, 0.51, 0.49]), np.array([1.0, 1.0, 1.0])
    assert ahead([three], [ours], [[theirs]]) == pytest.approx(1.0, abs=0.01)
    assert ahead([three], [theirs], [[ours]]) == pytest.approx(-1.0, abs=0.01)
    assert ahead([three], [ours], [[[0.5, 0.5, 0.5]]]) == 0  # level
    assert ahead([three] * 3, [ours] * 3, [[theirs] * 3]) == pytest.approx(1.0, abs=0.01)
    assert ahead([three] * 3, [ours] * 3, [[ours[::-1]] * 3]) == 0
    assert ahead([curve(ONE_OVER_N)], [[0.5]], [[[1.0]]]) == 0  # one seed tells nothing


def test_many_small_advantages_are_told_by_swaps_and_a_large_one_by_its_interval():
    """Each test alone misses the other's case."""
    three, rng = curve(*[ONE_OVER_N] * 3), np.random.default_rng(0)
    common = rng.lognormal(0, 0.3, (5, 3))  # seeds differ far more than entries
    slightly = 0.9 * common * (1 + 0.04 * np.array([[-1, 0, 1]]))
    assert ahead([three] * 5, slightly, [common]) > 0
    once = np.ones((5, 3))
    once[0] = 4.0
    assert swap_p_values(list(once), [np.ones((1, 3))] * 5, [three.log2] * 5) == pytest.approx(0.25, abs=0.02)
    assert ahead([three] * 5, once, np.ones((1, 5, 3))) == pytest.approx(-2 / 5)


def test_each_of_two_tests_has_half_the_level():
    nine, theirs = curve(*[ONE_OVER_N] * 9), np.ones(9)
    ours = theirs - np.array([0.23, 0.23, 0.13, 0.13, 0.13, 0.08, 0.08, -0.07, -0.09])
    assert swap_p_values([ours], [[theirs]], [nine.log2]) == pytest.approx(0.047, abs=1e-3)
    curves = enumerate(nine.without_one)
    left_out = [c.log2(np.delete(ours, s).mean()) - c.log2(np.delete(theirs, s).mean()) for s, c in curves]
    assert nine.log2(ours.mean()) > jackknife_half_width(left_out)  # though only by a little
    assert ahead([nine], [ours], [[theirs]]) == 0
    assert ahead([nine], [ours - 0.02], [[theirs]]) > 0


@pytest.mark.parametrize(("settings", "seeds"), [(1, 5), (3, 3)])
def test_a_wild_seed_tells_no_entry_apart_and_hides_no_difference(settings, seeds):
    curves, ones = [curve(*[ONE_OVER_N] * seeds)] * settings, np.ones((settings, seeds))
    wild, worse = ones.copy(), 2 * ones
    wild[0, 0] = worse[0, 0] = 2000.0
    assert ahead(curves, wild, [ones]) == 0
    assert ahead(curves, worse, [ones]) < -1


def test_an_entry_is_compared_with_many_at_once_as_with_each_alone():
    """With seven pairs and more, so that some are told apart by each test and some by none."""
    curves, draw = [curve(*[ONE_OVER_N] * 3)] * 4, np.random.default_rng(1)
    many = draw.lognormal(draw.normal(0, 0.5, (40, 1, 1)), 0.2, (40, 4, 3))
    at_once = ahead(curves, many[0], many[1:])
    assert 0 < np.count_nonzero(at_once) < len(at_once)
    assert at_once.tolist() == [ahead(curves, many[0], other[None]).item() for other in many[1:]]
    assert at_once.tolist() == [-ahead(curves, other, many[:1]).item() for other in many[1:]]
