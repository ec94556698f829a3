import math
from types import SimpleNamespace

import pytest
import torch

from collapsebench import Corpus, PluginError
from collapsebench.core.method import METHODS
from collapsebench.testing import Toy


class Steep(Toy):
    """Rewards are 100 or more apart, so every choice is certain."""

    def reward(self, corpus):
        return 100 * corpus["x"]


def chosen(given, rewards, distance=0.0, **params):
    """The context of a choice among rows with these rewards, to which M_{t-1} gives a log-probability more than M_0."""
    pool = Corpus({"x": torch.arange(float(len(rewards)))})

    def model(log_prob):
        return SimpleNamespace(log_prob=lambda rows: torch.full((len(rows),), log_prob))

    method = METHODS.get("reward_curate")(**params)
    models = {"model": model(distance - 1), "initial_model": model(-1.0)}
    reward = {"reward": lambda rows: rewards[rows["x"].long()]}
    ctx = given(n=len(pool) // method.k, candidates=lambda k: pool, **models, **reward)
    method.curate(pool.select(torch.arange(1)), ctx)
    return ctx


def test_the_higher_reward_of_each_pair_wins(curate):
    out = curate("reward_curate", n=50, task=Steep(drift=100), memory="replace")
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

    out = curate("reward_curate", n=8000, task=Parity(), memory="replace")
    won = sum(row % 2 for row in out.rows) / 8000
    assert won == pytest.approx(0.25 + 0.5 / (1 + math.exp(-1)), abs=0.02)


def test_a_choice_that_is_certain_costs_its_divergence(given):
    # The better of two has density 2u on quantiles u: KL = ∫ 2u log 2u du = log 2 − 1/2.
    assert chosen(given, 100 * torch.arange(8000.0)).logged["kl"] == pytest.approx(math.log(2) - 0.5, abs=0.03)
    # The best of four: ∫ 4u³ log 4u³ du = log 4 − 3/4.
    assert chosen(given, 100 * torch.arange(8000.0), k=4).logged["kl"] == pytest.approx(math.log(4) - 0.75, abs=0.06)


def test_a_reward_that_prefers_nothing_costs_nothing_beyond_the_models_own_distance(given):
    assert chosen(given, torch.zeros(100)).logged["kl"] == pytest.approx(0, abs=1e-6)
    assert chosen(given, torch.zeros(100), 0.25).logged["kl"] == pytest.approx(0.25, abs=1e-6)


def test_lambda_is_the_ratio_of_curated_to_real(curate):
    out = curate("reward_curate", n=9, lam=0.5, k=4, memory="replace")
    assert len(out.real) == 6
    assert len(out.rows) == 9


def test_all_that_arrives_is_looked_at(curate):
    out = curate("reward_curate", n=4, worlds={"grow": {"m": 40}}, memory="anchored")
    assert len(out.real) == 4
    assert len(out.rows) == 4 + 20
    assert out.costs["synthetic_examples"] == 40


def test_what_it_is_made_for_and_needs():
    cls = METHODS.get("reward_curate")
    assert cls().track == "assisted"
    assert cls().questions() == {"preserve", "grow"}  # elsewhere no model gives the density of what arrives
    assert cls().needs() == {"log_prob"}


@pytest.mark.parametrize("bad", [{"k": 1}, {"lam": 0.0}, {"lam": float("nan")}, {"lam": 0.5}, {"memory": "some"}])
def test_bad_parameters_are_named(bad):
    with pytest.raises(PluginError, match=next(iter(bad))):
        METHODS.get("reward_curate")(**bad)
