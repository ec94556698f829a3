import pytest

from collapsebench import PluginError
from collapsebench.core.method import METHODS
from collapsebench.testing import Toy


class Outer(Toy):
    """Of S_1, 101, ..., 104, nothing is right."""

    def verify(self, corpus):
        return (corpus["x"] - 102.5).abs() > 2


class Wrong(Toy):
    """Nothing is right."""

    def verify(self, corpus):
        return corpus["x"] < 0


def test_draws_until_n_are_kept(curate):
    out = curate("verify_filter", n=4, memory="replace")  # the verifier keeps even rows
    assert out.rows == [102, 102, 104, 104]
    assert out.log == {"keep_rate": 0.5, "kept": 4.0, "shortfall": 0.0}
    assert out.costs["verifier_calls"] == 8
    assert out.costs["synthetic_examples"] == 8  # S_t and as many again


def test_a_shortfall_is_logged(curate):
    out = curate("verify_filter", n=4, max_candidates=1.0, memory="replace")
    assert out.rows == [102, 104]
    assert (out.log["kept"], out.log["shortfall"]) == (2.0, 2.0)


def test_all_that_it_keeps_is_kept(curate):
    # Of S_1 nothing is kept, so the 28 candidates that are left are drawn: 89, ..., 116, without 101, ..., 104.
    out = curate("verify_filter", n=4, task=Outer(drift=100), memory="replace")
    assert out.rows == [*range(89, 101), *range(105, 117)]
    assert out.log == {"keep_rate": 24 / 32, "kept": 24.0, "shortfall": 0.0}


def test_where_data_are_to_grow_every_verified_row_is_taken(curate):
    out = curate("verify_filter", n=4, worlds={"grow": {"m": 40}})
    assert sorted(out.rows) == [1, 2, 3, 4, *(x for x in out.arrived if x % 2 == 0)]
    assert len(out.rows) == 4 + 20
    assert out.costs["synthetic_examples"] == 40  # no further draws


def test_on_a_polluted_stream_it_looks_at_what_arrived_and_draws_no_more(curate):
    out = curate("verify_filter", n=4, worlds={"purify": {"k": 4, "alpha": 0.5}})
    assert out.rows == sorted([1, 2, 3, 4, *(x for x in out.arrived if x % 2 == 0)])
    assert out.costs["verifier_calls"] == 4


def test_a_noisy_verifier_is_the_worlds(curate):
    worlds = {"preserve": {"phi": 0.5, "psi": 0.25}}
    out = curate("verify_filter", n=4000, worlds=worlds, max_candidates=1.0, memory="replace")
    right = sum(row % 2 == 0 for row in out.rows)
    assert right == pytest.approx(1000, abs=100)
    assert len(out.rows) - right == pytest.approx(500, abs=80)


def test_where_nothing_is_kept_it_goes_on_with_its_memory(curate):
    out = curate("verify_filter", n=4, t=2, task=Wrong(drift=100))
    assert out.rows == [1, 2, 3, 4]
    assert out.log == {"keep_rate": 0.0, "kept": 0.0, "shortfall": 4.0}


def test_keeping_nothing_without_memory_is_an_error(curate):
    with pytest.raises(PluginError, match="kept none of 64 candidates"):
        curate("verify_filter", n=8, task=Wrong(drift=100), memory="replace")


def test_kept_rows_stay_kept(curate):
    # Of S_1 and S_2 four even rows each, which stay in D_3.
    out = curate("verify_filter", n=4, t=2)
    assert {102, 104} < set(out.rows)
    assert len(out.rows) == 4 + 4 + 4
    assert len(curate("verify_filter", n=4, t=2, memory="anchored").rows) == 4 + 4


@pytest.mark.parametrize("bad", [{"max_candidates": 0.5}, {"memory": "none"}])
def test_bad_parameters_are_named(bad):
    with pytest.raises(PluginError, match=next(iter(bad))):
        METHODS.get("verify_filter")(**bad)


def test_it_is_assisted():
    assert METHODS.get("verify_filter")().track == "assisted"
    assert METHODS.get("verify_filter")(memory="anchored").access() == {"verifier", "history"}
