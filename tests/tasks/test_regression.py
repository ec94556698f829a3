import math

import pytest
import torch

from collapsebench import Corpus, FitConfig, PluginError, Start
from collapsebench.core.method import METHODS
from collapsebench.core.task import TASKS
from collapsebench.testing import tiny_run


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def regression(**sizes):
    return TASKS.get("regression")(**sizes)


def evaluated(task, corpus):
    learner = task.learner(rng())
    learner.fit(corpus, FitConfig(rng()))
    return task.evaluate(learner, Start(corpus, lambda: learner), rng())


def test_metrics_by_hand():
    # w* = (1, 1)/√2, Σ = diag(1, ½); fitted: (3, 0)/√2 + residual ±1 in two rows.
    task, unit = regression(d=2, decay=1.0), 2**-0.5
    x = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]).double()
    y = torch.tensor([3 * unit + 1, 3 * unit - 1, 0.0]).double()
    assert evaluated(task, Corpus({"x": x, "y": y})) == pytest.approx({"error": 2 + 0.25, "train_mse": 2 / 3})


def test_real_rows_have_the_covariance_and_the_noise():
    task = regression(d=3, decay=1.0, sigma2=0.25)
    real = task.real(20_000, rng())
    torch.testing.assert_close(real["x"].var(0), torch.tensor([1, 1 / 2, 1 / 3]).double(), rtol=0.05, atol=0)
    residual = real["y"] - real["x"] @ task.population.weights
    assert residual.var().item() == pytest.approx(0.25, rel=0.05)
    assert task.population.weights.norm().item() == pytest.approx(1.0)


def test_a_fixed_design_is_that_of_the_first_corpus_in_its_order():
    task = regression(d=2)
    first = task.real(3, rng())
    assert torch.equal(task.conditions(3, rng(), first)["x"], first["x"])
    assert torch.equal(task.conditions(5, rng(), first)["x"], first["x"][[0, 1, 2, 0, 1]])
    fresh = regression(d=2, design="fresh").conditions(3, rng(1), first)["x"]
    assert torch.equal(fresh, task.conditions(3, rng(1))["x"])


def test_the_projection_is_the_same_at_every_generation_and_of_its_width():
    task = regression(d=6, width=2)
    corpus = task.real(30, rng())
    weights = []
    for rows in (corpus, corpus.select(torch.arange(20)), corpus.select(torch.arange(10))):
        learner = task.learner(rng(5))
        learner.fit(rows, FitConfig(rng()))
        weights.append(learner.weights)
    assert torch.linalg.matrix_rank(torch.stack(weights), atol=1e-9) == 2


def test_the_verifier_keeps_small_residuals():
    task = regression(d=1, sigma2=4.0, verifier_c=1.5)
    rows = Corpus({"x": torch.ones(3, 1).double(), "y": torch.tensor([1.0, 3.9, 4.1]).double()})
    assert task.verify(rows).tolist() == [True, True, False]


def test_a_shifted_verifier_keeps_what_is_close_to_its_own_weights():
    task = regression(d=1, verifier_c=1.0, verifier_shift=1.0)  # w* = 1, θ_c = 2
    rows = Corpus({"x": torch.tensor([[1.0], [1.0], [-1.0]]).double(), "y": torch.tensor([0.9, 2.9, -1.1]).double()})
    assert task.verify(rows).tolist() == [False, True, True]


def test_rows_of_signs():
    task = regression(d=2, decay=2.0, inputs="signs")
    x = task.real(1000, rng())["x"]
    assert set(map(tuple, x.tolist())) == {(a, b) for a in (-1, 1) for b in (-0.5, 0.5)}
    assert x.mean(0).abs().max() < 0.1
    assert task.theory("replace", 100, 1) == {}


def test_theory_by_hand():
    task, fresh = regression(d=5), regression(d=5, design="fresh")  # v = 5 / (16 − 5 − 1) = ½
    assert task.theory("replace", 16, 2) == {"error": [0.5, 1.0, 1.5], "train_mse": [11 / 16] * 3}
    assert task.theory("first_teacher", 16, 2)["error"] == [0.5, 1.0, 1.0]
    assert task.theory("accumulate", 16, 1)["error"] == pytest.approx([0.5, 0.625])
    assert task.theory("accumulate", 16, 1)["train_mse"] == pytest.approx([11 / 16, 1 - 5 / 16 * 1.5 / 2])
    assert fresh.theory("accumulate", 16, 1) == {"error": pytest.approx([0.5, 0.5 + 5 / (2 * 26)])}
    assert task.theory("frozen", 16, 1)["error"] == [0.5, 0.5]
    assert task.theory("token_edit", 16, 1) == regression(d=5, ridge=0.1).theory("replace", 16, 1) == {}
    assert task.theory("replace", 6, 1) == {}  # infinite
    assert task.theory("frozen", 3, 1) == {"error": task.learning_curve([3]) * 2}


@pytest.mark.parametrize("n", [4, 10])
def test_with_few_rows_the_fit_is_the_one_of_least_norm(n):
    task = regression(sigma2=1e-12)
    metrics = evaluated(task, task.real(n, rng()))
    assert metrics["train_mse"] < 1e-9
    assert metrics["error"] < 1.0  # at most ‖w*‖², as a projection of w*


@pytest.mark.parametrize(
    "bad",
    [
        {"d": 0},
        {"sigma2": 0.0},
        {"design": "new"},
        {"inputs": "words"},
        {"decay": -1.0},
        {"ridge": -1.0},
        {"width": -1},
        {"verifier_c": 0.0},
        {"verifier_shift": float("inf")},
    ],
)
def test_bad_sizes_are_named(bad):
    with pytest.raises(PluginError, match=next(iter(bad))):
        regression(**bad)


@pytest.mark.parametrize(
    ("method", "world"),
    [
        ("replace", "preserve"),
        ("accumulate", "preserve"),
        ("accumulate_subsample", "preserve"),
        ("take_newest", "purify"),
        ("take_all", "purify"),
    ],
)
@pytest.mark.parametrize("n", [2, 4, 5])
def test_with_no_more_rows_than_dimensions_every_generation_is_a_number(method, world, n):
    run = tiny_run(METHODS.get(method)(), regression(d=5), generations=3, n=n, world=world)
    assert all(math.isfinite(record.metrics[name]) for record in run.records for name in ("error", "train_mse"))
