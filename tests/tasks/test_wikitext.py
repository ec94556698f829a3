"""Running text in blocks."""

import math
import string

import pytest
import torch

from collapsebench import Decoding, FitConfig, PluginError, Start
from collapsebench.core.errors import DataError
from collapsebench.core.seeds import stream
from collapsebench.core.task import TASKS
from collapsebench.loop.plugins import make_task
from collapsebench.testing import task_results, tiny

SMALL = {
    "source": "custom",
    "form": "text",
    "population": 40,
    "heldout": 6,
    "tokenizer": "characters",
    "context": 24,
    "model": "gpt2 n_embd=16 n_layer=1 n_head=2",
    "samples": 4,
}
N = 10


def real():
    return stream("real", "wikitext", 0)


@pytest.fixture
def small(own, stories):
    """The parameters of a task on two short texts."""
    train, heldout = "\n".join(stories(20)) + "\n", "\n".join(stories(5, seed=1)) + "\n"
    one, other = own("file", "train.txt", train), own("heldout_file", "test.txt", heldout)
    return {**SMALL, **one, **other, "sha256": f"{one['sha256']} {other['sha256']}"}


@pytest.fixture
def prepared(small):
    """`prepared(**params)`: the task as seed 0 sees it."""
    return lambda **params: make_task("wikitext", {**small, **params}).prepared(N, real())


def alphabet(own):
    """Two texts of letters: nothing to compute."""
    one, other = own("file", "a.txt", string.ascii_lowercase), own("heldout_file", "b.txt", string.digits)
    return {**SMALL, **one, **other, "sha256": f"{one['sha256']} {other['sha256']}"}


def test_blocks_by_hand(own):
    """26 letters are six blocks of four; the last two letters are left over."""
    params = {**alphabet(own), "context": 4, "population": 6, "heldout": 9}
    task = make_task("wikitext", params).prepared(2, real())
    assert sorted(task.render(task.real(6, real()))) == ["abcd", "efgh", "ijkl", "mnop", "qrst", "uvwx"]
    questions = task.questions(task.texts(), task.data.tokenizer)
    assert [item["block"] for item in questions.items["wikitext_block"]] == ["0123", "4567"]
    assert questions.counts == {"tokens": 8, "bytes": 8}


def test_a_block_is_spelt_as_it_stands_in_the_text(prepared):
    """Also where a tokenizer's own decoding would not give the text back."""
    task = prepared(tokenizer="words", vocabulary=400, context=12, population=20)
    text = task.texts().heldout[0].text
    for item in task.questions(task.texts(), task.data.tokenizer).items["wikitext_block"]:
        assert item["block"] in text
        assert len(item["block"].split()) == 12


def test_perplexity_is_that_of_the_tokens(prepared):
    """A model that gives all 259 tokens one probability has perplexity 259, and log2(259) bits per byte."""
    task = prepared()
    learner = task.learner(stream("init", "wikitext", 0))
    with torch.no_grad():
        for parameter in learner.model.parameters():
            parameter.zero_()
    first = task.real(N, real())
    metrics = task.evaluate(learner, Start(first, lambda: learner), stream("evaluate", "wikitext", 0))
    assert metrics["perplexity"] == pytest.approx(259, rel=1e-4)
    assert metrics["nll"] == pytest.approx(math.log(259), rel=1e-5)
    assert metrics["bits_per_byte"] == pytest.approx(math.log2(259), rel=1e-5)
    assert metrics.keys() == set(task.card.metrics)


def test_with_a_prompt_the_model_continues_the_blocks_of_generation_zero(prepared):
    task = prepared(prompt=6)
    first = task.real(N, real())
    prompts = task.conditions(N + 1, stream("conditions", "wikitext", 0), first)
    assert prompts["prompt_length"].tolist() == [6] * (N + 1)
    assert torch.equal(prompts["tokens"][:N, :6], first["tokens"][:, :6])
    assert torch.equal(prompts["tokens"][N, :6], first["tokens"][0, :6])
    assert (prompts["tokens"][:, 6:] == task.data.tokenizer.pad_token_id).all()
    learner = task.learner(stream("init", "wikitext", 0))
    learner.fit(first, FitConfig(stream("batches", "wikitext", 0), steps=2, batch=4))
    samples = learner.sample(N + 1, stream("sample", "wikitext", 0), Decoding(), prompts)
    assert torch.equal(samples["tokens"][:, :6], prompts["tokens"][:, :6])
    assert samples.schema == first.schema


def test_without_a_prompt_there_is_nothing_to_continue(prepared):
    task = prepared()
    assert task.conditions(3, stream("conditions", "wikitext", 0)) is None
    assert task.real(3, real()).names == ("tokens",)


def test_paragraphs_that_are_trained_on_are_left_out_of_the_held_out_text(small, own, stories, caplog):
    copied = "On day 1 of the year a very long road lay open before all of the small band.\n"
    one = own("file", "train.txt", copied + "\n".join(stories(20)))
    other = own("heldout_file", "test.txt", f" = Title =\n{copied}" + "\n".join(stories(5, seed=1)))
    params = {**SMALL, **one, **other, "sha256": f"{one['sha256']} {other['sha256']}"}
    task = make_task("wikitext", params).prepared(N, real())
    assert task.texts().heldout[0].text.startswith(" = Title =\nOn day 100")
    assert (
        "1 of 6 held-out texts occur in the training text, whole or for the most part, and were left out" in caplog.text
    )


@pytest.mark.parametrize("prompt", [0, 5])
def test_the_contract(small, monkeypatch, prompt):
    size = {"n": N, "budget": {"steps": 4, "batch": 4}, "params": {**small, "prompt": prompt}}
    monkeypatch.setitem(tiny._SIZES, "wikitext", size)
    for result in task_results(TASKS.get("wikitext")):
        assert result.passed, f"{result.name}: {result.sentence} {result.detail}"


def test_bad_input(small, own):
    with pytest.raises(PluginError, match="prompt must be below context = 24"):
        make_task("wikitext", {**small, "prompt": 24})
    with pytest.raises(PluginError, match="no documents to hold out"):
        make_task("wikitext", {**SMALL, **own("file", "only.txt", "text")})
    with pytest.raises(PluginError, match="size 'published' fine-tunes a pretrained model"):
        make_task("wikitext", {"size": "published"})
    with pytest.raises(DataError, match="gives 6 examples of 4 tokens, not 7"):
        make_task("wikitext", {**alphabet(own), "context": 4, "population": 7}).prepared(2, real())
    with pytest.raises(DataError, match="26 tokens, less than one block of 30"):
        make_task("wikitext", {**alphabet(own), "context": 30}).prepared(2, real())


def test_the_real_text(real_data):
    task = make_task("wikitext", {"samples": 4, "heldout": 8}).prepared(200, real())
    assert task.data.rows["tokens"].shape == (3300, 128)
    assert task.data.counts["tokens"] == 8 * 128
