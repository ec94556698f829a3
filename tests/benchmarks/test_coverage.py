"""The intervals of a board hold what they claim, in simulated boards whose truth is known."""

import importlib.util
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "coverage.py"


@pytest.fixture(scope="module")
def simulate():
    spec = importlib.util.spec_from_file_location("coverage_benchmark", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("method", ["nearly as good as frozen", "half way", "no better than replace"])
@pytest.mark.parametrize("gap", [0.05, 0.26])
def test_one_tasks_interval_covers_though_its_denominator_is_noisy(simulate, method, gap):
    losses = simulate.Losses(gap, *simulate.METHODS[method])
    assert simulate.task_coverage(losses, seeds=5, boards=1000) >= 0.93


def test_one_tasks_interval_covers_skewed_losses(simulate):
    losses = simulate.Losses(0.26, *simulate.METHODS["half way"], skewed=True)
    assert simulate.task_coverage(losses, seeds=5, boards=1000) >= 0.93


@pytest.mark.parametrize("entry", ["two tasks", "three tasks, spreads 1 : 5 : 25", "seven tasks, like accumulate"])
def test_the_overall_interval_covers_tasks_of_unequal_spread(simulate, entry):
    assert simulate.overall_coverage(*simulate.ENTRIES[entry], seeds=5, boards=300) >= 0.93
    assert simulate.overall_coverage(*simulate.ENTRIES[entry], seeds=3, boards=100) >= 0.93


@pytest.mark.parametrize("tasks", [3, 7])
def test_the_interval_for_new_tasks_covers(simulate, tasks):
    def normal(rng, k):
        return 0.4 * rng.standard_normal(k)

    assert simulate.new_tasks_coverage(normal, tasks, seeds=5, boards=1000) >= 0.93


@pytest.mark.parametrize(("entries", "boards"), [(2, 1000), (6, 300)])
def test_equal_entries_are_seldom_told_apart(simulate, entries, boards):
    told_apart = simulate.false_ranks(entries, [0.1] * 7, seeds=5, boards=boards)
    assert told_apart <= 0.06  # 0.05 and what so few boards err by
