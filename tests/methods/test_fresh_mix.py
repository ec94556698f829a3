import math

import pytest

from collapsebench import PluginError
from collapsebench.core.method import METHODS


def test_exact_counts_of_fresh_and_synthetic_rows(curate):
    out = curate("fresh_mix", n=8, alpha=0.25, draws="counts")
    assert len(out.real) == 2
    assert len(out.rows) == 8
    assert len(set(out.rows) & set(range(101, 109))) == 6
    assert out.log == {"fresh": 2.0}
    assert out.costs["real_examples"] == 2
    assert out.costs["synthetic_examples"] == 8  # S_t


def test_a_mixture_flips_a_coin_per_row(curate):
    fresh = [len(curate("fresh_mix", n=40, alpha=0.25, seed=seed).real) for seed in range(100)]
    assert len(set(fresh)) > 5
    assert sum(fresh) / 100 == pytest.approx(10, abs=1.1)  # standard error 0.27


def test_the_edges_are_all_fresh_and_all_synthetic(curate):
    assert curate("fresh_mix", n=4, alpha=1.0).real == [1, 2, 3, 4]
    assert curate("fresh_mix", n=4, alpha=0.0).rows == [101, 102, 103, 104]


def test_a_larger_set_takes_more_from_the_model(curate):
    out = curate("fresh_mix", n=4, alpha=0.25, size=2.0, draws="counts")
    assert len(out.real) == 2
    # S_t is 101, ..., 104; two more samples stand around 102.5.
    assert sorted(set(out.rows) - set(out.real)) == [101, 102, 103, 104]
    assert len(out.rows) == 8
    assert out.costs["synthetic_examples"] == 6


def test_its_track_is_fresh():
    assert METHODS.get("fresh_mix")().track == "fresh"


@pytest.mark.parametrize(
    "bad",
    [
        {"alpha": 1.5},
        {"alpha": -0.1},
        {"decay": -1.0},
        {"size": 0.0},
        {"size": math.inf},
        {"growth": -1.0},
        {"draws": "all"},
    ],
)
def test_bad_parameters_are_named(bad):
    with pytest.raises(PluginError, match=next(iter(bad))):
        METHODS.get("fresh_mix")(**bad)


def test_a_size_that_rounds_to_nothing_is_named_before_anything_runs():
    with pytest.raises(PluginError, match=r"size = 0.1 of n = 4 gives no examples"):
        METHODS.get("fresh_mix")(size=0.1).check(4)
