import math

import pytest
import torch

from collapsebench import Corpus, Decoding, Diverged, FitConfig, PluginError
from collapsebench.core.corpus import of_origin, real_share
from collapsebench.learners.linear import LinearLearner, projection


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def rows(x, y):
    return Corpus({"x": torch.as_tensor(x, dtype=torch.float64), "y": torch.as_tensor(y, dtype=torch.float64)})


def random_rows(n, d, seed=0):
    g = rng(seed)
    return rows(torch.randn(n, d, dtype=torch.float64, generator=g), torch.randn(n, dtype=torch.float64, generator=g))


def fitted(corpus, weights=None, **sizes):
    learner = LinearLearner(corpus["x"].shape[1], 1.0, **sizes)
    learner.fit(corpus.with_weights(weights), FitConfig(rng()))
    return learner


def test_least_squares_by_hand():
    learner = fitted(rows([[1.0, 0.0], [0.0, 2.0], [1.0, 0.0]], [1.0, 4.0, 3.0]))
    torch.testing.assert_close(learner.weights, torch.tensor([2.0, 2.0]).double())
    assert learner.train_mse == pytest.approx(2 / 3)
    assert learner.error(torch.tensor([1.0, 1.0]).double(), torch.tensor([1.0, 0.5]).double()) == pytest.approx(1.5)


def test_ridge_by_hand():
    # Σ x y / (Σ x² + n λ) = 5 / (3 + 2).
    assert fitted(
        rows([[1.0], [math.sqrt(2)]], [5 - 2 * math.sqrt(2), 2.0]), ridge=1.0
    ).weights.item() == pytest.approx(1)


@pytest.mark.parametrize(("n", "d"), [(2, 5), (5, 5), (9, 5)])
def test_the_solution_is_the_one_of_least_norm(n, d):
    corpus = random_rows(n, d)
    torch.testing.assert_close(fitted(corpus).weights, torch.linalg.pinv(corpus["x"]) @ corpus["y"])


def test_dependent_columns_share_their_weight():
    corpus = rows([[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]], [2.0, 4.0, 6.0])
    torch.testing.assert_close(fitted(corpus).weights, torch.ones(2).double())
    assert fitted(rows([[0.0, 0.0]], [1.0])).weights.tolist() == [0.0, 0.0]


@pytest.mark.parametrize("width", [3, 8])
def test_random_projections_fit_in_their_span(width):
    corpus, s = random_rows(5, 10), projection(10, width, rng(1))
    expected = s @ (torch.linalg.pinv(corpus["x"] @ s) @ corpus["y"])
    torch.testing.assert_close(fitted(corpus, projection=s).weights, expected)
    assert projection(10, 0, rng()) is None


@pytest.mark.parametrize("sizes", [{}, {"ridge": 0.3}, {"projection": projection(3, 2, rng(1))}])
def test_a_weight_of_two_counts_a_row_twice_and_extended_is_a_fit_on_all_rows(sizes):
    old, new = random_rows(6, 3), random_rows(4, 3, seed=1)
    twice = fitted(Corpus.concat([old, new, new]), **sizes)
    weighted = fitted(Corpus.concat([old, new]), torch.tensor([1.0] * 6 + [2.0] * 4), **sizes)
    first = fitted(old, **sizes)
    grown = first.extended(Corpus.concat([new, new]))
    for learner in (weighted, grown):
        torch.testing.assert_close(learner.weights, twice.weights)
        assert learner.train_mse == pytest.approx(twice.train_mse)
    assert torch.equal(first.weights, fitted(old, **sizes).weights)


def test_state_round_trips_to_the_bit():
    learner = fitted(random_rows(20, 4)).extended(random_rows(20, 4, seed=1))
    copy = LinearLearner(4, 1.0)
    copy.load(learner.state())
    assert torch.equal(copy.weights, learner.weights)
    assert copy.train_mse == learner.train_mse


def test_samples_are_predictions_plus_noise_of_the_true_variance():
    learner = LinearLearner(2, 4.0)
    learner.fit(rows([[1.0, 0.0], [0.0, 1.0]], [3.0, -1.0]), FitConfig(rng()))
    x = torch.tensor([[1.0, 1.0]]).double().repeat(20_000, 1)
    drawn = learner.sample(20_000, rng(1), Decoding(temperature=0.25), Corpus({"x": x}))
    assert torch.equal(drawn["x"], x)
    assert drawn["y"].mean().item() == pytest.approx(2.0, abs=0.03)
    assert drawn["y"].var().item() == pytest.approx(1.0, rel=0.03)
    with pytest.raises(PluginError, match="only with conditions"):
        learner.sample(1, rng(), Decoding())


def test_a_labeller_labels_the_samples_whatever_was_fitted():
    learner = LinearLearner(1, 1e-12, labeller=torch.tensor([5.0]).double())
    learner.fit(rows([[1.0]], [2.0]), FitConfig(rng()))
    for model in (learner, learner.extended(rows([[1.0]], [2.0]))):
        drawn = model.sample(1, rng(), Decoding(), Corpus({"x": torch.tensor([[2.0]]).double()}))
        assert drawn["y"].item() == pytest.approx(10.0, abs=1e-4)
        assert model.weights.item() == pytest.approx(2.0)


def test_log_prob_is_the_normal_density_and_the_label_is_the_site():
    learner = LinearLearner(1, 4.0)
    learner.fit(rows([[1.0]], [2.0]), FitConfig(rng()))
    corpus = rows([[1.0], [2.0]], [2.0, 8.0])
    normal = torch.distributions.Normal(torch.tensor([2.0, 4.0]).double(), 2.0)
    torch.testing.assert_close(learner.log_prob(corpus), normal.log_prob(corpus["y"]))
    log_prob, editable = learner.sites(corpus)
    torch.testing.assert_close(log_prob, torch.tensor([[0.0], [-2.0]]).double())
    assert editable.tolist() == [[True], [True]]


def test_resample_writes_labels_under_the_mask():
    learner = LinearLearner(1, 1e-12)
    learner.fit(rows([[1.0]], [2.0]), FitConfig(rng()))
    corpus = of_origin(rows([[1.0], [3.0], [4.0]], [9.0, 9.0, 9.0]), 0)
    edited = learner.resample(corpus, torch.tensor([[False], [True], [True]]), rng(), Decoding())
    assert edited["y"].tolist() == pytest.approx([9.0, 6.0, 8.0], abs=1e-4)
    assert real_share(edited) == pytest.approx(1 / 3)


def test_bad_rows_are_refused():
    for x, y in [([[math.nan]], [1.0]), ([[math.inf]], [1.0]), ([[1.0]], [math.nan])]:
        with pytest.raises(Diverged):
            fitted(rows(x, y))
    with pytest.raises(PluginError, match="total weight 0"):
        fitted(rows([[1.0]], [1.0]), torch.zeros(1))
    with pytest.raises(PluginError, match="without rows"):
        fitted(rows(torch.zeros(0, 1), torch.zeros(0)))
