import math
import sys
from dataclasses import replace

import pytest
import torch

from collapsebench import Corpus, Decoding, FitConfig, PluginError
from collapsebench.core.task import TASKS
from collapsebench.data import MNIST, Images, ImageSet
from collapsebench.families import dealt
from collapsebench.testing import task_results, tiny


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def labels(**sizes):
    return TASKS.get("mnist_labels")(**sizes)


def fake_digits(n, seed):
    """Images of noise with one bright pair of rows, which is the label."""
    digit = torch.randint(10, (n,), generator=rng(seed))
    images = torch.randint(100, (n, 28, 28), generator=rng(seed + 1))
    images[torch.arange(n), 2 * digit] += 150
    images[torch.arange(n), 2 * digit + 1] += 150
    return Images(images.flatten(1).to(torch.uint8), digit)


@pytest.fixture
def forget():
    """What the task module remembers of the data is forgotten before and after."""
    module = sys.modules[TASKS.get("mnist_labels").__module__]

    module.parts.cache_clear()
    yield module
    module.parts.cache_clear()


@pytest.fixture
def fake(forget, monkeypatch):
    """600 training images and 100 test images instead of MNIST."""
    images = ImageSet(fake_digits(600, 1), fake_digits(100, 3))
    monkeypatch.setattr(forget, "load_images", lambda source: images)
    return images


def fitted(task, n=200, steps=30):
    learner = task.learner(rng(1))
    learner.fit(task.real(n, rng(2)), FitConfig(rng(3), steps=steps, batch=32))
    return learner


def keys(images):
    return {image.tobytes() for image in images.numpy()}


def test_real_examples_conditions_and_reserve_share_no_image(fake, forget):
    task = labels()
    real, conditions = task.real(300, rng()), task.conditions(200, rng())
    reserve = task.parts().reserve
    assert conditions.names == ("image",)
    parts = [keys(rows["image"]) for rows in (real, conditions, reserve)]
    assert [len(part) for part in parts] == [300, 200, 100]
    assert len(set.union(*parts)) == 600


def test_more_images_than_there_are_is_said(fake):
    with pytest.raises(PluginError, match="300 labelled images, 301"):
        labels().real(301, rng())
    with pytest.raises(PluginError, match="200 unlabelled images, 201"):
        labels().conditions(201, rng())


@pytest.mark.parametrize("model", ["features", "network"])
def test_metrics_of_a_model_that_learnt_the_fake_digits(fake, model):
    task = labels(model=model, width=60, heldout=100, lr=1e-2)
    found = task.evaluate(fitted(task), None, rng(4))
    assert found["error"] < 0.05
    assert found["error"] <= found["label_error"] < 0.4
    assert 0 < found["mse"] < 0.5
    assert found["class_entropy"] == pytest.approx(math.log(10), abs=0.2)
    assert found["diversity_ratio"] == pytest.approx(1, abs=0.1)


def test_metrics_of_a_model_that_knows_nothing(fake):
    task = labels(width=5, heldout=100)
    found = task.evaluate(task.learner(rng()), None, rng())
    assert found["mse"] == 1.0  # all outputs are 0
    assert found["nll"] == pytest.approx(math.log(10))
    assert found["label_error"] == pytest.approx(0.9)
    assert found["class_entropy"] == 0.0
    assert found["diversity_ratio"] == pytest.approx(0.1, abs=0.02)  # one label of ten


def test_the_verifier_knows_every_real_label(fake):
    task = labels()
    real = task.real(50, rng())
    wrong = real.with_columns(label=(real["label"] + 3) % 10)
    assert task.verify(real).tolist() == [True] * 50
    assert task.verify(wrong).tolist() == [False] * 50
    with pytest.raises(PluginError, match="not one of the training images"):
        task.verify(Corpus({"image": torch.zeros(1, 784, dtype=torch.uint8), "label": torch.tensor([0])}))


def test_the_reward_prefers_zeros(fake):
    rows = Corpus({"image": torch.zeros(3, 784, dtype=torch.uint8), "label": torch.tensor([0, 5, 0])})
    assert labels(preference=2.0).reward(rows).tolist() == [2.0, 0.0, 2.0]


def test_a_surrogate_writes_the_labels_whatever_was_learnt(fake):
    task = labels(width=20, surrogate=60, prior_rows=60)
    conditions = task.conditions(100, rng(5))
    one, two = (fitted(task, n).sample(100, rng(6), Decoding(), conditions)["label"] for n in (20, 200))
    assert torch.equal(one, two)
    assert torch.equal(one, task.prior(rng()).sample(100, rng(6), Decoding(), conditions)["label"])


def test_samples_are_shown_with_their_real_labels(fake):
    task = labels()
    real = task.real(1, rng())
    digit = real["label"].item()
    (line,) = task.render(real.with_columns(label=torch.tensor([(digit + 1) % 10])))
    assert line.startswith(f"{(digit + 1) % 10}, really {digit}: image ")


def test_pictures_are_the_images(fake):
    real = labels().real(2, rng())
    pictures = labels().pictures(real)
    assert pictures.shape == (2, 28, 28)
    assert torch.equal(pictures.flatten(1), real["image"])


@pytest.mark.parametrize(
    "bad",
    [
        {"model": "forest"},
        {"width": 0},
        {"ridge": 0.0},
        {"lr": -1.0},
        {"heldout": 0},
        {"surrogate": -1},
        {"prior_rows": 0},
        {"preference": math.nan},
    ],
)
def test_bad_sizes_are_named(bad):
    with pytest.raises(PluginError, match=next(iter(bad))):
        labels(**bad)


@pytest.mark.parametrize(("name", "there"), [("heldout", 100), ("surrogate", 100), ("prior_rows", 100)])
def test_more_images_than_there_are_is_said_before_anything_runs(fake, name, there):
    sizes = {"heldout": 100, "prior_rows": 100, "surrogate": 100}
    labels(**sizes).prepared(10, rng())
    with pytest.raises(PluginError, match=f"{name} is {there + 1}, of {there} images"):
        labels(**{**sizes, name: there + 1}).prepared(10, rng())


@pytest.mark.parametrize(("images", "real"), [(60_000, 30_000), (601, 301), (605, 303)])
def test_half_of_a_data_set_of_ones_own_are_real_examples(images, real):
    made = labels(source="custom", folder="somewhere/fashion", images=images)
    assert made.card.population == real
    assert (made.card.corpus, labels().card.corpus) == ("fashion (your files)", "MNIST")
    assert labels(width=9).card.about.endswith("to which the model writes the labels; 9 random features")
    assert dealt(Corpus({"image": torch.zeros(images, 1)}), "llluur")[0]["image"].shape == (real, 1)


def test_random_features_learn_mnist(real_data, forget):
    task = labels(width=300, heldout=2000)
    assert len(task.parts().labelled) == task.card.population
    assert task.card.data.endswith(MNIST.digest)
    found = task.evaluate(fitted(task, 1000), None, rng(4))
    assert found["error"] < 0.2
    assert found["label_error"] == pytest.approx(found["error"], abs=0.03)


@pytest.mark.parametrize("model", ["features", "network"])
def test_the_task_keeps_its_contract(fake, monkeypatch, model):
    cls, sizes = TASKS.get("mnist_labels"), {"model": model, "width": 6, "heldout": 40, "prior_rows": 40}
    monkeypatch.setattr(cls, "card", replace(cls.card, population=300))
    monkeypatch.setitem(tiny._SIZES, "mnist_labels", {"n": 40, "params": sizes})
    for result in task_results(cls):
        assert result.passed, f"{result.name}: {result.sentence} {result.detail}"
