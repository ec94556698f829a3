import math
import statistics

import pytest
import torch

from collapsebench import Corpus, Decoding, Diverged, FitConfig, PluginError
from collapsebench.core.corpus import of_origin, real_share
from collapsebench.learners.gaussian import GaussianLearner


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def fitted(rows, weights=None):
    x = torch.as_tensor(rows, dtype=torch.float64)
    learner = GaussianLearner(x.shape[1])
    learner.fit(Corpus({"x": x}, weights), FitConfig(rng()))
    return learner


def random_rows(n, d, seed=0):
    return torch.randn(n, d, dtype=torch.float64, generator=rng(seed)) @ torch.diag(torch.arange(1.0, d + 1).double())


def test_mean_and_covariance_by_hand():
    learner = fitted([[0.0, 1.0], [2.0, 1.0], [4.0, 4.0]])
    assert learner.mean.tolist() == [2.0, 2.0]
    torch.testing.assert_close(learner.covariance, torch.tensor([[8.0, 6.0], [6.0, 6.0]]).double() / 3)


def test_a_weight_of_two_counts_a_row_twice():
    rows = random_rows(6, 3)
    twice = fitted(torch.cat([rows, rows[:2]]))
    weighted = fitted(rows, torch.tensor([2.0, 2.0, 1.0, 1.0, 1.0, 1.0]))
    torch.testing.assert_close(weighted.mean, twice.mean)
    torch.testing.assert_close(weighted.covariance, twice.covariance)


def test_extended_is_a_fit_on_all_rows_even_far_from_the_origin():
    old, new = random_rows(7, 3) + 1e6, random_rows(5, 3, seed=1) + 1e6
    learner = fitted(old)
    before = learner.state()
    merged = learner.extended(Corpus({"x": new}))
    whole = fitted(torch.cat([old, new]))
    torch.testing.assert_close(merged.mean, whole.mean)
    torch.testing.assert_close(merged.covariance, whole.covariance, rtol=1e-7, atol=1e-7)
    assert all(torch.equal(before[name], tensor) for name, tensor in learner.state().items())


def test_state_round_trips_to_the_bit():
    learner = fitted(random_rows(20, 4)).extended(Corpus({"x": random_rows(20, 4, seed=1)}))
    copy = GaussianLearner(4)
    copy.load(learner.state())
    drawn = [m.sample(5, rng(3), Decoding())["x"] for m in (learner, copy)]
    assert torch.equal(*drawn)
    assert torch.equal(copy.extended(Corpus({"x": drawn[0]})).mean, learner.extended(Corpus({"x": drawn[0]})).mean)


def test_samples_have_the_moments_of_the_model_times_temperature():
    learner = fitted(random_rows(50, 3))
    x = learner.sample(40_000, rng(1), Decoding(temperature=0.25))["x"]
    torch.testing.assert_close(x.T.cov(correction=0), learner.covariance / 4, rtol=0.05, atol=0.05)
    torch.testing.assert_close(x.mean(0), learner.mean, rtol=0.0, atol=0.05)


def test_log_prob_is_the_normal_density():
    learner = fitted(random_rows(50, 3))
    x = random_rows(4, 3, seed=2)
    expected = torch.distributions.MultivariateNormal(learner.mean, learner.covariance).log_prob(x)
    torch.testing.assert_close(learner.log_prob(Corpus({"x": x})), expected)


def test_standardized_rows_have_the_mahalanobis_distance():
    learner = fitted(random_rows(50, 3))
    x, off = random_rows(4, 3, seed=2), random_rows(4, 3, seed=2) - learner.mean
    expected = (off @ torch.linalg.inv(learner.covariance) * off).sum(1)
    torch.testing.assert_close(torch.from_numpy(learner.standardized(x.numpy())).square().sum(1), expected)


def test_sites_by_hand():
    # Standard deviation 2 in the first coordinate; the second is the first plus an independent ±1.
    learner = fitted([[2.0, 3.0], [2.0, 1.0], [-2.0, -1.0], [-2.0, -3.0]])
    log_prob, editable = learner.sites(Corpus({"x": torch.tensor([[2.0, 3.0], [4.0, 4.0]]).double()}))
    torch.testing.assert_close(log_prob, torch.tensor([[-0.5, -0.5], [-2.0, 0.0]]).double())
    assert editable.all()


def test_sites_add_up_to_the_log_prob():
    learner = fitted(random_rows(50, 4))
    corpus = Corpus({"x": random_rows(6, 4, seed=2)})
    mode = learner.log_prob(Corpus({"x": learner.mean.unsqueeze(0)}))
    torch.testing.assert_close(learner.sites(corpus).log_prob.sum(1), learner.log_prob(corpus) - mode)


def test_resample_redraws_the_masked_sites_given_the_original_ones():
    rows = torch.randn(300, 2, dtype=torch.float64, generator=rng())
    rows[:, 1] += 5 * rows[:, 0]
    learner = fitted(rows)
    corpus = of_origin(Corpus({"x": torch.tensor([[1.0, 0.0]]).double().repeat(20_000, 1)}), 0)
    mask = torch.tensor([[True, True]]).repeat(20_000, 1)
    mask[0] = False
    edited = learner.resample(corpus, mask, rng(1), Decoding(0.25, top_k=8))
    assert edited["x"][0].tolist() == [1.0, 0.0]
    assert real_share(edited) == pytest.approx(1 / 20_000)
    x = edited["x"][1:]
    covariance = learner.covariance
    slope = covariance[0, 1] / covariance[0, 0]
    spread = (covariance[1, 1] - slope * covariance[0, 1]).sqrt()
    # The second coordinate follows the original first one (1.0), not the new one.
    assert x[:, 1].mean().item() == pytest.approx((learner.mean[1] + slope * (1 - learner.mean[0])).item(), abs=0.02)
    assert x[:, 1].std().item() == pytest.approx(spread.item() / 2, rel=0.02)
    assert x[:, 0].std().item() == pytest.approx(covariance[0, 0].sqrt().item() / 2, rel=0.02)
    assert abs(torch.corrcoef(x.T)[0, 1].item()) < 0.03


def test_a_singular_covariance_samples_on_its_support():
    learner = fitted([[0.0, 1.0, 0.0], [1.0, 3.0, 0.0]])
    drawn = learner.sample(50, rng(), Decoding())
    torch.testing.assert_close(drawn["x"][:, 1], 1 + 2 * drawn["x"][:, 0])
    assert learner.log_prob(drawn).isfinite().all()
    assert learner.log_prob(Corpus({"x": torch.tensor([[0.5, 2.5, 0.0]]).double()})).tolist() == [-math.inf]


def test_three_rows_leave_two_coordinates_open_whatever_rounding_adds():
    learner = fitted(random_rows(3, 6) / 3)
    drawn = learner.sample(20, rng(), Decoding())
    log_prob = learner.sites(drawn).log_prob
    assert (log_prob[:, :2] < 0).all()
    assert (log_prob[:, 2:] == 0).all()


def test_a_determined_coordinate_is_certain_and_stays():
    learner = fitted([[0.0, 1.0, 0.0], [1.0, 3.0, 0.0]])
    drawn = learner.sample(5, rng(), Decoding())
    assert learner.sites(drawn).log_prob[:, 1:].tolist() == [[0.0, 0.0]] * 5
    off = drawn.with_columns(x=drawn["x"] + torch.tensor([0.0, 1.0, 0.0]))
    assert learner.sites(off).log_prob[:, 1].tolist() == [-math.inf] * 5
    edited = learner.resample(off, torch.tensor([[False, True, True]] * 5), rng(), Decoding())
    torch.testing.assert_close(edited["x"], drawn["x"])


def test_one_row_is_a_point_mass():
    learner = fitted([[1.0, 2.0]])
    assert learner.sample(2, rng(), Decoding())["x"].tolist() == [[1.0, 2.0]] * 2


def test_bad_rows_are_refused():
    with pytest.raises(Diverged):
        fitted([[math.nan], [1.0]])
    with pytest.raises(Diverged):
        fitted([[math.inf, 0.0], [1.0, 0.0]])
    with pytest.raises(PluginError, match="total weight 0"):
        fitted([[1.0]], torch.zeros(1))
    with pytest.raises(PluginError, match="without rows"):
        fitted(torch.zeros(0, 2))


@pytest.mark.parametrize("accumulate", [False, True])
def test_variance_follows_its_law_and_is_conserved(accumulate):
    n, d, generations, seeds = 10, 3, 6, 400
    trace, centre = torch.zeros(seeds, generations), torch.zeros(seeds, generations)
    for seed in range(seeds):
        g = rng(seed)
        learner = fitted(torch.randn(n, d, dtype=torch.float64, generator=g))
        for t in range(generations):
            trace[seed, t] = learner.covariance.trace() / d
            centre[seed, t] = learner.mean @ learner.mean / d
            drawn = learner.sample(n, g, Decoding())
            learner = learner.extended(drawn) if accumulate else fitted(drawn["x"])
    kept = [1 - 1 / (n * (t**2 if accumulate else 1)) for t in range(1, generations + 1)]
    for t in range(generations):
        assert abs(z_score(trace[:, t], math.prod(kept[: t + 1]))) < 4
        assert abs(z_score(trace[:, t] + centre[:, t], 1.0)) < 4


def z_score(values, expected):
    values = values.tolist()
    return (statistics.mean(values) - expected) / (statistics.stdev(values) / math.sqrt(len(values)))
