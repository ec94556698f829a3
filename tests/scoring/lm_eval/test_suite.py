import math
from pathlib import Path

import pytest
import torch

from collapsebench import Corpus, FitConfig
from collapsebench.learners.gradient import Optimizer
from collapsebench.learners.lm.causal_lm import CausalLM, LMShape
from collapsebench.learners.lm.tokenizer import encode, symbol_tokenizer
from collapsebench.scoring.lm_eval.suite import Suite

TEXTS = ["ab-ba", "aa-aa", "ba-ab", "bb-bb", "ab-ba"]
"""A word and its reverse."""

ENDINGS = ["aa", "ab", "ba", "bb"]

YAMLS = {
    "answer": "output_type: loglikelihood\ndoc_to_text: prompt\ndoc_to_target: answer\n"
    "metric_list: [{metric: perplexity, aggregation: perplexity, higher_is_better: false}]",
    "question": "output_type: loglikelihood\ndoc_to_text: ''\ndoc_to_target: question\n"
    "metric_list: [{metric: perplexity, aggregation: perplexity, higher_is_better: false}]",
    "text": "output_type: loglikelihood_rolling\ndoc_to_text: ''\ndoc_to_target: text\n"
    "metric_list: [{metric: bits_per_byte, aggregation: bits_per_byte, higher_is_better: false},"
    " {metric: byte_perplexity, aggregation: weighted_perplexity, higher_is_better: false},"
    " {metric: word_perplexity, aggregation: weighted_perplexity, higher_is_better: false}]",
    "cloze": "output_type: multiple_choice\ndoc_to_text: question\ndoc_to_target: right\ndoc_to_choice: endings\n"
    "target_delimiter: ''\nmetric_list: [{metric: acc, aggregation: mean, higher_is_better: true}]",
    "exact": "output_type: generate_until\ndoc_to_text: prompt\ndoc_to_target: answer\n"
    "generation_kwargs: {until: [], max_gen_toks: 2, do_sample: false}\n"
    "metric_list: [{metric: exact_match, aggregation: mean, higher_is_better: true}]",
}


@pytest.fixture(scope="module")
def learner() -> CausalLM:
    shape = LMShape(vocabulary=6, context=5, width=16, heads=2, init=0.1)
    initial = shape.build(torch.Generator().manual_seed(0))
    model = CausalLM(initial, symbol_tokenizer("ab-"), 5, Optimizer(lr=1e-2, schedule="linear"), ends=False)
    corpus = Corpus({"tokens": encode(symbol_tokenizer("ab-"), TEXTS, 5, end=False)})
    model.fit(corpus, FitConfig(torch.Generator().manual_seed(0), steps=60, batch=5))
    return model


@pytest.fixture(scope="module")
def scores(learner: CausalLM, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, float]]:
    folder: Path = tmp_path_factory.mktemp("lm_eval")
    for name, body in YAMLS.items():
        (folder / f"{name}.yaml").write_text(f"task: {name}\ntest_split: test\n{body}\n")
    documents = [
        {
            "prompt": f"<s>{t[:3]}",
            "question": t[:3],
            "answer": t[3:],
            "text": t,
            "endings": ENDINGS,
            "right": ENDINGS.index(t[3:]),
        }
        for t in TEXTS
    ]
    suite = Suite(folder, dict.fromkeys(YAMLS, documents), symbol_tokenizer("ab-"), batch=2)
    first = suite.score(learner.model)
    assert suite.score(learner.model) == first
    return first


@pytest.fixture(scope="module")
def nll(learner: CausalLM) -> torch.Tensor:
    """Nats per place `[5, 5]`, by our own scoring."""
    return -learner.sites(Corpus({"tokens": encode(symbol_tokenizer("ab-"), TEXTS, 5, end=False)})).log_prob


def test_perplexity_of_an_answer_is_ours(scores: dict[str, dict[str, float]], nll: torch.Tensor) -> None:
    assert math.log(scores["answer"]["perplexity"]) == pytest.approx(nll[:, 3:].sum(1).mean().item(), abs=1e-5)


def test_an_empty_context_starts_at_the_beginning(scores: dict[str, dict[str, float]], nll: torch.Tensor) -> None:
    assert math.log(scores["question"]["perplexity"]) == pytest.approx(nll[:, :3].sum(1).mean().item(), abs=1e-5)


def test_bits_per_byte_of_a_text_are_ours(scores: dict[str, dict[str, float]], nll: torch.Tensor) -> None:
    assert scores["text"]["bits_per_byte"] == pytest.approx(nll.mean().item() / math.log(2), abs=1e-5)
    assert scores["text"]["byte_perplexity"] == pytest.approx(math.exp(nll.mean().item()), abs=1e-5)
    assert scores["text"]["word_perplexity"] == pytest.approx(math.exp(nll.sum(1).mean().item()), rel=1e-5)


def test_the_right_ending_of_a_learnt_rule_is_chosen(scores: dict[str, dict[str, float]]) -> None:
    assert scores["cloze"] == {"acc": 1.0}


def test_greedy_answers_of_a_learnt_rule_match(scores: dict[str, dict[str, float]]) -> None:
    assert scores["exact"] == {"exact_match": 1.0}


def test_nothing_is_printed(learner: CausalLM, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "text.yaml").write_text(f"task: text\ntest_split: test\n{YAMLS['text']}\n")
    Suite(tmp_path, {"text": [{"text": "ab-ba"}]}, symbol_tokenizer("ab-")).score(learner.model)
    assert capfd.readouterr() == ("", "")
