"""The intervals of a board hold what they claim, in simulated boards whose truth is known."""

import importlib.util
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "coverage.py"


@pytest.fixture(scope="module")
def simulate():
    spec = importlib.util.spec_from_file_location("coverage_benchmark", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


@pytest.mark.parametrize("worth", [0.1, 1.6])
@pytest.mark.parametrize("closed", [False, True])
def test_the_interval_of_a_worth_covers(simulate, worth, closed):
    assert simulate.worth_coverage(simulate.World(closed=closed), worth, seeds=5, number=500) >= 0.92


def test_the_simulation_sees_an_interval_that_is_too_narrow(simulate):
    found = [curve.worth(losses[0]) for ((curve, losses),) in simulate.boards([simulate.World()], [[1.6]], 5, 300)]
    half = [simulate.Interval(worth.log2.centre, worth.log2.half_width / 2) for worth in found]
    assert simulate.covered(half, simulate.math.log2(1.6)) < 0.85


def test_the_scores_interval_covers_settings_of_unequal_noise(simulate):
    assert simulate.score_coverage(simulate.UNEQUAL, (0.6, 1.6, 3.0), seeds=5, number=300) >= 0.92
    assert simulate.score_coverage(simulate.UNEQUAL, (0.6, 1.6, 3.0), seeds=3, number=300) >= 0.92


@pytest.mark.parametrize("settings", [3, 7])
def test_the_interval_for_new_settings_covers(simulate, settings):
    def normal(rng, k):
        return rng.standard_normal(k)

    assert simulate.new_settings_coverage(normal, settings, seeds=5, number=1000) >= 0.93


@pytest.mark.parametrize("gap", [0.05, 0.45])
def test_the_interval_of_the_recovered_gap_covers(simulate, gap):
    assert simulate.recovered_coverage(gap, 0.4, 0.2, seeds=5, number=1000) >= 0.93


def test_equal_entries_are_seldom_told_apart_and_unequal_ones_are(simulate):
    assert simulate.splits(simulate.THREE, [[1.5, 1.5]] * 3, seeds=3, number=500) <= 0.07  # .05, and what 500 err by
    assert simulate.splits(simulate.THREE, [[1.0, 2.0]] * 3, seeds=3, number=50) == 1.0


def test_better_here_and_worse_there_is_level(simulate):
    assert simulate.splits(*simulate.OPPOSITE, seeds=5, number=300) <= 0.07
