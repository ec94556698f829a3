import itertools
import math
from collections.abc import Callable

import pytest
import torch

from collapsebench import Corpus, Decoding, Diverged, FitConfig
from collapsebench.learners.gradient import Optimizer
from collapsebench.learners.image import ddpm
from collapsebench.learners.image.ddpm import ConditionalDDPM, DDPMShape, Schedule
from collapsebench.learners.image.shape import ImageShape

TINY = DDPMShape(ImageShape(side=2, levels=1, classes=2), steps=20, width=8)
HALVES = DDPMShape(ImageShape(side=3, levels=4, classes=2), steps=10, width=16, optimizer=Optimizer(lr=0.02))


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def every_tiny_image(label: int, copies: int) -> Corpus:
    images = torch.tensor(list(itertools.product([0, 1], repeat=4)), dtype=torch.uint8)
    return Corpus({"image": images.repeat_interleave(copies, 0), "label": torch.full((16 * copies,), label)})


def halves(n: int = 40) -> Corpus:
    """Images of 3×3 pixels and four levels: the upper part is bright under label 0, the lower part under label 1."""
    label = torch.arange(n) % 2
    bright = torch.arange(9).lt(4).eq(label.eq(0).unsqueeze(1))
    return Corpus({"image": torch.where(bright, 3, 1).to(torch.uint8), "label": label})


def fitted(corpus: Corpus, steps: int = 150) -> ConditionalDDPM:
    learner = ConditionalDDPM(HALVES, rng(1))
    learner.fit(corpus, FitConfig(rng(2), steps=steps, batch=16))
    return learner


@pytest.fixture(scope="module")
def model() -> ConditionalDDPM:
    return fitted(halves())


@pytest.fixture
def knowing(monkeypatch: pytest.MonkeyPatch) -> Callable[[float, float], ConditionalDDPM]:
    """A model of tiny images whose network gives every pixel the same two numbers."""

    def build(slope: float, bend: float = 0.0) -> ConditionalDDPM:
        learner = ConditionalDDPM(TINY, rng())
        state = {name: torch.zeros_like(value) for name, value in learner.network.state_dict().items()}
        state["leave.bias"][:4], state["leave.bias"][4:] = slope, bend
        learner.load({**learner.state(), **state})
        return learner

    return build


def test_one_step_undoes_what_one_step_did() -> None:
    # Averaged over x_t, the posterior of x_{t-1} has the mean and the variance that noising gives x_{t-1}.
    schedule = Schedule(8)
    mean = schedule.on_start + schedule.on_current * schedule.signal
    variance = schedule.variance + schedule.on_current.square() * schedule.noise.square()
    assert mean[1:].allclose(schedule.signal[:-1])
    assert variance[1:].allclose(schedule.noise[:-1].square(), atol=1e-6)
    assert (mean[0], schedule.variance[0]) == (1, 0)  # the first step ends at the image itself
    assert schedule.signal.square().add(schedule.noise.square()).allclose(torch.ones(8))


def test_a_model_that_knows_nothing_is_bounded_by_fair_coins(knowing) -> None:
    # By symmetry such a model gives each of the 16 images probability 1/16; the bound stays below: 20 steps are few.
    bounds = knowing(0.0).image_bound(every_tiny_image(0, copies=300), rng()).view(16, -1).mean(1)
    assert (bounds < -4 * math.log(2)).all()
    assert (bounds > -4 * math.log(2) - 1).all()


def test_a_model_that_knows_the_image_loses_nothing(knowing) -> None:
    # It expects white pixels whatever it sees, so that the white image is certain and the sum over steps is start.
    learner = knowing(200.0)
    white = Corpus({"image": torch.ones(50, 4, dtype=torch.uint8), "label": torch.zeros(50, dtype=torch.int64)})
    signal, noise = Schedule(20).signal[-1].square(), Schedule(20).noise[-1].square()
    to_white_noise = 4 * 0.5 * float(signal + noise - 1 - noise.log())
    assert learner.image_bound(white, rng()).tolist() == pytest.approx([-to_white_noise] * 50, abs=1e-5)
    assert learner.draw(white["label"], rng(), 1.0).equal(white["image"])


def test_bounds_of_all_images_are_a_distribution_that_samples_follow() -> None:
    learner = ConditionalDDPM(TINY, rng())
    bounds = learner.image_bound(every_tiny_image(0, copies=300), rng()).view(16, -1).mean(1).exp()
    assert 0.3 < bounds.sum() <= 1
    labels = Corpus({"label": torch.zeros(4000, dtype=torch.int64)})
    images = learner.sample(4000, rng(3), Decoding(), labels)["image"]
    assert images.dtype == torch.uint8
    index = (images.long() * torch.tensor([8, 4, 2, 1])).sum(1)
    assert (bounds <= torch.bincount(index, minlength=16) / 4000 + 0.03).all()


def test_random_steps_estimate_the_bound_over_all_steps(model) -> None:
    corpus = Corpus({name: column[:1].expand(6000, *column.shape[1:]) for name, column in halves().columns.items()})
    every = torch.arange(1, HALVES.steps).unsqueeze(1).expand(-1, 6000)
    noise = torch.randn(HALVES.steps, 6000, 9, generator=rng(4))
    exact = model._bound(corpus["image"], corpus["label"], every, noise)
    estimate = model.image_bound(corpus, rng(5))
    error = (exact.var() + estimate.var()).sqrt() / 6000**0.5
    assert abs(exact.mean() - estimate.mean()) < 4 * error
    assert model.log_prob(corpus).unique().shape == (1,)


def test_fit_learns_what_each_label_looks_like(model) -> None:
    corpus, untrained = halves(), ConditionalDDPM(HALVES, rng(1))
    assert model.bound(corpus, rng()).mean() > untrained.bound(corpus, rng()).mean() + 3
    assert model.log_prob(corpus).mean() > untrained.log_prob(corpus).mean() + 3
    assert model.sites(corpus).log_prob.exp().min() > 0.9


def test_samples_look_like_their_labels(model) -> None:
    made = model.sample(200, rng(3), Decoding())
    bright = torch.arange(9).lt(4).eq(made["label"].eq(0).unsqueeze(1))
    assert (made["image"] == torch.where(bright, 3, 1)).double().mean() > 0.9
    assert made["image"].max() <= 4


def test_a_low_temperature_draws_fewer_different_images() -> None:
    learner = fitted(halves(), steps=30)
    labels = Corpus({"label": torch.zeros(200, dtype=torch.int64)})
    plain, cold = (learner.sample(200, rng(3), Decoding(temperature=t), labels)["image"] for t in (1.0, 0.1))
    assert len(cold.unique(dim=0)) < len(plain.unique(dim=0)) / 2


def test_fitting_and_sampling_are_repeatable_and_move_no_random_state() -> None:
    before = torch.get_rng_state()
    first, second = fitted(halves(), steps=5), fitted(halves(), steps=5)
    assert all(first.state()[name].equal(second.state()[name]) for name in first.state())
    assert first.sample(20, rng(), Decoding())["image"].equal(second.sample(20, rng(), Decoding())["image"])
    assert torch.get_rng_state().equal(before)


def test_a_rows_probability_does_not_depend_on_its_neighbours(model, monkeypatch: pytest.MonkeyPatch) -> None:
    corpus = halves()
    whole, sites = model.log_prob(corpus), model.sites(corpus).log_prob
    monkeypatch.setattr(ddpm, "CHUNK", 9 * 5 * 7)
    assert model.log_prob(corpus).allclose(whole, atol=1e-5)
    assert model.sites(corpus).log_prob.allclose(sites, atol=1e-5)
    assert model.log_prob(corpus.select(torch.tensor([5]))).item() == pytest.approx(float(whole[5]), abs=1e-5)


def test_state_carries_everything(model) -> None:
    other = ConditionalDDPM(HALVES, rng(9))
    other.load(model.state())
    assert other.log_prob(halves()).equal(model.log_prob(halves()))


def test_a_loss_that_is_not_finite_is_divergence() -> None:
    learner = ConditionalDDPM(HALVES, rng(1))
    learner.load({name: torch.full_like(value, math.nan) for name, value in learner.state().items()})
    with pytest.raises(Diverged):
        learner.fit(halves(), FitConfig(rng(2), steps=1, batch=16))
