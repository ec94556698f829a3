import math

import pytest
import torch

from collapsebench import Corpus, Decoding, FitConfig, Learner, PluginError, Start, Task
from collapsebench.core.task import TASKS
from collapsebench.scoring import Spread


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def digits() -> Task:
    return TASKS.get("digits")()


@pytest.fixture(scope="module")
def corpus(digits: Task) -> Corpus:
    return digits.real(200, rng())


@pytest.fixture(scope="module")
def model(digits: Task, corpus: Corpus) -> Learner:
    return fitted(digits, corpus)


def fitted(digits: Task, corpus: Corpus) -> Learner:
    learner = digits.learner(rng(1))
    learner.fit(corpus, FitConfig(rng(2), steps=150, batch=32))
    return learner


def test_population_is_every_image_that_is_not_held_out(digits: Task) -> None:
    assert digits.card.population == 1797 - 10 * 40
    everything = digits.real(1397, rng())
    assert everything["image"].unique(dim=0).shape == (1397, 64)
    with pytest.raises(PluginError, match="1397"):
        digits.real(1398, rng())


def test_images_are_counts_out_of_sixteen(corpus: Corpus) -> None:
    assert corpus["image"].dtype == torch.uint8
    assert (corpus["image"].min(), corpus["image"].max()) == (0, 16)
    assert corpus["label"].unique().tolist() == list(range(10))


def test_real_images_come_in_an_order_of_the_stream(digits: Task, corpus: Corpus) -> None:
    assert digits.real(200, rng())["image"].equal(corpus["image"])
    assert not digits.real(200, rng(1))["image"].equal(corpus["image"])


def test_verifier_and_reward_know_the_real_digits(digits: Task, corpus: Corpus) -> None:
    wrong = corpus.with_columns(label=(corpus["label"] + 1) % 10)
    assert digits.verify(corpus).double().mean() > 0.98
    assert digits.verify(wrong).double().mean() < 0.02
    assert digits.reward(corpus).mean() > 9.5 > 0.5 > digits.reward(wrong).mean()
    assert digits.reward(corpus).max() <= 10


def test_a_verifier_that_asks_for_confidence_keeps_less(corpus: Corpus) -> None:
    blurred = corpus.with_columns(image=(corpus["image"] + corpus["image"].roll(1, 0)) // 2)
    lenient, strict = (TASKS.get("digits")(confidence=c).verify(blurred) for c in (0.0, 0.99))
    assert (strict <= lenient).all()
    assert 0 < strict.sum() < lenient.sum() < len(corpus)


def test_a_favourite_is_rewarded_whatever_the_label_says(corpus: Corpus) -> None:
    rewards = TASKS.get("digits")(favourite=3, gamma=2.0).reward(corpus.with_columns(label=corpus["label"] * 0))
    threes = corpus["label"] == 3
    assert rewards[threes].min() > 1.5 > 0.5 > rewards[~threes].mean()


def test_parameters_out_of_range_are_refused() -> None:
    with pytest.raises(PluginError, match="confidence"):
        TASKS.get("digits")(confidence=1.1)
    with pytest.raises(PluginError, match="favourite"):
        TASKS.get("digits")(favourite=10)


def test_evaluation_gives_every_metric_of_the_card_and_repeats(digits: Task, corpus: Corpus, model: Learner) -> None:
    metrics = digits.evaluate(model, Start(corpus, lambda: model), rng(3))
    assert metrics.keys() == digits.card.metrics.keys()
    assert digits.evaluate(model, Start(corpus, lambda: model), rng(3)) == metrics
    assert 0 < metrics["nelbo"] < 2
    assert metrics["classifier_error"] < 0.3
    assert metrics["class_entropy"] <= math.log(10) + 1e-6


def test_real_images_are_as_diverse_as_held_out_ones_and_repeated_or_speckled_ones_are_not(digits: Task) -> None:
    train, test = digits.split()
    spread = Spread(test["image"])
    images = train["image"][:: len(train) // len(test)][: len(test)]
    specks = torch.rand(images.shape, generator=rng(1)) < 0.05
    speckled = torch.where(specks, torch.randint(0, 17, images.shape, generator=rng(2)).to(torch.uint8), images)
    assert spread.ratio(images) == pytest.approx(1, abs=0.1)
    assert spread.ratio(images[:20].repeat(20, 1)) < 0.3
    assert spread.ratio(speckled) > 1.4


def test_training_helps_and_one_generation_of_replacement_hurts(digits: Task, corpus: Corpus, model: Learner) -> None:
    synthetic = model.sample(200, rng(4), Decoding())
    untrained, collapsed = digits.learner(rng(1)), fitted(digits, synthetic)
    start = Start(corpus, lambda: model)
    losses = [digits.evaluate(learner, start, rng(3))["nelbo"] for learner in (model, collapsed, untrained)]
    assert losses[0] + 0.02 < losses[1] < losses[2]


def test_an_example_renders_as_one_line(digits: Task) -> None:
    image = torch.zeros(1, 64, dtype=torch.uint8)
    image[0, 0] = 16
    (line,) = digits.render(Corpus({"image": image, "label": torch.tensor([7])}))
    assert line.startswith("7  @       |")
    assert line.count("|") == 7
