"""Prompts and responses."""

import math

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
    "population": 30,
    "heldout": 6,
    "tokenizer": "characters",
    "context": 32,
    "model": "gpt2 n_embd=16 n_layer=1 n_head=2",
    "samples": 4,
}
N = 8


def real():
    return stream("real", "sft", 0)


def pairs(n):
    return [{"prompt": f"What is {i} + {i}?\n", "response": f"It is {2 * i}."} for i in range(10, 10 + n)]


@pytest.fixture
def small(own):
    """The parameters of a task of 36 sums."""
    return {**SMALL, **own("file", "sums.jsonl", pairs(36))}


@pytest.fixture
def prepared(small):
    """`prepared(**params)`: the task as seed 0 sees it."""
    return lambda **params: make_task("sft", {**small, **params}).prepared(N, real())


def test_a_row_by_hand(prepared):
    """A prompt of 16 characters, then a line feed and the response, which end; padding fills the row."""
    task = prepared()
    row = task.real(1, real())
    asked, said = task.data.tokenizer.decode(row["tokens"][0], skip_special_tokens=True).split("\n")
    assert (len(asked), row["prompt_length"].item()) == (16, 16)
    number = int(asked.split()[2])
    assert said == f"It is {2 * number}."
    assert row["tokens"][0, 16 + 1 + len(said)] == task.data.tokenizer.eos_token_id
    assert (row["tokens"][0, 18 + len(said) :] == task.data.tokenizer.pad_token_id).all()


def test_the_prompt_has_no_loss(prepared):
    """A model that gives all 259 tokens one probability: ln 259 per token of the response, whatever the prompt."""
    task = prepared()
    learner = task.learner(stream("init", "sft", 0))
    with torch.no_grad():
        for parameter in learner.model.parameters():
            parameter.zero_()
    first = task.real(N, real())
    metrics = task.evaluate(learner, Start(first, lambda: learner), stream("evaluate", "sft", 0))
    assert metrics["response_nll"] == pytest.approx(math.log(259), rel=1e-5)
    assert metrics["response_bits_per_byte"] == pytest.approx(math.log2(259), rel=1e-5)
    assert metrics.keys() == set(task.card.metrics)
    lengths = (first["tokens"] != task.data.tokenizer.pad_token_id).sum(1) - first["prompt_length"]
    assert learner.log_prob(first) == pytest.approx(-math.log(259) * lengths, rel=1e-5)


def test_lm_eval_scores_the_tokens_that_are_trained_on(prepared):
    """Its NLL of the responses is the learner's own, without their ends."""
    task = prepared()
    learner = task.learner(stream("init", "sft", 0))
    first = task.real(N, real())
    learner.fit(first, FitConfig(stream("batches", "sft", 0), steps=20, batch=4))
    metrics = task.evaluate(learner, Start(first, lambda: learner), stream("evaluate", "sft", 0))
    held = task._pairs(task.texts().heldout, task.data.tokenizer)
    ends = held["tokens"] == task.data.tokenizer.eos_token_id
    of_prompt = torch.arange(held["tokens"].shape[1]) < held["prompt_length"][:, None]
    log_probs = learner.sites(held).log_prob.masked_fill(ends | of_prompt, 0.0)
    assert metrics["response_nll"] * task.data.counts["tokens"] == pytest.approx(-log_probs.sum().item(), rel=1e-4)


def test_the_model_answers_the_prompts_of_generation_zero(prepared):
    task = prepared()
    first = task.real(N, real())
    prompts = task.conditions(N, stream("conditions", "sft", 0), first)
    learner = task.learner(stream("init", "sft", 0))
    samples = learner.sample(N, stream("sample", "sft", 0), Decoding(), prompts)
    assert torch.equal(samples["prompt_length"], first["prompt_length"])
    for row, given in enumerate(first["prompt_length"].tolist()):
        assert torch.equal(samples["tokens"][row, :given], first["tokens"][row, :given])


def test_the_contract(small, monkeypatch):
    monkeypatch.setitem(tiny._SIZES, "sft", {"n": N, "budget": {"steps": 4, "batch": 4}, "params": small})
    for result in task_results(TASKS.get("sft")):
        assert result.passed, f"{result.name}: {result.sentence} {result.detail}"


def test_bad_input(small, own):
    with pytest.raises(PluginError, match="tokens where the context holds 20"):
        make_task("sft", {**small, "context": 20}).prepared(N, real())
    with pytest.raises(PluginError, match="30 prompts of 'custom' leave no room for a response in 16 tokens"):
        make_task("sft", {**small, "context": 16, "overlong": "cut"}).prepared(N, real())
    texts = own("file", "texts.jsonl", [{"text": f"Text {i}."} for i in range(36)])
    with pytest.raises(DataError, match="have no prompt"):
        make_task("sft", {**SMALL, **texts}).prepared(N, real())
    mixed = own("file", "mixed.jsonl", [*pairs(35), {"text": "Alone."}])
    with pytest.raises(DataError, match=r"Some records of 'mixed\.jsonl' have a prompt"):
        make_task("sft", {**SMALL, **mixed}).prepared(N, real())


def test_the_real_instructions(real_data):
    task = make_task("sft", {"samples": 4, "heldout": 20}).prepared(50, real())
    rows = task.real(550, real())
    assert (rows["prompt_length"] > 0).all()
    asked = task.render(rows.select(torch.arange(3)))
    assert all(text.startswith("Below is an instruction") for text in asked)
