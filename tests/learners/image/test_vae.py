import itertools
import math

import pytest
import torch

from collapsebench import Corpus, Decoding, Diverged, FitConfig, PluginError
from collapsebench.core.corpus import of_origin, real_share
from collapsebench.learners.gradient import Optimizer
from collapsebench.learners.image.shape import ImageShape
from collapsebench.learners.image.vae import ConditionalVAE, VAEShape, beta_binomial_log_pmf

TINY = VAEShape(ImageShape(side=2, levels=1, classes=2), latent=1, width=8)


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def every_tiny_image(label: int) -> Corpus:
    images = torch.tensor(list(itertools.product([0, 1], repeat=4)), dtype=torch.uint8)
    return Corpus({"image": images, "label": torch.full((16,), label)})


def halves(n: int = 40) -> Corpus:
    """Images of 3×3 pixels and four levels: the upper part is bright under label 0, the lower part under label 1."""
    label = torch.arange(n) % 2
    bright = torch.arange(9).lt(4).eq(label.eq(0).unsqueeze(1))
    return Corpus({"image": torch.where(bright, 3, 1).to(torch.uint8), "label": label})


HALVES = VAEShape(ImageShape(side=3, levels=4, classes=2), latent=2, width=16, optimizer=Optimizer(lr=0.03))


def fitted(corpus: Corpus, steps: int = 100, seed: int = 1) -> ConditionalVAE:
    learner = ConditionalVAE(HALVES, rng(seed))
    learner.fit(corpus, FitConfig(rng(2), steps=steps, batch=16))
    return learner


def test_beta_binomial_by_hand() -> None:
    one, three = torch.tensor(1.0), torch.tensor(3.0)
    # One trial succeeds with the mean a / (a + b); Beta(1, 1) makes every count equally likely.
    assert beta_binomial_log_pmf(torch.tensor(1.0), 1, three, one).exp() == pytest.approx(3 / 4)
    assert beta_binomial_log_pmf(torch.arange(5.0), 4, one, one).exp().tolist() == pytest.approx([0.2] * 5)


def test_elbo_bounds_a_distribution_over_images() -> None:
    learner = ConditionalVAE(TINY, rng())
    for label in (0, 1):
        given_label = learner.image_bound(every_tiny_image(label), rng())
        assert 0.5 < given_label.exp().sum() <= 1
        # An untrained model gives both labels probability 1/2.
        assert torch.allclose(learner.bound(every_tiny_image(label), rng()), given_label - math.log(2))


def test_fit_learns_what_each_label_looks_like() -> None:
    corpus = halves()
    learner = fitted(corpus)
    assert learner.log_prob(corpus).mean() > ConditionalVAE(HALVES, rng(1)).log_prob(corpus).mean() + 3
    assert learner.sites(corpus).log_prob.exp().min() > 0.9


def test_fit_reports_its_cost_and_is_repeatable() -> None:
    state = torch.get_rng_state()
    first, second = ConditionalVAE(HALVES, rng(1)), ConditionalVAE(HALVES, rng(1))
    for learner in (first, second):
        assert learner.fit(halves(), FitConfig(rng(2), epochs=2, batch=16)) == (80, 5)
    assert all(first.state()[name].equal(second.state()[name]) for name in first.state())
    assert torch.get_rng_state().equal(state)


def test_rows_of_weight_zero_do_not_matter() -> None:
    corpus = halves()
    weights = (torch.arange(40) < 20).float()
    noise = torch.where(weights.bool().unsqueeze(1), corpus["image"], 4)
    first = fitted(corpus.with_weights(weights), steps=5)
    second = fitted(Corpus({"image": noise.to(torch.uint8), "label": corpus["label"]}, weights), steps=5)
    assert all(first.state()[name].equal(second.state()[name]) for name in first.state())


def test_a_loss_that_is_not_finite_is_divergence() -> None:
    learner = ConditionalVAE(HALVES, rng(1))
    learner.load({name: torch.full_like(value, math.nan) for name, value in learner.state().items()})
    with pytest.raises(Diverged):
        learner.fit(halves(), FitConfig(rng(2), steps=1, batch=16))


@pytest.mark.parametrize(
    ("image", "label", "message"),
    [
        (torch.zeros(2, 8, dtype=torch.uint8), torch.tensor([0, 1]), r"shape \(8,\), not \(9,\)"),
        (torch.full((2, 9), 5, dtype=torch.uint8), torch.tensor([0, 1]), r"grey levels outside 0\.\.4"),
        (torch.zeros(2, 9, dtype=torch.uint8), torch.tensor([0, 2]), r"labels outside 0\.\.1"),
    ],
)
def test_images_of_another_shape_are_refused(image: torch.Tensor, label: torch.Tensor, message: str) -> None:
    learner = ConditionalVAE(HALVES, rng(1))
    with pytest.raises(PluginError, match=message):
        learner.fit(Corpus({"image": image, "label": label}), FitConfig(rng(2), steps=1, batch=2))


def test_labels_are_drawn_as_often_as_they_were_seen() -> None:
    corpus = halves(80)
    three_to_one = corpus.select((corpus["label"] == 0) | (torch.arange(80) % 3 == 0))
    share = (three_to_one["label"] == 1).double().mean()
    learner = fitted(three_to_one, steps=1)
    drawn = learner.sample(4000, rng(3), Decoding())["label"]
    assert (drawn == 1).double().mean() == pytest.approx(float(share), abs=0.03)
    weighted = fitted(three_to_one.with_weights((three_to_one["label"] == 0).float()), steps=1)
    assert (weighted.sample(400, rng(3), Decoding())["label"] == 1).sum() <= 1


def test_a_label_that_died_out_has_a_large_but_finite_loss() -> None:
    corpus = halves()
    learner = fitted(corpus.select(corpus["label"] == 0), steps=1)
    of_label = (learner.bound(corpus, rng(5)) - learner.image_bound(corpus, rng(5)))[1]
    assert of_label.item() == pytest.approx(math.log(0.01 / 20.02), abs=1e-4)


def test_state_carries_everything() -> None:
    learner, other = fitted(halves()), ConditionalVAE(HALVES, rng(9))
    other.load(learner.state())
    assert other.log_prob(halves()).equal(learner.log_prob(halves()))


def test_samples_follow_the_decoder() -> None:
    labels = Corpus({"label": torch.zeros(4000, dtype=torch.int64)})
    learner = ConditionalVAE(TINY, rng())
    images = learner.sample(4000, rng(3), Decoding(), labels)["image"]
    assert images.dtype == torch.uint8
    assert set(images.unique().tolist()) == {0, 1}
    index = (images.long() * torch.tensor([8, 4, 2, 1])).sum(1)
    frequencies = torch.bincount(index, minlength=16) / 4000
    bounds = learner.image_bound(every_tiny_image(0), rng()).exp()
    assert (bounds <= frequencies + 0.03).all()


def test_samples_keep_the_labels_that_they_are_given() -> None:
    labels = Corpus({"label": torch.arange(30) % 2})
    made = fitted(halves()).sample(30, rng(), Decoding(), labels)
    assert made.names == ("image", "label")
    assert made["label"].equal(labels["label"])
    assert made["image"].max() <= 4


def test_a_low_temperature_gives_each_label_one_image() -> None:
    labels = Corpus({"label": torch.zeros(50, dtype=torch.int64)})
    learner = fitted(halves())
    cold = learner.sample(50, rng(), Decoding(temperature=1e-4), labels)["image"]
    assert len(cold.unique(dim=0)) == 1
    assert len(learner.sample(50, rng(), Decoding(), labels)["image"].unique(dim=0)) > 1


def test_a_rows_log_prob_does_not_depend_on_its_neighbours() -> None:
    learner, corpus = fitted(halves()), halves()
    alone = learner.log_prob(corpus.select(torch.tensor([7])))
    assert alone.item() == pytest.approx(learner.log_prob(corpus)[7].item(), abs=1e-4)


def test_sites_are_probabilities_of_the_labels() -> None:
    learner, corpus = ConditionalVAE(HALVES, rng()), halves()
    flipped = corpus.with_columns(label=1 - corpus["label"])
    total = learner.sites(corpus).log_prob.exp() + learner.sites(flipped).log_prob.exp()
    assert total.squeeze(1).tolist() == pytest.approx([1.0] * 40, abs=1e-5)
    assert learner.sites(corpus).editable.all()


def test_resampling_corrects_wrong_labels_under_the_mask_only() -> None:
    learner, corpus = fitted(halves()), halves()
    wrong = of_origin(corpus.with_columns(label=1 - corpus["label"]), 0)
    mask = (torch.arange(40) < 10).unsqueeze(1)
    edited = learner.resample(wrong, mask, rng(), Decoding(top_k=1))
    assert edited["label"][:10].equal(corpus["label"][:10])
    assert edited["label"][10:].equal(wrong["label"][10:])
    assert real_share(edited) == 0.75


def test_temperature_flattens_the_labels() -> None:
    learner, corpus = fitted(halves()), halves()
    mask = torch.ones(40, 1, dtype=torch.bool)
    assert learner.resample(corpus, mask, rng(), Decoding())["label"].equal(corpus["label"])
    hot = learner.resample(corpus, mask, rng(), Decoding(temperature=1e6))["label"]
    assert 0.2 < hot.ne(corpus["label"]).double().mean() < 0.8
