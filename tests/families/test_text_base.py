"""Models that a recipe makes: the same weights after an interruption, and each way in which the cache can be wrong."""

import dataclasses
import json

import pytest
import torch
from safetensors.torch import load_file

from collapsebench import PluginError
from collapsebench.core import files
from collapsebench.core.errors import StoreError
from collapsebench.families import text_base
from collapsebench.families.text_base import Recipe, Settings, made

TEXTS = [f"on day {i} ann found a red ball. she gave it to ben, and they played until the evening." for i in range(40)]
RECIPE = Recipe(TEXTS, "gpt2 n_embd=16 n_layer=1 n_head=2", 300, 24, 8, 4, 0.01)
TEXT = "stories=30 steps=6 batch=2 lr=0.01 further_stories=5 further_steps=3"


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """An empty cache."""
    monkeypatch.setenv(files.CACHE_VARIABLE, str(tmp_path))
    return tmp_path


def weights(folder):
    return load_file(folder / "model.safetensors")


def test_an_interrupted_training_goes_on_and_ends_at_the_same_weights(monkeypatch, tmp_path, caplog):
    whole = weights(made(RECIPE))
    assert "base model" in caplog.text
    assert "step 8 of 8" in caplog.text
    monkeypatch.setenv(files.CACHE_VARIABLE, str(tmp_path / "other"))
    monkeypatch.setattr(text_base, "EVERY", 0.0)
    write, written = text_base.write_atomic, []

    def stop_after_the_third(path, content):
        write(path, content)
        written.append(path)
        if len(written) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(text_base, "write_atomic", stop_after_the_third)
    with pytest.raises(KeyboardInterrupt):
        made(RECIPE)
    caplog.clear()
    resumed = weights(made(RECIPE))
    assert "step 3 of 8" not in caplog.text  # the first steps are not run again
    assert "step 4 of 8" in caplog.text
    assert resumed.keys() == whole.keys()
    assert all(torch.equal(resumed[name], whole[name]) for name in whole)
    assert not list(tmp_path.glob("other/bases/*.checkpoint"))


def test_a_damaged_checkpoint_is_left_aside(monkeypatch, caplog):
    folder = files.cache_folder() / "bases" / RECIPE.digest[:16]
    folder.parent.mkdir(parents=True)
    folder.with_suffix(".checkpoint").write_bytes(b"half a checkpoint")
    assert made(RECIPE) == folder
    assert "is damaged" in caplog.text


def test_a_model_is_made_once(monkeypatch):
    folder = made(RECIPE)
    monkeypatch.setattr(text_base, "_train", None)
    assert made(RECIPE) == folder


@pytest.mark.parametrize("file", ["model.safetensors", "tokenizer.json", "recipe.json"])
def test_a_damaged_model_is_refused(file):
    path = made(RECIPE) / file
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(StoreError, match=r"base model in .* is damaged \(") as refused:
        made(RECIPE)
    assert "Delete the folder" in refused.value.hint


def test_every_field_names_another_model():
    others = {"texts": TEXTS[1:], "vocabulary": 301, "context": 25, "steps": 9, "batch": 5, "lr": 0.02, "base": RECIPE}
    digests = {dataclasses.replace(RECIPE, **{name: value}).digest for name, value in others.items()}
    assert len({*digests, RECIPE.digest}) == len(others) + 1


def test_the_model_outside_the_loop_goes_on_from_the_base_with_other_texts():
    settings = Settings(TEXT, "toy", further=True)
    base = settings.recipe(TEXTS, RECIPE.model, 300, 24)
    further = settings.further(base, TEXTS)
    assert not {*base.texts} & {*further.texts}
    assert (len(base.texts), base.steps, further.steps) == (30, 6, 3)
    one, other = made(base), made(further)
    assert (one / "tokenizer.json").read_bytes() == (other / "tokenizer.json").read_bytes()
    assert any(not torch.equal(value, weights(other)[name]) for name, value in weights(one).items())
    assert json.loads((other / "recipe.json").read_text())["recipe"] == further.digest


def test_too_few_texts():
    with pytest.raises(PluginError, match="less than two windows of 24"):
        made(dataclasses.replace(RECIPE, texts=TEXTS[:1]))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("stories=30", "has no steps"),
        (f"{TEXT} speed=1", "has 'speed=1'"),
        (TEXT.replace("steps=6", "steps=0"), "has 'steps=0'"),
        (TEXT.replace("batch=2", "batch=2.5"), "has 'batch=2.5'"),
        (TEXT.replace("lr=0.01", "lr=-1"), "has 'lr=-1'"),
        (TEXT.partition(" further")[0], "has no further_stories"),
        ("stories", "'stories' is not NAME=VALUE"),
    ],
)
def test_a_recipe_that_says_something_else(wrong, said):
    with pytest.raises(PluginError, match=said):
        Settings(wrong, "toy", further=True)
