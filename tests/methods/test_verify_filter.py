import pytest

from collapsebench import PluginError
from collapsebench.core.method import METHODS
from collapsebench.testing import Toy


def test_draws_until_n_are_kept(curate):
    out = curate("verify_filter", n=4)  # the verifier keeps even rows
    assert out.rows == [102, 102, 104, 104]
    assert out.log == {"keep_rate": 0.5, "p_star": 1.0, "kept": 4.0, "shortfall": 0.0}
    assert out.costs["verifier_calls"] == 8
    assert out.costs["synthetic_examples"] == 8  # S_t and as many again


def test_a_shortfall_is_logged(curate):
    out = curate("verify_filter", n=4, max_candidates=1.0)
    assert out.rows == [102, 104]
    assert (out.log["kept"], out.log["shortfall"]) == (2.0, 2.0)


def test_a_noisy_verifier_keeps_right_and_wrong_at_its_rates(curate):
    out = curate("verify_filter", n=4000, phi=0.5, psi=0.25, max_candidates=1.0)
    right = sum(row % 2 == 0 for row in out.rows)
    assert right == pytest.approx(1000, abs=100)
    assert len(out.rows) - right == pytest.approx(500, abs=80)
    assert out.log["p_star"] == pytest.approx(1 / 1.5)


def test_surplus_is_dropped_at_random(curate):
    # Of S_t, 101, ..., 104, nothing is kept, so the 12 candidates that are left are drawn: 97, ..., 108.
    class Outer(Toy):
        def verify(self, corpus):
            return (corpus["x"] - 102.5).abs() > 2

    outs = [curate("verify_filter", n=4, seed=seed, task=Outer(drift=100)) for seed in range(20)]
    assert all(len(set(out.rows)) == 4 for out in outs)
    assert {row for out in outs for row in out.rows} == {97, 98, 99, 100, 105, 106, 107, 108}
    assert outs[0].log == {"keep_rate": 0.5, "p_star": 1.0, "kept": 4.0, "shortfall": 0.0}


def test_keeping_nothing_is_an_error(curate):
    with pytest.raises(PluginError, match="kept none of 32 candidates"):
        curate("verify_filter", n=8, phi=1e-9)


@pytest.mark.parametrize("bad", [{"phi": 0.0}, {"phi": 1.5}, {"psi": -0.1}, {"psi": 2.0}, {"max_candidates": 0.5}])
def test_bad_parameters_are_named(bad):
    with pytest.raises(PluginError, match=next(iter(bad))):
        METHODS.get("verify_filter")(**bad)


def test_it_is_assisted():
    assert METHODS.get("verify_filter")().track == "assisted"
