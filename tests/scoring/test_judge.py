import logging
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from collapsebench import Corpus
from collapsebench.core.digests import Code
from collapsebench.core.errors import DataError, StoreError
from collapsebench.core.files import CACHE_VARIABLE
from collapsebench.learners.image.shape import ImageShape
from collapsebench.scoring.judge import Recipe, fixed_classifier

RECIPE = Recipe("stripes", "made up", ImageShape(side=4, levels=2, classes=2), most_error=0.05, steps=60, batch=16)


def stripes(n: int) -> Corpus:
    """Images of 4×4 pixels: rows are striped under label 0, columns under label 1."""
    label = torch.arange(n) % 2
    rows = (torch.arange(4) % 2 * 2).view(4, 1).expand(4, 4)
    clean = torch.where(label.view(n, 1, 1) == 0, rows, rows.T)
    noise = torch.rand(n, 4, 4, generator=torch.Generator().manual_seed(n)) < 0.1
    return Corpus({"image": torch.where(noise, 1, clean).to(torch.uint8).view(n, 16), "label": label})


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path))
    return tmp_path / "classifiers"


def checkpoint(folder: Path) -> Path:
    (path,) = folder.glob("*.safetensors")
    return path


def test_it_tells_the_labels_apart() -> None:
    train, test = stripes(100), stripes(50)
    classifier = fixed_classifier(RECIPE, train, test)
    assert classifier.predict(test["image"]).equal(test["label"])
    assert classifier.probabilities(test["image"]).sum(1).allclose(torch.ones(50))
    assert classifier.features(test["image"]).shape == (50, RECIPE.features)


def test_it_is_trained_once_and_read_afterwards(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "collapsebench")
    first = fixed_classifier(RECIPE, stripes(100), stripes(50))
    assert caplog.messages == [f"{RECIPE.task}: trained its fixed classifier, which gets 0.0% of test images wrong."]
    before = checkpoint(folder).read_bytes()
    blank = stripes(50).with_columns(image=torch.zeros(50, 16, dtype=torch.uint8))
    second = fixed_classifier(RECIPE, blank, stripes(50))  # would not pass its check if it were trained on this
    images = stripes(50)["image"]
    assert second.probabilities(images).equal(first.probabilities(images))
    assert checkpoint(folder).read_bytes() == before
    assert len(caplog.messages) == 1


def test_training_again_gives_the_same_bytes_and_moves_no_random_state(folder: Path) -> None:
    state = torch.get_rng_state()
    fixed_classifier(RECIPE, stripes(100), stripes(50))
    before = checkpoint(folder).read_bytes()
    checkpoint(folder).unlink()
    fixed_classifier(RECIPE, stripes(100), stripes(50))
    assert checkpoint(folder).read_bytes() == before
    assert torch.get_rng_state().equal(state)


def test_another_recipe_has_another_file(folder: Path) -> None:
    fixed_classifier(RECIPE, stripes(100), stripes(50))
    fixed_classifier(replace(RECIPE, width=8), stripes(100), stripes(50))
    assert len(list(folder.glob("*.safetensors"))) == 2


def test_other_code_makes_another_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fixed_classifier(RECIPE, stripes(100), stripes(50))
    monkeypatch.setattr("collapsebench.scoring.judge.module_code", lambda name: Code("other", "code", ()))
    fixed_classifier(RECIPE, stripes(100), stripes(50))
    assert len(list(folder.glob("*.safetensors"))) == 2


def test_a_checkpoint_of_another_version_is_made_again(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    fixed_classifier(RECIPE, stripes(100), stripes(50))
    here = checkpoint(folder)
    newer = replace(RECIPE, steps=RECIPE.steps + 1)
    (folder / f"stripes-{newer.digest[:16]}.safetensors").write_bytes(here.read_bytes())
    with caplog.at_level(logging.WARNING, "collapsebench"):
        fixed_classifier(newer, stripes(100), stripes(50))
        assert "is of another version; training the classifier again" in caplog.text
        caplog.clear()
        fixed_classifier(newer, stripes(100), stripes(50))
    assert not caplog.text


@pytest.mark.parametrize("cut", [-1, 40])
def test_a_damaged_checkpoint_is_made_again(folder: Path, caplog: pytest.LogCaptureFixture, cut: int) -> None:
    fixed_classifier(RECIPE, stripes(100), stripes(50))
    path = checkpoint(folder)
    whole = path.read_bytes()
    damaged = whole[:-1] + bytes([whole[-1] ^ 1]) if cut < 0 else whole[:cut]
    path.write_bytes(damaged)
    with caplog.at_level(logging.WARNING, "collapsebench"):
        fixed_classifier(RECIPE, stripes(100), stripes(50))
    assert "is damaged" in caplog.text
    assert path.read_bytes() == whole


def test_a_bad_classifier_is_refused_and_not_kept(folder: Path) -> None:
    wrong = stripes(50).with_columns(label=1 - stripes(50)["label"])
    with pytest.raises(DataError, match="held-out images wrong"):
        fixed_classifier(RECIPE, stripes(100), wrong)
    assert not list(folder.glob("*.safetensors"))


def test_a_cache_that_cannot_be_written_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "file"))
    with pytest.raises(StoreError, match="Cannot write to the cache") as caught:
        fixed_classifier(RECIPE, stripes(100), stripes(50))
    assert CACHE_VARIABLE in caught.value.hint
