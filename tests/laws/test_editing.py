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


def test_two_disjoint_edits_by_hand():
    # With b_i, a_i the real and the fresh noise of half i (variance 1/2 each): w_1 = b_1 + b_2,
    # w_2 = 3/2 w_1 + a_1 - b_1, w_3 = 3/2 w_2 + a_2 - b_2 = 3/4 b_1 + 5/4 b_2 + 3/2 a_1 + a_2.
    by_hand = [1, (0.25 + 2.25 + 1) / 2, (0.5625 + 1.5625 + 2.25 + 1) / 2]
    np.testing.assert_allclose(laws.edit_disjoint_self([0.5, 0.5]), by_hand)
    np.testing.assert_allclose(laws.edit_disjoint_fixed([0.5, 0.5]), [1, 1.75, 2])


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


@pytest.mark.parametrize("prior", ["self", "fixed"])
def test_simulation_with_a_given_design(prior, rng, worst_z):
    seeds, n, d = 40_000, 12, 3
    design = rng.standard_normal((n, d))
    masks = rng.random((4, n)) < 0.4
    labels = rng.standard_normal((seeds, n))  # w* = 0, sigma2 = 1
    weights = first = labels @ np.linalg.pinv(design).T
    errors = [(weights**2).sum(1)]
    for mask in masks:
        source = weights if prior == "self" else first
        fresh = source @ design.T + rng.standard_normal((seeds, n))
        labels = np.where(mask, fresh, labels)
        weights = labels @ np.linalg.pinv(design).T
        errors.append((weights**2).sum(1))
    assert worst_z(np.transpose(errors), laws.edit_given_design(design, masks, prior)) < 4


def test_one_edit_is_exact_on_average_over_designs(rng, worst_z):
    n, d, edited = 14, 3, 6
    v = laws.regression_error(n, d, 1.0)
    curves = [laws.edit_given_design(rng.standard_normal((n, d)), [np.arange(n) < edited], "self") for _ in range(1000)]
    assert worst_z(np.array(curves) / v, [1, laws.edit_once_exact(n, d, edited)]) < 4


def test_fixed_prior_counts_each_edited_row_once_and_stays_below_the_published_bound(rng, worst_z):
    n, d = 14, 3
    v = laws.regression_error(n, d, 1.0)
    masks = [np.isin(np.arange(n), rows) for rows in ([0, 1, 2], [2, 3], [0, 1, 4, 5])]
    theory = [laws.edit_once_exact(n, d, edited) for edited in (0, 3, 4, 6)]
    curves = [laws.edit_given_design(rng.standard_normal((n, d)), masks, "fixed") for _ in range(1000)]
    assert worst_z(np.array(curves) / v, theory) < 4
    assert max(laws.edit_once_exact(n, d, k) for k in range(n + 1)) == pytest.approx(laws.PUBLISHED_EDIT_BOUND)


def disjoint(n, steps, rng):
    return np.arange(steps)[:, None] == rng.permutation(n) * steps // n


def random(n, share, generations, rng):
    return np.argsort(rng.random((generations, n))) < round(share * n)


def test_asymptotic_curves_are_reached_at_many_rows(rng):
    def averaged(masks, prior, n=400, d=2, designs=8):
        curves = [laws.edit_given_design(rng.standard_normal((n, d)), masks(n), prior) for _ in range(designs)]
        return np.mean([curve / curve[0] for curve in curves], axis=0)

    fifths = [0.2] * 5
    cases = [
        (averaged(lambda n: disjoint(n, 5, rng), "self"), laws.edit_disjoint_self(fifths)),
        (averaged(lambda n: disjoint(n, 5, rng), "fixed"), laws.edit_disjoint_fixed(fifths)),
        (averaged(lambda n: random(n, 0.3, 6, rng), "self"), laws.edit_random_self(0.3, 6)),
        (averaged(lambda n: random(n, 0.3, 6, rng), "fixed"), laws.edit_random_fixed(0.3, 6)),
    ]
    for measured, theory in cases:
        np.testing.assert_allclose(measured, theory, rtol=0.05)


def test_bad_arguments():
    with pytest.raises(ValueError, match="sum to"):
        laws.edit_disjoint_self([0.6, 0.6])
    with pytest.raises(ValueError, match="n >= d"):
        laws.edit_once_exact(4, 3, 1)
    with pytest.raises(ValueError, match="full column rank"):
        laws.edit_given_design(np.ones((5, 2)), [], "self")
    with pytest.raises(ValueError, match="prior"):
        laws.edit_given_design(np.eye(3), [], "other")
