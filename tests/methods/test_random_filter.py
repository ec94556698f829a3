import pytest

from collapsebench import PluginError
from collapsebench.core.method import METHODS
from collapsebench.testing import Toy


def test_n_distinct_rows_of_all_candidates(curate):
    out = curate("random_filter", n=8, candidates=2.0, task=Toy(noise=0.1), memory="replace")
    assert len(set(out.rows)) == 8
    assert 0 < len(set(out.rows) & set(out.arrived)) < 8
    assert out.costs["synthetic_examples"] == 16  # S_t and as many again


def test_one_times_n_candidates_are_the_synthetic_set(curate):
    out = curate("random_filter", n=8, candidates=1.0, memory="replace")
    assert out.rows == list(range(101, 109))
    assert out.costs["synthetic_examples"] == 8


@pytest.mark.parametrize(("world", "kept"), [("purify", 4), ("grow", 20)])
def test_of_what_arrives_elsewhere_it_keeps_the_same_share(curate, world, kept):
    out = curate("random_filter", n=8, candidates=2.0, world=world, memory="replace")
    assert len(out.rows) == kept  # of 8 and of 5 n
    assert set(out.rows) <= set(out.arrived)


@pytest.mark.parametrize(
    ("memory", "rows", "real"), [("replace", 4, 0), ("anchored", 8, 4), ("accumulate", 12, 4), ("subsample", 4, None)]
)
def test_what_is_kept_is_trained_with_what_the_memory_says(curate, memory, rows, real):
    out = curate("random_filter", n=4, t=2, memory=memory)
    assert len(out.rows) == rows
    assert real is None or len(out.real) == real


def test_its_memory_is_its_track():
    cls = METHODS.get("random_filter")
    assert (cls().memory, cls().track) == ("accumulate", "blind")
    assert cls(memory="anchored").track == "anchored"


@pytest.mark.parametrize("bad", [{"candidates": 0.5}, {"candidates": float("nan")}, {"memory": "all"}])
def test_bad_parameters_are_named(bad):
    with pytest.raises(PluginError, match=next(iter(bad))):
        METHODS.get("random_filter")(**bad)
