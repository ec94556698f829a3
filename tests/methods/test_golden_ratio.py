import pytest
import torch

from collapsebench import Corpus, PluginError
from collapsebench.core.method import METHODS

GOLDEN = (5**0.5 - 1) / 2
EXACT = {"purify": {"k": 8, "alpha": 0.5, "missed": 0.0, "false_alarm": 0.0}}


def test_equal_parts_are_weighted_by_the_golden_ratio(curate):
    out = curate("golden_ratio", n=4, worlds=EXACT)
    assert sorted(out.corpus["x"].tolist()[:4]) == out.real
    weights = out.corpus.weights.tolist()
    assert weights == pytest.approx([2 * GOLDEN] * 4 + [2 * (1 - GOLDEN)] * 4)
    assert out.log == {"real_weight": pytest.approx(GOLDEN)}
    assert out.costs["mark_calls"] == 8


def test_the_first_real_set_can_be_used_again(curate):
    out = curate("golden_ratio", n=4, real="first")
    assert out.real == [1, 2, 3, 4]
    assert out.rows[4:] == [101, 102, 103, 104]
    assert out.corpus.weights.tolist() == pytest.approx([2 * GOLDEN] * 4 + [2 * (1 - GOLDEN)] * 4)
    assert out.costs["mark_calls"] == 0


@pytest.mark.parametrize("mark", [True, False])
def test_arrivals_of_one_kind_are_taken_as_they_come(given, mark):
    arrivals = Corpus({"x": torch.arange(3.0)})
    ctx = given(mark=lambda corpus: torch.full((len(corpus),), mark))
    assert METHODS.get("golden_ratio")().curate(arrivals, ctx) is arrivals


def test_access_and_scope_follow_the_real_part():
    cls = METHODS.get("golden_ratio")
    assert (cls().access(), cls(real="first").access()) == ({"mark"}, {"history"})
    assert (cls().track, cls(real="first").track) == ("marked", "anchored")
    assert cls().questions() == {"purify"} < cls(real="first").questions()


def test_bad_parameters_are_named():
    with pytest.raises(PluginError, match="real"):
        METHODS.get("golden_ratio")(real="old")
