import math

import numpy as np
import pytest

from collapsebench.validate import judge


def test_an_exact_law_by_hand(claim):
    # Mean 2 and standard error 1 at the first point, the same number in every seed at the second.
    samples = np.array([[1.0, 5.0], [3.0, 5.0]])
    verdict = judge(claim([0.0, 5.0]), samples)
    assert (verdict.measured, verdict.standard_error, verdict.deviation) == (2, 1, 2)
    assert verdict.passed
    assert verdict.where == "generation 0"
    assert not judge(claim([-2.0, 5.0]), samples).passed  # z = 4
    assert not judge(claim([2.0, 5.1]), samples).passed  # no seed gives this


def test_only_judged_points_count(claim):
    samples = np.array([[1.0, 9.0], [3.0, 9.0]])
    assert judge(claim([2.0, 5.0], judged=(0,)), samples).passed


def test_an_asymptotic_law_goes_by_its_relative_error(claim):
    samples = np.array([[100.0, 0.0], [103.0, 0.0]])
    keys = {"gate": "asymptotic", "judged": (0,), "tolerance": 0.02}
    assert judge(claim([100.0, 1.0], **keys), samples).deviation == pytest.approx(0.015)
    assert judge(claim([100.0, 1.0], **keys), samples).passed
    assert not judge(claim([99.0, 1.0], **keys), samples).passed


def test_a_relative_claim_is_about_the_ratio_of_means(claim):
    samples = np.array([[1.0, 2.0], [3.0, 6.0]])
    verdict = judge(claim([1.0, 2.0], relative=True), samples)
    assert verdict.mean.tolist() == [1, 2]
    assert verdict.error.tolist() == [0, 0]  # every seed has the same ratio


def test_inequalities_and_directions(claim):
    samples = np.array([[1.0, 2.0], [1.2, 2.4]])
    assert judge(claim([3.0, 3.0], gate="at_most"), samples).passed
    assert not judge(claim([3.0, 1.0], gate="at_most"), samples).passed
    assert judge(claim([0.0, 2.0], gate="at_least"), samples).passed
    assert judge(claim([math.nan] * 2, gate="rising"), samples).passed
    assert not judge(claim([math.nan] * 2, gate="falling"), samples).passed


def test_an_exponent(claim):
    x = (1.0, 10.0, 100.0)
    samples = np.array([[1.0, 0.1, 0.01], [3.0, 0.3, 0.03]])
    verdict = judge(claim([5.0, 0.5, 0.05], gate="slope", x=x), samples)
    assert verdict.measured == pytest.approx(-1)
    assert verdict.passed
    assert not judge(claim([1.0, 0.2, 0.04], gate="slope", x=x), samples).passed


def test_what_is_not_a_number_never_passes(claim):
    samples = np.array([[math.nan, 1.0], [1.0, 1.0]])
    for gate in ("exact", "asymptotic", "at_most", "at_least", "rising", "falling"):
        assert not judge(claim([1.0, 1.0], gate=gate), samples).passed


def test_what_an_exact_law_detects_is_six_standard_errors_at_the_best_judged_generation(claim):
    # Standard errors 1 and .1, of theories 2 and 5; generation 0 does not count, as no method has run.
    samples = np.array([[0.001, 1.0, 4.9], [0.001, 3.0, 5.1]])
    assert judge(claim([0.001, 2.0, 5.0]), samples).detects == pytest.approx(6 * 0.1 / 5)
    assert judge(claim([0.001, 2.0, 5.0], judged=(0, 1)), samples).detects == pytest.approx(6 / 2)


def test_what_a_limit_detects_is_its_tolerance_and_how_far_it_is_away(claim):
    samples = np.array([[1.0, 100.0], [1.0, 102.0]])
    keys = {"gate": "asymptotic", "judged": (1,), "tolerance": 0.02}
    assert judge(claim([1.0, 100.0], **keys), samples).detects == pytest.approx((2 + 1 + 2) / 101)


def test_a_fault_of_what_is_detected_is_refused_up_and_down(claim):
    rng, theory = np.random.default_rng(0), [1.0, 5.0]
    for gate in ("exact", "asymptotic"):
        keys = {"gate": gate, "tolerance": 0.02, "judged": (1,)}
        detects = judge(claim(theory, **keys), np.array(theory) + 0.05 * rng.standard_normal((400, 2))).detects
        for sign in (1, -1):
            faulty = [
                judge(claim(theory, **keys), np.array(theory) * (1 + sign * detects) + 0.05 * noise)
                for noise in rng.standard_normal((100, 400, 2))
            ]
            assert sum(verdict.passed for verdict in faulty) <= 8


def test_what_an_inequality_detects_is_its_slack_and_noise(claim):
    samples = np.array([[1.0, 4.0], [1.0, 4.2]])
    verdict = judge(claim([9.0, 5.0], gate="at_most", judged=(1,)), samples)
    assert verdict.detects == pytest.approx((0.9 + 6 * 0.1) / 4.1)


def test_a_direction_detects_no_number(claim):
    samples = np.array([[1.0, 2.0], [1.2, 2.4]])
    assert judge(claim([math.nan] * 2, gate="rising"), samples).detects == math.inf
