import pytest
import torch

from collapsebench import Corpus, Decoding, FitConfig, PluginError, Start
from collapsebench.core.task import TASKS


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def shifted(**sizes):
    return TASKS.get("shifted_regression")(**sizes)


def surrogate(task, seed):
    """w_2, read off the labels of the unit rows."""
    drawn = task.learner(rng(seed)).sample(task.d, rng(), Decoding(), Corpus({"x": torch.eye(task.d).double()}))
    return drawn["y"]


def test_the_surrogate_is_shifted_once_per_seed():
    task = shifted(d=50, sigma2=1e-12, c2=0.5)
    shifts = torch.stack([surrogate(task, seed) - task.population.weights for seed in range(200)])
    assert shifts.square().sum(1).mean().item() == pytest.approx(0.5, rel=0.05)
    assert shifts.mean().item() == pytest.approx(0.0, abs=0.005)
    assert torch.equal(surrogate(task, 3), surrogate(task, 3))


def test_what_was_fitted_does_not_change_the_surrogate():
    task = shifted(d=3, sigma2=1e-12, c2=0.5)
    learner, real = task.learner(rng()), task.real(9, rng(1))
    learner.fit(real, FitConfig(rng()))
    assert task.evaluate(learner, Start(real, lambda: learner), rng())["error"] < 1e-9
    x = Corpus({"x": torch.eye(3).double()})
    assert torch.equal(learner.sample(3, rng(), Decoding(), x)["y"], surrogate(task, 0))


def test_metrics_by_hand():
    # w_1 = ½ (1, 1, 1, 1), Σ_k = 1/k; each weight is off by 1.
    task = shifted(d=4, decay=1.0)
    learner = task.learner(rng())
    learner.fit(Corpus({"x": torch.eye(4).double(), "y": torch.full((4,), 1.5).double()}), FitConfig(rng()))
    expected = {"error": 1 + 1 / 2 + 1 / 3 + 1 / 4, "train_mse": 0.0}
    assert task.evaluate(learner, None, rng()) == pytest.approx(expected)


@pytest.mark.parametrize(
    "bad", [{"d": 0}, {"sigma2": 0.0}, {"c2": -1.0}, {"decay": -1.0}, {"ridge": float("nan")}, {"width": -1}]
)
def test_bad_sizes_are_named(bad):
    with pytest.raises(PluginError, match=next(iter(bad))):
        shifted(**bad)
