import math

import numpy as np
import pytest

from collapsebench import laws


def test_one_edit_by_hand():
    # Relabelling every row is one step of replace: twice the error. Half the rows: 1 + 1 - 1/4.
    assert laws.edit_once(1) == 2
    assert laws.edit_once(0.5) == 1.75
    assert laws.edit_once_exact(40, 5, 40) == pytest.approx(2)
    assert laws.edit_once_exact(40, 5, 0) == 1
    assert laws.edit_once_exact(10**6, 3, 10**6 // 2) == pytest.approx(1.75, abs=1e-5)
    assert max(laws.edit_once_exact(14, 3, k) for k in range(15)) == pytest.approx(laws.PUBLISHED_EDIT_BOUND)


def test_two_disjoint_edits_by_hand():
    # With b_i, a_i the real and the fresh noise of half i (variance 1/2 each): w_1 = b_1 + b_2,
    # w_2 = 3/2 w_1 + a_1 - b_1, w_3 = 3/2 w_2 + a_2 - b_2 = 3/4 b_1 + 5/4 b_2 + 3/2 a_1 + a_2.
    by_hand = [1, (0.25 + 2.25 + 1) / 2, (0.5625 + 1.5625 + 2.25 + 1) / 2]
    np.testing.assert_allclose(laws.edit_disjoint_self([0.5, 0.5]), by_hand)
    np.testing.assert_allclose(laws.edit_disjoint_fixed([0.5, 0.5]), [1, 1.75, 2])


def test_two_rows_of_one_design_by_hand():
    # Two equal rows, w_1 = (b_1 + b_2)/2 with variance 1/2. Edit the first: w_2 = (w_1 + a_1 + b_2)/2. Edit the
    # second: (w_1 + a_1 + w_1 + a_2)/2 from M_0, (w_1 + a_1 + w_2 + a_2)/2 from the current model.
    masks = [[True, False], [False, True]]
    fixed, own = (laws.edit_given_design(np.ones((2, 1)), masks, prior) for prior in ("fixed", "self"))
    np.testing.assert_allclose(fixed, [1 / 2, 3.5 / 4, 1])
    np.testing.assert_allclose(own, [1 / 2, 3.5 / 4, (0.5625 + 1.5625 + 2.25 + 1) / 4])


@pytest.mark.parametrize(("steps", "error"), [(1, 2.00), (2, 2.69), (5, 3.50), (10, 3.91)])
def test_quoted_values_of_disjoint_edits(steps, error):
    assert laws.edit_disjoint_self([1 / steps] * steps)[-1] == pytest.approx(error, abs=0.01)
    assert laws.edit_disjoint_fixed([1 / steps] * steps)[-1] == pytest.approx(laws.PUBLISHED_EDIT_BOUND)


def test_disjoint_self_edits_are_bounded_by_two_e_minus_one():
    assert laws.edit_disjoint_self_limit() == pytest.approx(2 * math.e - 1)
    fine = laws.edit_disjoint_self([1 / 4000] * 4000)
    limits = [laws.edit_disjoint_self_limit(total) for total in (0.25, 0.5, 1)]
    np.testing.assert_allclose(fine[[1000, 2000, 4000]], limits, rtol=1e-3)
    rng = np.random.default_rng(0)
    for shares in rng.dirichlet(np.ones(6), size=200):
        assert laws.edit_disjoint_self(shares)[-1] < laws.edit_disjoint_self_limit()


@pytest.mark.parametrize(("share", "slope"), [(0.125, 0.234), (0.3, 0.51), (1.0, 1.0)])
def test_random_edits_diverge_with_the_prior_self_only(share, slope):
    np.testing.assert_allclose(np.diff(laws.edit_random_self(share, 5)), slope, atol=5e-4)
    fixed = laws.edit_random_fixed(share, 200)
    assert fixed[1] == pytest.approx(laws.edit_once(share))
    assert (np.diff(fixed) > -1e-12).all()
    assert fixed[-1] == pytest.approx(2)


def test_replacing_every_label_is_replace():
    everything = [np.ones(20, dtype=bool)] * 4
    design = np.random.default_rng(1).standard_normal((20, 3))
    curve = laws.edit_given_design(design, everything, "self")
    np.testing.assert_allclose(curve / curve[0], laws.regular_replace(4))


def test_bad_arguments():
    with pytest.raises(ValueError, match="sum to"):
        laws.edit_disjoint_self([0.6, 0.6])
    with pytest.raises(ValueError, match="n >= d"):
        laws.edit_once_exact(4, 3, 1)
    with pytest.raises(ValueError, match="full column rank"):
        laws.edit_given_design(np.ones((5, 2)), [], "self")
    with pytest.raises(ValueError, match="prior"):
        laws.edit_given_design(np.eye(3), [], "other")
