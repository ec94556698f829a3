import pytest

from collapsebench import PluginError
from collapsebench.core.method import METHODS


def test_n_distinct_rows_of_all_candidates(curate):
    out = curate("random_filter", n=8, candidates=2.0)
    assert len(set(out.rows)) == 8
    assert set(out.rows) <= set(range(100, 116))
    assert max(out.rows) >= 108
    assert out.costs.synthetic_examples == 8  # those beyond S_t


def test_one_times_n_candidates_are_the_synthetic_set(curate):
    out = curate("random_filter", n=8, candidates=1.0)
    assert out.rows == list(range(100, 108))
    assert out.costs.synthetic_examples == 0


@pytest.mark.parametrize("candidates", [0.5, float("nan")])
def test_candidates_must_be_at_least_n(candidates):
    with pytest.raises(PluginError, match="candidates"):
        METHODS.get("random_filter")(candidates=candidates)
