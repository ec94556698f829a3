import math

import pytest
import torch

from collapsebench import Corpus, FitConfig, PluginError, Start, Task
from collapsebench.core.seeds import stream
from collapsebench.core.task import TASKS
from collapsebench.learners.lm.tokenizer import encode, symbol_tokenizer


def arithmetic(**sizes: int) -> Task:
    return TASKS.get("arithmetic")(**sizes)


def corpus(*texts: str) -> Corpus:
    return Corpus({"tokens": encode(symbol_tokenizer("0123456789+="), texts, 9, end=False)})


def test_lines_by_hand() -> None:
    """12 + 94 = 106, written with its last digit first."""
    lines = corpus("12+94=601", "12+94=106", "05+07=210", "1+234=561", "07=05+210")
    assert arithmetic().verify(lines).tolist() == [True, False, True, False, False]
    assert arithmetic().reward(lines).tolist() == [-7, -7, -4, -10, -10]
    assert arithmetic().render(lines)[:2] == ["12+94=601", "12+94=106"]


def test_real_lines_are_right_and_follow_the_operand_law() -> None:
    """With two operands, p(0) = (1/3) / (1/3 + 1/4) = 4/7."""
    n = 4000
    lines = arithmetic(max_operand=2).real(n, stream("real", "arithmetic", 0))
    texts = arithmetic().render(lines)
    assert arithmetic().verify(lines).all()
    assert set(texts) == {"00+00=000", "00+01=100", "01+00=100", "01+01=200"}
    zeros = sum(text.startswith("00") for text in texts) / n
    assert abs(zeros - 4 / 7) < 4 * math.sqrt(4 / 7 * 3 / 7 / n)


def test_the_learner_depends_on_its_stream_only() -> None:
    states = [arithmetic().learner(stream("init", "arithmetic", seed)).state() for seed in (0, 0, 1)]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    assert not all(torch.equal(states[0][name], states[2][name]) for name in states[0])


def test_every_metric_of_the_card_is_measured_and_the_held_out_lines_stay() -> None:
    task = arithmetic(max_operand=20, heldout=100)
    real = task.real(200, stream("real", "arithmetic", 0))
    learner = task.learner(stream("init", "arithmetic", 0))
    start = Start(real, lambda: learner)
    before = torch.get_rng_state()
    untrained = task.evaluate(learner, start, stream("evaluate", "arithmetic", 0))
    learner.fit(real, FitConfig(stream("batches", "arithmetic", 0), steps=60, batch=16))
    trained = task.evaluate(learner, start, stream("evaluate", "arithmetic", 0))
    assert trained.keys() == set(task.card.metrics)
    assert trained == task.evaluate(learner, start, stream("evaluate", "arithmetic", 0))
    assert trained["answer_nll"] < untrained["answer_nll"]
    assert untrained["answer_nll"] == pytest.approx(3 * math.log(15), rel=0.2)
    assert trained["valid"] > untrained["valid"]
    assert torch.equal(torch.get_rng_state(), before)


def test_expected_questions_by_hand() -> None:
    """Two operands with p = 4/7 and 3/7: in one line one question, in very many all four."""
    task = arithmetic(max_operand=2)
    assert task.distinct_questions(1) == pytest.approx(1)
    assert task.distinct_questions(2) == pytest.approx(2 - (16**2 + 2 * 12**2 + 9**2) / 49**2)
    assert task.distinct_questions(10_000) == pytest.approx(4)


def test_real_lines_ask_as_many_questions_as_expected_and_narrow_or_noisy_ones_do_not() -> None:
    task = arithmetic()
    real = task.real(1000, stream("real", "arithmetic", 0))["tokens"]
    noise = torch.randint(3, 15, real.shape, generator=stream("noise", "arithmetic", 0))
    ratios = [task._sample_metrics(rows)["diversity_ratio"] for rows in (real, real[:1].expand(1000, -1), noise)]
    assert ratios[0] == pytest.approx(1, abs=0.08)
    assert ratios[1] == pytest.approx(1 / task.distinct_questions(1000))
    assert ratios[2] > 1.2


def test_without_seen_questions_their_metric_is_absent() -> None:
    task = arithmetic(max_operand=10, heldout=30)
    learner = task.learner(stream("init", "arithmetic", 0))
    start = Start(corpus("99+99=891").select(torch.arange(0)), lambda: learner)
    metrics = task.evaluate(learner, start, stream("evaluate", "a", 0))
    assert "exact_match_seen" not in metrics
    assert metrics["exact_match"] == metrics["exact_match_unseen"]


def test_impossible_sizes_are_refused() -> None:
    with pytest.raises(PluginError, match="max_operand"):
        arithmetic(max_operand=101)


def test_the_card_says_the_sizes() -> None:
    assert "below 50" in arithmetic(max_operand=50).card.about
    assert "one-layer GPT-2 of width 16" in arithmetic(width=16).card.about
    assert "3-layer" in arithmetic(layers=3).card.about
