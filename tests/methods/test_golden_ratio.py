import pytest

from collapsebench import PluginError
from collapsebench.core.corpus import real_share
from collapsebench.core.method import METHODS

GOLDEN = (5**0.5 - 1) / 2


def test_equal_parts_are_weighted_by_the_golden_ratio(curate):
    out = curate("golden_ratio", n=4)
    assert out.real == [1, 2, 3, 4]
    assert sorted(out.corpus["x"].tolist()[4:]) == [101, 102, 103, 104]
    weights = out.corpus.weights.tolist()
    assert weights == pytest.approx([2 * GOLDEN] * 4 + [2 * (1 - GOLDEN)] * 4)
    assert real_share(out.corpus) == pytest.approx(GOLDEN)
    assert out.log == {"real_weight": pytest.approx(GOLDEN)}
    assert out.costs["real_examples"] == 4


def test_the_first_real_set_can_be_used_again(curate):
    out = curate("golden_ratio", n=4, real="first")
    assert out.real == [1, 2, 3, 4]
    assert out.costs["real_examples"] == 0


def test_access_follows_the_real_part():
    cls = METHODS.get("golden_ratio")
    assert (cls().access(), cls(real="first").access()) == ({"fresh"}, {"history"})
    assert (cls().track, cls(real="first").track) == ("fresh", "anchored")


def test_bad_parameters_are_named():
    with pytest.raises(PluginError, match="real"):
        METHODS.get("golden_ratio")(real="old")
