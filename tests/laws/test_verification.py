import math

import numpy as np
import pytest

from collapsebench import laws


def test_by_hand():
    # 40 of 100 labels wrong; keep 3 of 4 right ones and 1 of 4 wrong ones: 45 and 10.
    assert laws.kept_precision(0.4, 0.75, 0.25) == pytest.approx(45 / 55)
    assert laws.keep_rate(0.4, 0.75, 0.25) == pytest.approx(0.55)
    assert laws.breakdown_point(0.75, 0.25) == pytest.approx(0.75)


def test_breakdown_without_a_verifier_with_a_perfect_one_and_where_half_is_right():
    assert laws.breakdown_point(0.6, 0.6) == 0.5
    assert laws.breakdown_point(1.0, 0.0) == 1
    for phi, psi in [(0.9, 0.3), (0.2, 0.7)]:
        assert laws.breakdown_point(phi, psi) == pytest.approx(1 / (1 + psi / phi))
        assert laws.kept_precision(laws.breakdown_point(phi, psi), phi, psi) == pytest.approx(0.5)


def test_verified_mean_by_hand_and_in_the_long_run():
    # A narrow window around the centre replaces the mean by the centre at once.
    assert laws.verified_mean(0.0, 0.5, 1e-4, 1.0, 1)[1] == pytest.approx(0.5, abs=1e-7)
    # A window from the mean to infinity gives the half-normal mean sqrt(2/pi).
    assert laws.verified_mean(0.0, 50.0, 50.0, 1.0, 1)[1] == pytest.approx(math.sqrt(2 / math.pi))
    curve = laws.verified_mean(0.0, 1.0, 1.5, 1.0, 60)
    assert (np.diff(curve[:20]) > 0).all()
    assert curve[-1] == pytest.approx(1.0)


def test_bad_arguments():
    with pytest.raises(ValueError, match="keeps nothing"):
        laws.kept_precision(1.0, 1.0, 0.0)
    with pytest.raises(ValueError, match="0, 1"):
        laws.breakdown_point(1.2, 0.5)
    with pytest.raises(ValueError, match="too far"):
        laws.verified_mean(0.0, 100.0, 1.0, 1.0, 1)
