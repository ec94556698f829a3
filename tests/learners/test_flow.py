import math

import pytest
import torch

from collapsebench import Corpus, Decoding, FitConfig, PluginError
from collapsebench.learners.flow import FlowMatching, FlowShape
from collapsebench.learners.gradient import Optimizer

FAST = Optimizer(lr=2e-2, betas=(0.9, 0.99), weight_decay=0.0)


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def flow(width=16, **sizes):
    return FlowMatching(FlowShape(2, width, 2, optimizer=FAST, **sizes), rng())


def fitted(x, steps=200, weights=None):
    learner = flow()
    learner.fit(Corpus({"x": x}, weights), FitConfig(rng(1), steps=steps, batch=128))
    return learner


def drawn(learner, n=500, temperature=1.0):
    return learner.sample(n, rng(2), Decoding(temperature))["x"]


def still(learner):
    """The learner with its velocity set to 0 everywhere."""
    learner.load({name: torch.zeros_like(tensor) for name, tensor in learner.state().items()})
    return learner


def test_without_velocity_the_samples_are_the_noise():
    assert torch.equal(drawn(still(flow())), torch.randn(500, 2, generator=rng(2)))


def test_a_constant_velocity_moves_the_noise_by_it():
    learner = still(flow())
    name = [name for name in learner.state() if name.endswith("bias")][-1]
    learner.load({**learner.state(), name: torch.tensor([3.0, -1.0])})
    moved = drawn(learner) - torch.randn(500, 2, generator=rng(2))
    torch.testing.assert_close(moved, torch.tensor([3.0, -1.0]).expand(500, 2))


def test_temperature_divides_the_log_density_of_the_noise():
    torch.testing.assert_close(drawn(still(flow()), temperature=0.25), torch.randn(500, 2, generator=rng(2)) / 2)


def test_samples_have_the_moments_of_a_normal_that_it_was_fitted_to():
    x = torch.tensor([1.0, -2.0]) + torch.tensor([0.5, 0.2]) * torch.randn(2000, 2, generator=rng(3))
    samples = drawn(fitted(x, steps=200), 4000)
    torch.testing.assert_close(samples.mean(0), torch.tensor([1.0, -2.0]), rtol=0, atol=0.05)
    torch.testing.assert_close(samples.std(0), torch.tensor([0.5, 0.2]), rtol=0, atol=0.1)


def test_rows_without_weight_are_not_learnt():
    x = torch.cat([torch.full((100, 2), 1.0), torch.full((100, 2), -1.0)])
    weights = torch.cat([torch.ones(100), torch.zeros(100)])
    assert (drawn(fitted(x, weights=weights)) > 0).double().mean() > 0.99


def test_fits_are_the_same_for_the_same_stream():
    x = torch.randn(50, 2, generator=rng(3))
    one, two = fitted(x, steps=5).state(), fitted(x, steps=5).state()
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_rows_of_another_dimension_are_refused():
    with pytest.raises(PluginError, match="2 coordinates"):
        fitted(torch.zeros(8, 3))


def test_its_cost_is_rows_and_steps():
    report = flow().fit(Corpus({"x": torch.zeros(10, 2)}), FitConfig(rng(), steps=3, batch=4))
    assert report == (12, 3)
    assert math.isfinite(sum(float(tensor.sum()) for tensor in flow().state().values()))
