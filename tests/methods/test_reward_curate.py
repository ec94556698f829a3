import math

import pytest

from collapsebench import PluginError
from collapsebench.core.method import METHODS
from collapsebench.testing import Toy


def test_the_higher_reward_of_each_pair_wins(curate):
    # Rewards are 100 or more apart, so every choice is certain.
    class Steep(Toy):
        def reward(self, corpus):
            return 100 * corpus["x"]

    out = curate("reward_curate", n=50, task=Steep(drift=100))
    assert len(out.rows) == 50
    assert set(out.rows) <= set(range(101, 151))
    assert out.log["reward_after"] > out.log["reward_before"] == 125.5 * 100
    assert out.rows.count(150) == 2
    assert out.rows.count(101) == 0
    assert out.costs["reward_calls"] == 100
    assert out.costs["synthetic_examples"] == 100  # S_t and as many again


def test_choices_follow_bradley_terry(curate):
    # Half of the candidates have reward 1 and half 0: mixed pairs (half of all) go to 1 with σ(1).
    class Parity(Toy):
        def reward(self, corpus):
            return corpus["x"] % 2

    out = curate("reward_curate", n=8000, task=Parity())
    won = sum(row % 2 for row in out.rows) / 8000
    assert won == pytest.approx(0.25 + 0.5 / (1 + math.exp(-1)), abs=0.02)


def test_lambda_is_the_ratio_of_curated_to_real(curate):
    out = curate("reward_curate", n=9, lam=0.5, k=4)
    assert len(out.real) == 6
    assert len(out.rows) == 9


def test_access_follows_lambda():
    cls = METHODS.get("reward_curate")
    assert cls().access() == {"reward"}
    assert cls(lam=0.5).access() == {"reward", "history"}


@pytest.mark.parametrize("bad", [{"k": 1}, {"lam": 0.0}, {"lam": float("nan")}])
def test_bad_parameters_are_named(bad):
    with pytest.raises(PluginError, match=next(iter(bad))):
        METHODS.get("reward_curate")(**bad)
