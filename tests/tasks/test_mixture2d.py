import math

import pytest
import torch

from collapsebench import Corpus, FitReport, Learner, PluginError
from collapsebench.core.task import TASKS


class Fixed(Learner):
    """A model whose samples are given rows, again from the start after the last."""

    def __init__(self, x):
        self.x = x

    def fit(self, corpus, training):
        return FitReport(0)

    def sample(self, n, rng, decoding, conditions=None):
        return Corpus({"x": self.x[torch.arange(n) % len(self.x)]})

    def state(self):
        return {}

    def load(self, state):
        pass


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def mixture(**sizes):
    return TASKS.get("mixture2d")(**sizes)


def metrics(task, x):
    return task.evaluate(Fixed(x), None, rng())


@pytest.mark.parametrize("distribution", ["gaussians", "moons"])
def test_centres_are_standardised(distribution):
    centres = mixture(distribution=distribution).centres
    torch.testing.assert_close(centres.mean(0), torch.zeros(2), rtol=0, atol=1e-6)
    torch.testing.assert_close(centres.square().mean(0), torch.ones(2))


@pytest.mark.parametrize("distribution", ["gaussians", "moons"])
def test_the_density_of_the_real_distribution_integrates_to_one(distribution):
    grid = torch.arange(-3.5, 3.5, 0.1)
    density = mixture(distribution=distribution, noise=0.2).log_density(Corpus({"x": torch.cartesian_prod(grid, grid)}))
    assert density.exp().sum().item() * 0.01 == pytest.approx(1.0, abs=0.001)


def test_eight_gaussians_lie_on_a_circle():
    task = mixture()
    torch.testing.assert_close(task.centres.norm(dim=1), torch.full((8,), math.sqrt(2)))
    assert task.modes(Corpus({"x": 0.9 * task.centres})).tolist() == list(range(8))
    torch.testing.assert_close(task.best, torch.tensor([math.sqrt(2), 0.0]))


def test_moons_have_four_modes_each_from_end_to_end():
    task = mixture(distribution="moons")
    modes = task.modes(Corpus({"x": task.centres})).tolist()
    assert modes == sorted(modes)
    assert [modes.count(mode) for mode in range(8)] == [32] * 8
    assert task.modes(Corpus({"x": task.best.unsqueeze(0)})).tolist() == [0]


def test_metrics_of_a_model_with_one_mode_left():
    task = mixture(heldout=80)
    found = metrics(task, task.best.unsqueeze(0))
    assert found["mode_coverage"] == 1 / 8
    assert found["mode_entropy"] == 0.0
    assert found["mode_kl"] == pytest.approx(math.log(8))
    assert (found["reward"], found["reward_variance"], found["kept"]) == (0.0, 0.0, 1.0)
    # From one point to P*: the second moment of P* about it, 2 + 2 noise² + ‖x*‖².
    assert found["w2"] == pytest.approx(2 + 2 * 0.15**2 + 2, rel=0.15)


def test_metrics_of_the_centres_themselves():
    task = mixture(heldout=400, noise=0.01)
    found = metrics(task, task.centres)
    assert found["mode_coverage"] == 1.0
    assert found["mode_kl"] == pytest.approx(0.0, abs=1e-12)
    assert found["mode_entropy"] == pytest.approx(math.log(8))
    assert found["w2"] < 0.2  # 400 real points are not spread over the modes as evenly


def test_the_reward_is_flat_around_its_maximum():
    task = mixture(reward_slope=2.0, reward_radius=0.5)
    x = task.best + torch.tensor([[0.0, 0.0], [0.3, 0.4], [0.0, 2.5]])
    torch.testing.assert_close(task.reward(Corpus({"x": x})), torch.tensor([0.0, 0.0, -4.0]))


def test_the_verifier_keeps_the_dense_part():
    task = mixture(verifier_quantile=0.25)
    assert task.verify(task.real(4000, rng())).double().mean().item() == pytest.approx(0.75, abs=0.03)
    assert task.verify(Corpus({"x": torch.cat([task.centres, torch.zeros(1, 2)])})).tolist() == [True] * 8 + [False]


@pytest.mark.parametrize(
    "bad",
    [
        {"distribution": "rings"},
        {"noise": 0.0},
        {"width": 0},
        {"depth": 0},
        {"lr": math.inf},
        {"heldout": 0},
        {"verifier_quantile": 1.0},
        {"reward_slope": 0.0},
        {"reward_radius": -1.0},
    ],
)
def test_bad_sizes_are_named(bad):
    with pytest.raises(PluginError, match=next(iter(bad))):
        mixture(**bad)
