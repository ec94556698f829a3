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
