import math

import pytest

from collapsebench import PluginError
from collapsebench.core.method import METHODS

EXACT = {"missed": 0.0, "false_alarm": 0.0}


def stream(k, alpha):
    return {"purify": {"k": k, "alpha": alpha, **EXACT}}


def test_exact_counts_of_fresh_and_synthetic_rows(curate):
    out = curate("fresh_mix", n=8, alpha=0.25, draws="counts", worlds=stream(10, 0.4))
    assert len(out.real) == 2  # of the four that arrived
    assert len(out.rows) == 8
    assert set(out.rows) <= set(out.arrived)  # the six synthetic ones that arrived
    assert out.log == {"fresh": 2.0}
    assert out.costs["mark_calls"] == 10
    assert out.costs["synthetic_examples"] == 6


def test_a_mixture_flips_a_coin_per_row(curate):
    fresh = [len(curate("fresh_mix", n=40, alpha=0.25, seed=s, worlds=stream(80, 0.5)).real) for s in range(100)]
    assert len(set(fresh)) > 5
    assert sum(fresh) / 100 == pytest.approx(10, abs=1.1)  # standard error 0.27


def test_the_edges_are_all_fresh_and_all_synthetic(curate):
    assert curate("fresh_mix", n=4, alpha=1.0, worlds=stream(8, 0.5)).real == [1, 2, 3, 4]
    assert curate("fresh_mix", n=4, alpha=0.0, worlds=stream(8, 0.5)).real == []


def test_no_more_rows_are_fresh_than_arrived_and_the_model_makes_up_for_them(curate):
    out = curate("fresh_mix", n=8, alpha=0.5, draws="counts", worlds=stream(4, 0.5))
    assert len(out.real) == 2
    assert len(out.rows) == 8
    assert out.costs["synthetic_examples"] == 2 + 4  # those that arrived, and more


def test_a_larger_set_takes_more_from_the_model(curate):
    out = curate("fresh_mix", n=4, alpha=0.25, size=2.0, draws="counts", worlds=stream(4, 1.0))
    assert len(out.real) == 2
    # M_0 has mean 2.5; its six rows are 100, ..., 105.
    assert out.rows[2:] == [100, 101, 102, 103, 104, 105]


def test_its_track_and_scope_are_those_of_marks():
    assert METHODS.get("fresh_mix")().track == "marked"
    assert METHODS.get("fresh_mix")().questions() == {"purify"}


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
