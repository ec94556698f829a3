import pytest

from collapsebench import PluginError
from collapsebench.core.method import METHODS
from collapsebench.testing import Toy


def test_n_distinct_rows_of_all_candidates(curate):
    out = curate("random_filter", n=8, candidates=2.0, task=Toy(noise=0.1))
    assert len(set(out.rows)) == 8
    assert 0 < len(set(out.rows) & set(out.synthetic)) < 8
    assert out.costs["synthetic_examples"] == 16  # S_t and as many again


def test_one_times_n_candidates_are_the_synthetic_set(curate):
    out = curate("random_filter", n=8, candidates=1.0)
    assert out.rows == list(range(101, 109))
    assert out.costs["synthetic_examples"] == 8


@pytest.mark.parametrize("candidates", [0.5, float("nan")])
def test_candidates_must_be_at_least_n(candidates):
    with pytest.raises(PluginError, match="candidates"):
        METHODS.get("random_filter")(candidates=candidates)
