import math

import pytest
import torch

from collapsebench import Corpus, FitConfig, PluginError
from collapsebench.core.task import TASKS

SHAPES = ["moons", "circles", "blobs", "swiss_roll"]


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def kde(**sizes):
    return TASKS.get("kde")(**sizes)


def fitted(task, corpus):
    learner = task.learner(rng())
    learner.fit(corpus, FitConfig(rng()))
    return learner


def test_moons_are_standardised_by_their_moments():
    task = kde(noise=0.1)
    # Upper moon (cos, sin), lower moon (1 − cos, ½ − sin): mean (½, ¼), variances ¾ and 9/16 − 1/π, plus noise².
    assert task.centre.tolist() == pytest.approx([0.5, 0.25], abs=1e-6)
    assert task.scale.square().tolist() == pytest.approx([0.75 + 0.01, 9 / 16 - 1 / math.pi + 0.01], abs=1e-6)


@pytest.mark.parametrize("shape", SHAPES)
def test_real_rows_have_mean_zero_and_variance_one(shape):
    x = kde(shape=shape).real(50_000, rng())["x"]
    torch.testing.assert_close(x.mean(0), torch.zeros(2).double(), rtol=0, atol=0.02)
    torch.testing.assert_close(x.var(0), torch.ones(2).double(), rtol=0, atol=0.02)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_density_of_the_real_distribution_integrates_to_one(shape):
    grid = torch.arange(-3.5, 3.5, 0.1, dtype=torch.float64)
    density = kde(shape=shape, noise=0.2).log_density(Corpus({"x": torch.cartesian_prod(grid, grid)})).exp()
    assert density.sum().item() * 0.01 == pytest.approx(1.0, abs=0.001)


def test_metrics_of_a_single_kernel_at_the_origin():
    task = kde(bandwidth=1.0)
    metrics = task.evaluate(fitted(task, Corpus({"x": torch.zeros(1, 2).double()})), None, rng())
    assert metrics["second_moment"] == 1.0
    # −log N(x; 0, I) averaged over rows whose squared norm is 2 on average.
    assert metrics["nll"] == pytest.approx(math.log(2 * math.pi) + 1.0, abs=0.05)


def test_the_verifier_keeps_the_dense_part():
    task = kde(verifier_quantile=0.25)
    assert task.verify(task.real(4000, rng())).double().mean().item() == pytest.approx(0.75, abs=0.03)
    on_curve = (task.curve[::512] - task.centre) / task.scale
    assert task.verify(Corpus({"x": torch.cat([on_curve, torch.tensor([[9.0, 9.0]])])})).tolist() == [True] * 6 + [
        False
    ]


@pytest.mark.parametrize(
    "bad",
    [
        {"shape": "stars"},
        {"noise": 0.0},
        {"bandwidth": 0.0},
        {"rule": "best"},
        {"heldout": 0},
        {"verifier_quantile": 1.0},
    ],
)
def test_bad_sizes_are_named(bad):
    with pytest.raises(PluginError, match=next(iter(bad))):
        kde(**bad)
