import hashlib
import logging
import math
import sys
from dataclasses import replace

import pytest
import torch

from collapsebench import Corpus, DataError, Decoding, FitConfig, PluginError, Start, scoring
from collapsebench.core.files import CACHE_VARIABLE
from collapsebench.core.task import TASKS
from collapsebench.data import FOLDER, MNIST, Images, ImageSet
from collapsebench.data.idx import FILES
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
    return Images(images.flatten(1).to(torch.uint8), digit)


@pytest.fixture
def module():
    """The task's module, which remembers no data before and after."""
    found = sys.modules[TASKS.get("mnist").__module__]

    def forget():
        for remembered in (found.split, found.judge):
            remembered.cache_clear()

    forget()
    yield found
    forget()


@pytest.fixture
def fake(module, monkeypatch):
    """600 training images and 120 test images instead of MNIST, of which 60 are held out; a classifier to match."""
    recipe, images = scoring.Recipe, ImageSet(fake_digits(600, 1), fake_digits(120, 3))
    with monkeypatch.context() as patch:  # undone before `module` forgets
        patch.setattr(module, "load_images", lambda source: images)
        patch.setattr(module, "HELD_OUT", EACH)
        patch.setattr(scoring, "Recipe", lambda *names, **sizes: recipe(*names, **{**sizes, "steps": 60}))
        yield images


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """The folder of classifiers, empty."""
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache" / "classifiers"


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
    best, seen = task().judge().probabilities(faint["image"]).max(1)
    agrees = seen == faint["label"]
    middle = float(best[agrees].median())
    assert task(confidence=middle).verify(faint).equal(agrees & (best >= middle))
    assert task(confidence=middle).verify(faint).sum() < agrees.sum()


def test_the_reward_is_the_favourites_probability_times_gamma(fake, module):
    real = task().real(100, rng())
    of_three = task().judge().probabilities(real["image"])[:, 3]
    reward = task(favourite=3, gamma=2.5).reward(real)
    assert reward.allclose(2.5 * of_three)
    assert reward[real["label"] == 3].min() > 2 > 0.5 > reward[real["label"] != 3].max()


def test_without_a_favourite_the_reward_is_confidence_in_the_label(fake, module):
    real = task().real(100, rng())
    chance = task().judge().probabilities(real["image"]).gather(1, real["label"].unsqueeze(1)).squeeze(1)
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


# -- a data set of one's own ---------------------------------------------------------------------


def idx(array: torch.Tensor) -> bytes:
    sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    return b"\x00\x00\x08" + bytes([array.dim()]) + sizes + array.to(torch.uint8).numpy().tobytes()


def bars(n: int, seed: int) -> list[torch.Tensor]:
    """Noise of 12×12 pixels with a bright pair of rows, which is one of three labels."""
    label = torch.arange(n) % 3
    images = torch.randint(60, (n, 12, 12), generator=rng(seed))
    for row in (0, 1):
        images[torch.arange(n), 4 * label + row] += 190
    return [images, label]


OWN = {"source": "custom", "images": 300, "side": 12, "classes": 3, "width": 16, "latent": 2}


@pytest.fixture
def own(tmp_path, module, monkeypatch):
    """Writes a data set of three classes and gives the parameters that say so: `own(labels=...)` for other labels."""
    recipe = scoring.Recipe
    monkeypatch.setattr(scoring, "Recipe", lambda *values, **sizes: recipe(*values, **{**sizes, "steps": 60}))

    def write(test_labels=None, **params):
        arrays = [*bars(300, 1), *bars(90, 2)]
        arrays[3] = arrays[3] if test_labels is None else test_labels
        checksums = []
        for name, array in zip(FILES, arrays, strict=True):
            (tmp_path / name).write_bytes(idx(array))
            checksums.append(f"{name}:{hashlib.sha256(idx(array)).hexdigest()}")
        return {**OWN, "folder": str(tmp_path), "sha256": " ".join(checksums), **params}

    return write


def test_a_data_set_of_ones_own_is_trained_on_and_named(own, tmp_path):
    made = task(**own(corpus="bars")).prepared(100, rng())
    assert made.card.population == 300
    assert made.card.corpus == "bars (your files)"
    assert made.card.about.startswith("images of 12×12 pixels in 3 classes and their labels; a conditional variational")
    assert task(model="ddpm").card.about.endswith("pixels and their labels; a conditional diffusion model of width 256")
    assert hashlib.sha256((tmp_path / FILES[0]).read_bytes()).hexdigest() in made.card.data
    assert (made.shape.side, made.shape.classes) == (12, 3)
    assert torch.bincount(made.split().test["label"]).tolist() == [30] * 3
    learner = made.learner(rng(1))
    start = Start(made.real(200, rng()), lambda: learner)
    learner.fit(start.corpus, FitConfig(rng(2), steps=60, batch=32))
    found = made.evaluate(learner, start, rng(3))
    assert found.keys() == made.card.metrics.keys()
    assert found["class_entropy"] == pytest.approx(math.log(3), abs=0.1)
    assert made.pictures(start.corpus).shape == (200, 12, 12)


def test_classifiers_of_two_data_sets_are_kept_apart(own, module, cache):
    task(**own()).prepared(100, rng())
    other = own(test_labels=bars(90, 2)[1].roll(1), most_error=1.0)
    made = [len(list(cache.glob("*.safetensors")))]
    for params in (other, other):
        module.judge.cache_clear()
        task(**params).prepared(100, rng())
        made.append(len(list(cache.glob("*.safetensors"))))
    assert made == [1, 2, 2]


def test_a_classifier_that_errs_too_often_is_refused_with_its_error(own):
    wrong = (bars(90, 2)[1] + (torch.arange(90) < 27)) % 3  # 30 % of the labels
    with pytest.raises(DataError, match=r"gets 30\.0% of the held-out images wrong; its recipe allows 15\.0%"):
        task(**own(test_labels=wrong)).prepared(100, rng())
    task(**own(test_labels=wrong, most_error=0.31)).prepared(100, rng())


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"folder": "somewhere"}, "folder belongs to source: custom"),
        ({"classes": 3}, "classes belongs to source: custom"),
        ({"source": "custom"}, "needs a folder"),
        ({"source": "custom", "folder": "x", "sha256": "train"}, "sha256: 'train' is not NAME:VALUE"),
        ({"source": "custom", "folder": "x", "classes": 3, "favourite": 3}, "favourite must be a label from 0 to 2"),
        ({"source": "fashion"}, "source"),
    ],
)
def test_parameters_that_do_not_go_together_are_said(params, message):
    with pytest.raises(PluginError, match=message):
        task(**params)


def test_files_that_are_not_there_are_said_before_anything_runs(tmp_path, monkeypatch, module):
    monkeypatch.setenv(FOLDER, str(tmp_path))
    with pytest.raises(DataError, match="Dataset 'mnist' is missing") as caught:
        task().prepared(100, rng())
    assert f"Set {FOLDER} to a folder with mnist/" in str(caught.value)


def test_a_classifier_of_another_version_is_made_again(fake, module, cache, caplog):
    images = task().prepared(100, rng()).split().test["image"]
    (path,) = cache.glob("mnist-*.safetensors")
    before, whole = task().judge().probabilities(images), path.read_bytes()
    path.write_bytes(whole.replace(b'recipe\\": \\"', b'recipe\\": \\"0', 1))
    module.judge.cache_clear()
    with caplog.at_level(logging.WARNING, "collapsebench"):
        assert task().judge().probabilities(images).equal(before)
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
    assert task().card.data.endswith(MNIST.digest)
    train, test = task().split()
    assert len(train) == task().card.population
    assert torch.bincount(test["label"]).tolist() == [100] * 10
    assert train["image"].unique().tolist() == [0, 1, 2, 3, 4]
