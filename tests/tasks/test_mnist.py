import hashlib
import logging
import math
import sys
from dataclasses import replace

import pytest
import torch

from collapsebench import Corpus, DataError, Decoding, FitConfig, PluginError, Start, data, scoring
from collapsebench.core.files import cache_folder
from collapsebench.core.task import TASKS
from collapsebench.data import FOLDER, DataFile, mnist
from collapsebench.learners import ConditionalDDPM, ConditionalVAE, ImageGenerator, ImageShape, Optimizer
from collapsebench.testing import task_results, tiny

SHAPE = ImageShape(side=28, levels=4)
EACH = 6  # held-out images of each class


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def task(**sizes):
    return TASKS.get("mnist")(**sizes)


def fake_digits(n, seed):
    """Images of faint noise with one bright pair of rows, which is the label."""
    digit = torch.arange(n) % 10
    images = torch.randint(100, (n, 28, 28), generator=rng(seed))
    images[torch.arange(n), 2 * digit + 4] += 150
    images[torch.arange(n), 2 * digit + 5] += 150
    return mnist.Images(images.flatten(1).to(torch.uint8), digit)


@pytest.fixture
def module():
    """The task's module, which remembers no data before and after."""
    found = sys.modules[TASKS.get("mnist").__module__]

    def forget():
        for remembered in (mnist.load_mnist, found.mnist, found.judge):
            remembered.cache_clear()

    forget()
    yield found
    forget()


@pytest.fixture
def fake(module, monkeypatch):
    """600 training images and 120 test images instead of MNIST, of which 60 are held out; a classifier to match."""
    recipe, images = scoring.Recipe, mnist.MNIST(fake_digits(600, 1), fake_digits(120, 3))
    with monkeypatch.context() as patch:  # undone before `module` forgets
        patch.setattr(data, "load_mnist", lambda: images)
        patch.setattr(data, "MNIST_DIGEST", "made up")
        patch.setattr(module, "HELD_OUT", EACH)
        patch.setattr(scoring, "Recipe", lambda *names, **sizes: recipe(*names, **{**sizes, "steps": 60}))
        yield images


class Copier(ImageGenerator):
    """Gives the images and labels that it was made with, again and again; every image has the same bound."""

    def __init__(self, rows: Corpus, bound: float) -> None:
        super().__init__(SHAPE, Optimizer(), torch.nn.Linear(1, 1))
        self._rows, self._bound = rows, bound

    def sample(self, n, rng, decoding, conditions=None):
        return self._rows.select(torch.arange(n) % len(self._rows))

    def bound(self, corpus, rng):
        return torch.full((len(corpus),), self._bound)

    objective = draw = image_bound = label_scores = None


def measured(rows: Corpus, bound: float = -784.0) -> dict[str, float]:
    return task().evaluate(Copier(rows, bound), Start(rows, lambda: None), rng())


# -- what is measured ----------------------------------------------------------------------------


def test_a_model_that_draws_the_held_out_images_is_perfect(fake):
    found = measured(task().split().test, bound=-784.0 * 2)
    assert found.keys() == task().card.metrics.keys()
    assert found["nelbo"] == 2  # nats per pixel
    assert found["class_entropy"] == pytest.approx(math.log(10))
    assert found["frechet"] == pytest.approx(0, abs=1e-5)
    assert [found[name] for name in ("label_agreement", "precision", "recall")] == [1, 1, 1]
    assert found["classifier_error"] == 0


def test_a_model_that_draws_one_digit_lost_the_other_nine(fake):
    test = task().split().test
    found = measured(test.select(test["label"] == 3))
    assert found["class_entropy"] == 0
    assert found["recall"] == pytest.approx(0.1, abs=0.05)
    assert found["classifier_error"] == pytest.approx(0.9)
    assert (found["label_agreement"], found["precision"]) == (1, 1)
    assert found["frechet"] > 1


def test_labels_that_do_not_fit_their_images_are_seen(fake):
    test = task().split().test
    found = measured(test.with_columns(label=(test["label"] + 1) % 10))
    assert (found["label_agreement"], found["classifier_error"]) == (0, 1)
    assert found["recall"] == 1


def test_grey_levels_and_held_out_images(fake):
    real = task().real(600, rng())
    assert real["image"].unique().tolist() == [0, 1, 2, 3, 4]
    assert torch.bincount(task().split().test["label"]).tolist() == [EACH] * 10
    with pytest.raises(PluginError, match="600 real examples, 601"):
        task().real(601, rng())


def test_an_example_is_a_picture_and_a_line(fake):
    (line,), (picture,) = (show(task().real(1, rng())) for show in (task().render, task().pictures))
    assert line.count("|") == 27
    assert (picture.shape, picture.dtype) == ((28, 28), torch.uint8)
    assert picture.max() >= 191


# -- verifier and reward -------------------------------------------------------------------------


def test_the_verifier_agrees_with_right_labels_only(fake):
    real = task().real(100, rng())
    assert task().verify(real).all()
    assert not task().verify(real.with_columns(label=(real["label"] + 1) % 10)).any()


def test_a_verifier_that_wants_confidence_keeps_what_the_classifier_is_sure_of(fake, module):
    real = task().real(100, rng())
    faint = real.with_columns(image=(real["image"] + real["image"].roll(3, 0)) // 2)
    best, seen = module.judge().probabilities(faint["image"]).max(1)
    agrees = seen == faint["label"]
    middle = float(best[agrees].median())
    assert task(confidence=middle).verify(faint).equal(agrees & (best >= middle))
    assert task(confidence=middle).verify(faint).sum() < agrees.sum()


def test_the_reward_is_the_favourites_probability_times_gamma(fake, module):
    real = task().real(100, rng())
    of_three = module.judge().probabilities(real["image"])[:, 3]
    reward = task(favourite=3, gamma=2.5).reward(real)
    assert reward.allclose(2.5 * of_three)
    assert reward[real["label"] == 3].min() > 2 > 0.5 > reward[real["label"] != 3].max()


def test_without_a_favourite_the_reward_is_confidence_in_the_label(fake, module):
    real = task().real(100, rng())
    chance = module.judge().probabilities(real["image"]).gather(1, real["label"].unsqueeze(1)).squeeze(1)
    assert task().reward(real).allclose(10 * chance)


# -- models --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "kind", "sizes"),
    [
        ("vae", ConditionalVAE, {"width": 32, "latent": 4}),
        ("ddpm", ConditionalDDPM, {"ddpm_width": 32, "ddpm_steps": 8}),
    ],
)
def test_both_models_learn_and_are_evaluated(fake, model, kind, sizes):
    made = task(model=model, **sizes)
    learner, untrained = made.learner(rng(1)), made.learner(rng(1))
    assert isinstance(learner, kind)
    start = Start(made.real(200, rng()), lambda: learner)
    learner.fit(start.corpus, FitConfig(rng(2), steps=40, batch=32))
    found, before = (made.evaluate(one, start, rng(3)) for one in (learner, untrained))
    assert found["nelbo"] < before["nelbo"] - 0.1
    assert found == made.evaluate(learner, start, rng(3))
    assert learner.sample(3, rng(4), Decoding(temperature=0.5))["image"].shape == (3, 784)


@pytest.mark.parametrize(
    "bad",
    [
        {"model": "gan"},
        {"width": 0},
        {"latent": 0},
        {"lr": 0.0},
        {"ddpm_steps": 1},
        {"ddpm_width": 0},
        {"ddpm_lr": math.inf},
        {"confidence": 1.1},
        {"favourite": 10},
    ],
)
def test_bad_parameters_are_named(bad):
    with pytest.raises(PluginError, match=next(iter(bad))):
        task(**bad)


def test_a_model_that_is_not_there_names_those_that_are():
    with pytest.raises(PluginError, match="model='gan' of task 'mnist': Input should be 'vae' or 'ddpm'"):
        task(model="gan")


# -- bad input -----------------------------------------------------------------------------------


def idx(*sizes: int, value: int = 0) -> bytes:
    head = b"\x00\x00\x08" + bytes([len(sizes)]) + b"".join(size.to_bytes(4, "big") for size in sizes)
    return head + bytes([value]) * math.prod(sizes)


@pytest.fixture
def files(tmp_path, monkeypatch, module):
    """Writes MNIST's files as given, with their own checksums as those to expect: `files(images, labels)`."""
    monkeypatch.setenv(FOLDER, str(tmp_path))
    (tmp_path / "mnist").mkdir()

    def write(images, labels):
        for split in ("TRAIN", "TEST"):
            for what, stored in (("IMAGES", images), ("LABELS", labels)):
                file = DataFile(f"mnist/{split}-{what}", hashlib.sha256(stored).hexdigest())
                (tmp_path / file.path).write_bytes(stored)
                monkeypatch.setattr(mnist, f"_{split}_{what}", file)
        return tmp_path / "mnist"

    return write


def test_missing_files_are_said_before_anything_runs(tmp_path, monkeypatch, module):
    monkeypatch.setenv(FOLDER, str(tmp_path))
    with pytest.raises(DataError, match="Dataset 'mnist' is missing") as caught:
        task().prepared(100, rng())
    assert f"Set {FOLDER} to a folder with mnist/" in str(caught.value)


def test_a_file_that_was_changed_is_said(files):
    (files(idx(2, 28, 28), idx(2)) / "TEST-LABELS").write_bytes(idx(2, value=1))
    with pytest.raises(DataError, match="'TEST-LABELS' has the SHA-256") as caught:
        task().prepared(100, rng())
    assert "fetch it again" in caught.value.hint


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (idx(2, 32, 32), idx(2), "images of the size 32×32, not 28×28"),
        (idx(2, 28, 28), idx(2, value=10), "labels of 'mnist/TRAIN-IMAGES' go up to 10, not 9"),
        (idx(2, 28, 28), idx(3), "has 2 images but 3 labels"),
    ],
)
def test_images_that_are_not_mnists_are_said(files, images, labels, message):
    files(images, labels)
    with pytest.raises(DataError, match=message) as caught:
        task().prepared(100, rng())
    assert caught.value.hint


def test_a_classifier_of_another_version_is_made_again(fake, module, caplog):
    images = task().prepared(100, rng()).split().test["image"]
    (path,) = (cache_folder() / "classifiers").glob("mnist-*.safetensors")
    before, whole = module.judge().probabilities(images), path.read_bytes()
    path.write_bytes(whole.replace(b'recipe\\": \\"', b'recipe\\": \\"0', 1))
    module.judge.cache_clear()
    with caplog.at_level(logging.WARNING, "collapsebench"):
        assert module.judge().probabilities(images).equal(before)
    assert "training the classifier again" in caplog.text
    assert path.read_bytes() == whole


# -- the whole -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sizes", [{"width": 16, "latent": 2}, {"model": "ddpm", "ddpm_width": 16, "ddpm_steps": 3}], ids=["vae", "ddpm"]
)
def test_the_task_keeps_its_contract(fake, monkeypatch, sizes):
    cls = TASKS.get("mnist")
    monkeypatch.setattr(cls, "card", replace(cls.card, population=600))
    rules = {"n": 30, "budget": {"steps": 6, "batch": 10}, "params": sizes}
    monkeypatch.setattr(tiny, "_SIZES", {**tiny._SIZES, "mnist": rules})
    for result in task_results(cls):
        assert result.passed, f"{result.name}: {result.sentence} {result.detail}"


def test_the_fixed_classifier_knows_the_real_images(real_data, module):
    assert task().card.data.endswith(mnist.FILES[0].sha256)
    train, test = task().split()
    assert len(train) == task().card.population
    assert torch.bincount(test["label"]).tolist() == [100] * 10
    assert train["image"].unique().tolist() == [0, 1, 2, 3, 4]
