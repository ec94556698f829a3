import math

import numpy as np
import pytest

from collapsebench.board.stats import (
    Interval,
    jackknife_half_width,
    paired_gap,
    recovered_gap,
    student_t_interval,
    swap_p_values,
)


def swap_p_value(ours, theirs, scores, **options):
    """The p-value of a single pair of entries."""
    (value,) = swap_p_values(ours, [[losses] for losses in theirs], scores, **options)
    return value


T2 = 4.302652729911275  # the 97.5 % quantile of Student's t with two degrees of freedom


def test_student_t_interval_of_one_two_three():
    interval = student_t_interval([1.0, 2.0, 3.0])
    assert interval.centre == 2.0
    assert interval.half_width == pytest.approx(T2 / math.sqrt(3))  # 2.484
    assert (interval.low, interval.high) == pytest.approx((-0.484, 4.484), abs=1e-3)


def test_one_value_has_no_interval():
    assert student_t_interval([5.0]).centre == 5.0
    assert math.isnan(student_t_interval([5.0]).half_width)
    assert math.isnan(student_t_interval([]).centre)


def test_paired_gap_ignores_what_the_pairs_share():
    # Differences 1, 2, 3: mean 2, standard error 1/√3, whatever each pair has in common.
    gap = paired_gap([101.0, 12.0, 1003.0], [100.0, 10.0, 1000.0])
    assert (gap.mean, gap.pairs) == (2.0, 3)
    assert gap.standard_error == pytest.approx(1 / math.sqrt(3))
    assert gap.ratio == pytest.approx(2 * math.sqrt(3))


def test_gap_without_noise_or_with_one_pair():
    assert paired_gap([2.0, 2.0], [1.0, 1.0]).ratio == math.inf
    assert paired_gap([1.0, 1.0], [1.0, 1.0]).ratio == 0.0
    assert math.isnan(paired_gap([2.0], [1.0]).ratio)


def test_the_jackknife_of_a_mean_is_the_usual_interval():
    x = np.array([1.0, 2.0, 4.0])
    left_out = [3.0, 2.5, 1.5]
    assert jackknife_half_width(left_out) == pytest.approx(student_t_interval(x).half_width)


def test_recovered_gap_is_a_ratio_of_means():
    # (3 + 5)/2 - 2 over (3 + 5)/2 - 1: 2/3, though the seeds' own ratios are 1/2 and 3/4, with mean 5/8.
    recovered = recovered_gap([2.0, 2.0], [3.0, 5.0], [1.0, 1.0])
    assert recovered.centre == pytest.approx(2 / 3)
    assert recovered.half_width == pytest.approx(12.706204736174698 * 0.125)  # jackknife of 1/2 and 3/4
    assert recovered_gap([3.0, 5.0], [3.0, 5.0], [1.0, 1.0]).centre == 0
    assert recovered_gap([1.0, 1.0], [3.0, 5.0], [1.0, 1.0]) == Interval(1.0, 0.0)


def test_recovered_gap_of_one_seed_or_none():
    assert recovered_gap([2.0], [4.0], [1.0]).centre == pytest.approx(2 / 3)
    assert math.isnan(recovered_gap([2.0], [4.0], [1.0]).half_width)
    assert math.isnan(recovered_gap([], [], []).centre)
    assert math.isnan(recovered_gap([2.0, 2.0], [1.0, 1.0], [1.0, 1.0]).centre)  # there is no gap


def by_loss(means):
    return -means


def test_swapping_three_pairs_gives_eight_patterns():
    # Differences 1, 2, 4: only no swap and all swaps reach |7|, so 2 of 8. Of -1, 2, 4 the mean is 5: those that reach
    # it are 5 and 7 and their opposites, 4 of 8.
    assert swap_p_value([[1.0, 2.0, 4.0]], [[0.0, 0.0, 0.0]], [by_loss]) == 2 / 8
    assert swap_p_value([[0.0, 2.0, 4.0]], [[1.0, 0.0, 0.0]], [by_loss]) == 4 / 8
    assert swap_p_value([[1.0, 2.0]], [[1.0, 2.0]], [by_loss]) == 1.0
    assert swap_p_value([], [], []) == 1.0


def test_settings_are_swapped_apart_and_scored_by_their_own():
    # Two settings with one pair each, scored by -loss and -10 loss: statistics of the four patterns +-1 +-20.
    scores = [by_loss, lambda means: -10 * means]
    assert swap_p_value([[1.0], [2.0]], [[0.0], [0.0]], scores) == 2 / 4
    assert swap_p_value([[0.0], [2.0]], [[1.0], [0.0]], scores) == 4 / 4  # |19|: the others are 21, 19 and 21


def test_one_wild_seed_tells_no_two_entries_apart():
    # The score is cut off at -2, which whoever has the wild seed gets. Alone it makes all patterns alike.
    ours = [[1.0, 1.1, 1.2, 1.3, 1.4, 1.5]]

    def clipped(means):
        return np.maximum(-means, -2.0)

    assert swap_p_value(ours, [[1.0, 1.1, 1.2, 1.3, 1.4, 2000.0]], [clipped]) == 1.0
    assert swap_p_value(ours, [[1.5, 1.6, 1.7, 1.8, 1.9, 2000.0]], [clipped]) == 2 / 64  # the other seeds do


def test_many_pairs_are_swapped_at_random_and_always_alike():
    rng = np.random.default_rng(0)
    ours, theirs = rng.normal(size=(2, 4, 5))
    once = swap_p_value(list(ours), list(theirs), [by_loss] * 4)
    assert once == swap_p_value(list(ours), list(theirs), [by_loss] * 4)
    assert 0.05 < once < 1
    assert swap_p_value(list(ours + 9), list(theirs), [by_loss] * 4) == 1 / 4096


def test_a_large_p_value_may_be_given_up_early_but_no_small_one():
    rng = np.random.default_rng(0)
    ours, theirs = rng.normal(size=(4, 3)), rng.normal(rng.normal(0, 1, (60, 1, 1)), 1, (60, 4, 3))
    pairs = (list(ours), list(np.moveaxis(theirs, 1, 0)), [by_loss] * 4)
    known, early = swap_p_values(*pairs), swap_p_values(*pairs, most=0.025)
    assert 0 < np.count_nonzero(known < 0.025) < len(known)
    assert np.where(known <= 0.025, known, 1).tolist() == np.where(early <= 0.025, early, 1).tolist()
    assert (early <= known).all() and early.max() < known.max()
