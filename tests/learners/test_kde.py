import math

import numpy as np
import pytest
import torch

from collapsebench import Corpus, Decoding, Diverged, FitConfig, PluginError
from collapsebench.learners import kde
from collapsebench.learners.kde import KernelDensityLearner


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def points(rows):
    return Corpus({"x": torch.as_tensor(rows, dtype=torch.float64)})


def random_points(n, d=2, seed=0):
    return points(torch.randn(n, d, dtype=torch.float64, generator=rng(seed)))


def fitted(corpus, bandwidth=0.5, rule="fixed"):
    learner = KernelDensityLearner(corpus["x"].shape[1], bandwidth, rule)
    learner.fit(corpus, FitConfig(rng()))
    return learner


def test_density_and_second_moment_by_hand():
    learner = fitted(points([[0.0], [2.0]]), bandwidth=1.0)
    densities = [math.exp(-0.5 * x * x) / math.sqrt(2 * math.pi) for x in (0.0, 2.0)]
    assert learner.log_prob(points([[0.0]])).item() == pytest.approx(math.log(sum(densities) / 2))
    assert learner.second_moment == pytest.approx((0 + 4) / 2 + 1)


@pytest.mark.parametrize(("rule", "factor"), [("scott", 10 ** (-1 / 6)), ("silverman", (10 * 4 / 4) ** (-1 / 6))])
def test_bandwidth_rules(rule, factor):
    x = torch.tensor([[-1.0, -3.0], [1.0, 3.0]] * 5).double()  # mean variance (1 + 9) / 2
    assert fitted(points(x), rule=rule).bandwidth == pytest.approx(math.sqrt(5) * factor)


def test_log_prob_is_the_mixture_of_normals_even_far_away():
    corpus, at = random_points(7, 3), points([[0.0, 0.5, 1.0], [40.0, 0.0, 0.0]])
    components = torch.distributions.Normal(corpus["x"], 0.5).log_prob(at["x"].unsqueeze(1)).sum(2)
    torch.testing.assert_close(fitted(corpus).log_prob(at), components.logsumexp(1) - math.log(7))


def test_a_temperature_narrows_the_kernel_and_prefers_heavy_centres():
    """At T = ½ a centre of three times the weight is drawn nine times as often, and h² is halved."""
    learner = fitted(points([[0.0], [100.0]]).with_weights(torch.tensor([1.0, 3.0])), bandwidth=2.0)
    drawn = learner.sample(20_000, rng(), Decoding(temperature=0.5))["x"].squeeze(1)
    near = drawn[drawn < 50]
    assert abs(len(near) / 20_000 - 0.1) < 4 * math.sqrt(0.09 / 20_000)
    assert near.var().item() == pytest.approx(2.0, rel=4 * math.sqrt(2 / len(near)))
    plain = fitted(random_points(5)).sample(20_000, rng(), Decoding(temperature=0.8))["x"]
    assert plain.var(0).mean().item() == pytest.approx(
        random_points(5)["x"].var(0, correction=0).mean().item() + 0.8 * 0.25, rel=0.03
    )


def test_many_terms_are_summed_in_slabs(monkeypatch):
    learner, at = fitted(random_points(30)), random_points(5, seed=1)
    whole = learner.log_prob(at)
    monkeypatch.setattr(kde, "_MOST_TERMS", 20)
    torch.testing.assert_close(fitted(random_points(30)).log_prob(at), whole)


@pytest.mark.parametrize("rule", ["fixed", "scott"])
def test_a_weight_of_two_counts_a_row_twice_and_extended_is_a_fit_on_all_rows(rule):
    old, new, at = random_points(6), random_points(4, seed=1), random_points(3, seed=2)
    twice = fitted(Corpus.concat([old, new, new]), rule=rule)
    weighted = fitted(Corpus.concat([old, new]).with_weights(torch.tensor([1.0] * 6 + [2.0] * 4)), rule=rule)
    without = fitted(
        Corpus.concat([old, new, new, old]).with_weights(torch.tensor([3.0] * 14 + [0.0] * 6)), rule="fixed"
    )
    first = fitted(old, rule=rule)
    before = first.log_prob(at)
    grown = first.extended(Corpus.concat([new, new]))
    for learner in (weighted, grown):
        torch.testing.assert_close(learner.log_prob(at), twice.log_prob(at))
        assert learner.second_moment == pytest.approx(twice.second_moment)
    assert torch.equal(first.log_prob(at), before)
    if rule == "fixed":
        torch.testing.assert_close(without.log_prob(at), twice.log_prob(at))


def test_two_models_that_extend_one_do_not_see_each_other():
    first, at = fitted(random_points(5)), random_points(3, seed=9)
    additions = [random_points(4, seed=seed) for seed in (1, 2)]
    grown = [first.extended(added) for added in additions]
    for learner, added in zip(grown, additions, strict=True):
        whole = fitted(Corpus.concat([random_points(5), added]))
        torch.testing.assert_close(learner.log_prob(at), whole.log_prob(at))
        assert set(learner.state()["rows"].flatten().tolist()) == set(whole.state()["rows"].flatten().tolist())


def test_what_was_asked_before_is_asked_about_new_rows_only(monkeypatch):
    summed = []
    terms = KernelDensityLearner._log_kernel_sums
    monkeypatch.setattr(
        KernelDensityLearner,
        "_log_kernel_sums",
        lambda self, x, part: summed.append(len(part.rows)) or terms(self, x, part),
    )
    learner, at = fitted(random_points(5)), random_points(3, seed=9)
    learner.log_prob(at)
    for seed in (1, 2):
        learner = learner.extended(random_points(4, seed=seed))
        learner.log_prob(at)
        learner.log_prob(at)
    assert summed == [5, 4, 4]
    learner.extended(random_points(4, seed=3)).log_prob(random_points(3, seed=8))
    assert summed[3:] == [5, 4, 4, 4]


def test_state_round_trips_to_the_bit():
    learner, at = fitted(random_points(20), rule="silverman"), random_points(50, seed=9)
    learner.log_prob(at)
    for seed in (1, 2, 3):
        learner = learner.extended(random_points(7, seed=seed))
        learner.log_prob(at)
    copy = KernelDensityLearner(2, 0.5, "silverman")
    copy.load(learner.state())
    for model in (copy, copy.extended(random_points(7, seed=4))):
        other = learner if model is copy else learner.extended(random_points(7, seed=4))
        assert torch.equal(model.log_prob(at), other.log_prob(at))
        assert torch.equal(*(m.sample(9, rng(3), Decoding())["x"] for m in (model, other)))
        assert (model.second_moment, model.bandwidth) == (other.second_moment, other.bandwidth)


def test_samples_are_centres_in_proportion_to_their_weights_plus_noise():
    corpus = points([[-10.0], [0.0], [10.0]]).with_weights(torch.tensor([1.0, 0.0, 3.0]))
    x = fitted(corpus, bandwidth=0.5).sample(20_000, rng(), Decoding())["x"].squeeze(1)
    assert (x > 0).double().mean().item() == pytest.approx(0.75, abs=0.01)
    assert (x.abs() > 5).all()
    assert x[x > 0].std().item() == pytest.approx(0.5, rel=0.02)


def test_every_part_is_sampled():
    learner = fitted(points([[0.0]]), bandwidth=1e-3)
    for place in (1.0, 2.0, 3.0):
        learner = learner.extended(points([[place]]))
    x = learner.sample(4000, rng(), Decoding())["x"].round().squeeze(1).long()
    np.testing.assert_allclose(torch.bincount(x).numpy() / 4000, [0.25] * 4, atol=0.03)


def test_bad_rows_are_refused():
    for bad in (math.nan, math.inf):
        with pytest.raises(Diverged, match="not finite"):
            fitted(points([[bad], [1.0]]))
    with pytest.raises(Diverged, match="bandwidth is 0"):
        fitted(points([[1.0], [1.0]]), rule="scott")
    with pytest.raises(PluginError, match="total weight 0"):
        fitted(points([[1.0]]).with_weights(torch.zeros(1)))
    with pytest.raises(PluginError, match="without rows"):
        fitted(points(torch.zeros(0, 1)))
    with pytest.raises(PluginError, match="not fitted"):
        KernelDensityLearner(1, 0.5).sample(1, rng(), Decoding())
