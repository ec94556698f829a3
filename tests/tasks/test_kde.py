import math

import numpy as np
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


@pytest.mark.parametrize("shape", ["moons", "circles", "swiss_roll"])
def test_real_rows_are_those_of_scikit_learn(shape):
    """Means and covariances at sklearn's own scale, and the nearest of its points is as far away as noise puts it."""
    datasets = pytest.importorskip("sklearn.datasets")
    made, options = getattr(datasets, f"make_{shape}"), {"noise": 0.05, "random_state": 0}
    theirs = made(200_000, **options)[0][:, [0, 2, 1] if shape == "swiss_roll" else [0, 1]]
    task = kde(shape=shape)
    ours = task.real(200_000, rng())["x"].numpy()
    unit = theirs.std(0).max()
    np.testing.assert_allclose(ours.mean(0), theirs.mean(0), rtol=0, atol=0.01 * unit)
    np.testing.assert_allclose(np.cov(ours.T), np.cov(theirs.T), rtol=0, atol=0.015 * unit**2)
    clean = made(4000, noise=0.0, random_state=1)[0][:, [0, 2] if shape == "swiss_roll" else [0, 1]]
    gap = torch.cdist(task.real(2000, rng())["x"][:, :2].contiguous(), torch.from_numpy(clean)).min(1).values
    assert gap.square().mean().sqrt().item() == pytest.approx(0.05, rel=0.08)  # off the curve, in one direction


@pytest.mark.parametrize("shape", SHAPES)
def test_the_second_moment_of_the_real_distribution(shape):
    task = kde(shape=shape)
    squares = task.real(50_000, rng())["x"].square().mean(1)
    assert abs(squares.mean().item() - task.spread) < 4 * squares.std().item() / 50_000**0.5


def test_the_second_moment_of_moons_by_hand():
    """Of ‖x‖²: 1 on the upper moon (cos, sin), 9/4 − 2/π on the lower, (1 − cos, ½ − sin)."""
    assert kde(shape="moons", noise=0.1).spread == pytest.approx((1 + 9 / 4 - 2 / math.pi) / 4 + 0.01, abs=5e-5)


@pytest.mark.parametrize("shape", ["moons", "circles", "blobs"])
def test_the_density_of_the_real_distribution_integrates_to_one(shape):
    grid = torch.arange(-3.5, 3.5, 0.1, dtype=torch.float64)
    density = kde(shape=shape, noise=0.2).log_density(Corpus({"x": torch.cartesian_prod(grid, grid)})).exp()
    assert density.sum().item() * 0.01 == pytest.approx(1.0, abs=0.001)


def test_the_density_of_the_roll_integrates_to_one_in_space():
    plane, height = torch.arange(-18.0, 18.0, 0.5).double(), torch.arange(-5.0, 26.0, 0.5).double()
    density = kde(noise=0.5).log_density(Corpus({"x": torch.cartesian_prod(plane, plane, height)})).exp()
    assert density.sum().item() * 0.125 == pytest.approx(1.0, abs=0.001)


def test_metrics_of_a_single_kernel_at_the_origin():
    task = kde(shape="moons", bandwidth=1.0)
    metrics = task.evaluate(fitted(task, Corpus({"x": torch.zeros(1, 2).double()})), None, rng())
    assert metrics["second_moment"] == 1.0
    # −log N(x; 0, I) averaged over rows whose squared norm is twice the second moment.
    assert metrics["nll"] == pytest.approx(math.log(2 * math.pi) + task.spread, abs=0.05)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_verifier_keeps_the_dense_part(shape):
    task = kde(shape=shape, verifier_quantile=0.25)
    assert task.verify(task.real(4000, rng())).double().mean().item() == pytest.approx(0.75, abs=0.03)
    middle = torch.tensor([[10.5]]).double()[:, : task.d - 2]
    on_curve = torch.cat([task.curve[len(task.curve) // 12 :: len(task.curve) // 6], middle.expand(6, -1)], 1)
    assert task.verify(Corpus({"x": torch.cat([on_curve, on_curve + 99])})).tolist() == [True] * 6 + [False] * 6


def test_theory_by_hand():
    task = kde(bandwidth=0.5)
    growth = {m: np.array(task.theory(m, 10, 2)["second_moment"]) - task.spread for m in ("replace", "first_teacher")}
    assert growth["replace"] == pytest.approx([0.25, 0.5, 0.75])
    assert growth["first_teacher"] == pytest.approx([0.25, 0.5, 0.5])
    assert task.theory("tempered", 10, 2) == kde(rule="scott").theory("replace", 10, 2) == {}


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
