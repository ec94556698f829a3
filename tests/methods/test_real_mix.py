import pytest

from collapsebench import PluginError
from collapsebench.core.method import METHODS


@pytest.mark.parametrize(("alpha", "real"), [(0.0, 0), (0.25, 2), (0.5, 4), (1.0, 8)])
def test_alpha_is_the_share_of_real_rows(curate, alpha, real):
    out = curate("real_mix", n=8, alpha=alpha)
    assert len(out.real) == real
    assert len(set(out.rows)) == 8
    assert all(row > 90 for row in out.rows[real:])


def test_of_few_arrivals_it_takes_all(curate):
    out = curate("real_mix", n=8, worlds={"purify": {"k": 2, "alpha": 0.0}})
    assert (len(out.real), len(out.rows)) == (4, 6)


@pytest.mark.parametrize("alpha", [-0.1, 1.1, float("nan")])
def test_alpha_must_be_a_share(alpha):
    with pytest.raises(PluginError, match="alpha"):
        METHODS.get("real_mix")(alpha=alpha)


def test_it_is_anchored():
    assert METHODS.get("real_mix")().track == "anchored"
