"""Two-digit addition as text: a language model that learns a rule and, through its tail, forgets it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import torch
from pydantic import Field

from collapsebench import Corpus, Count, Decoding, Learner, Metric, Positive, Start, Task, TaskCard, task

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

    from collapsebench.scoring import Suite

SYMBOLS = "0123456789+="
ZERO = 3  # ids 0, 1, 2 are the tokenizer's special tokens, so digit d is token ZERO + d
PLUS, EQUALS = ZERO + 10, ZERO + 11
LENGTH, QUESTION = 9, 6  # "aa+bb=ccc", of which "aa+bb=" is the question
SAMPLES = 1000


@task("arithmetic")
class Arithmetic(Task):
    """Lines "aa+bb=ccc": zero-padded operands, the answer with its last digit first.

    Operands are independent with p(a) proportional to 1 / (a + 3) on 0 .. max_operand - 1: a Zipf-like
    tail that collapse can eat.

    Args:
        max_operand: operands stay below it; at most 100.
        heldout: held-out lines.
        lr: peak learning rate.
        width: hidden size of the model.
        layers: its blocks.
        heads: its attention heads.
        init: standard deviation of its initial weights.
    """

    max_operand: Annotated[int, Field(ge=2, le=100)] = 100
    heldout: Count = 1000
    lr: Positive = 1e-2
    width: Count = 32
    layers: Count = 1
    heads: Count = 4
    init: Positive = 0.15

    card = TaskCard(
        title="Arithmetic",
        modality="tokens",
        suite="language",
        primary="answer_nll",
        unit="nats/answer",
        metrics={
            "answer_nll": Metric("NLL of the right answer given the question, nats (log of lm-eval's perplexity)", 0),
            "exact_match": Metric("share of held-out questions answered right, greedily (lm-eval)", 0, 1),
            "exact_match_seen": Metric("the same over questions that D_0 contains (absent if there are none)", 0, 1),
            "exact_match_unseen": Metric(
                "the same over questions that D_0 does not contain (absent if there are none)", 0, 1
            ),
            "bits_per_byte": Metric("NLL of the whole line in bits per character (lm-eval, rolling)", 0),
            "question_nll": Metric("NLL of the question, nats: that of the line less that of the answer", 0),
            "valid": Metric(f"share of {SAMPLES} samples that are a well-formed line with operands in range", 0, 1),
            "right": Metric("share of the valid samples whose sum is right", 0, 1),
            "distinct_questions": Metric(
                f"number of distinct questions among the valid of {SAMPLES} samples", 0, SAMPLES
            ),
            "diversity_ratio": Metric(
                f"distinct questions, right or not, of {SAMPLES} samples over those expected of as many "
                "real lines: 1 is real, less narrow, more noise",
                0,
            ),
            "large_operands": Metric("share of the valid samples with an operand in the top fifth of the range", 0, 1),
        },
        supports={"sites", "log_prob", "temperature", "top_k", "top_p", "site_weights", "verifier", "reward"},
        shown=("exact_match", "diversity_ratio", "large_operands"),
    )

    def __post_init__(self) -> None:
        layers = "a one-layer" if self.layers == 1 else f"a {self.layers}-layer"
        about = (
            f"sums of numbers below {self.max_operand}, small ones the commonest; {layers} GPT-2 of width {self.width}"
        )
        object.__setattr__(self, "card", replace(type(self).card, about=about))

    def real(self, n: int, rng: torch.Generator) -> Corpus:
        operands = torch.multinomial(self.operand_weights(), 2 * n, replacement=True, generator=rng)
        return Corpus({"tokens": lines(*operands.view(2, n))})

    def learner(self, rng: torch.Generator) -> Learner:
        from collapsebench.learners import CausalLM, LMShape, Optimizer

        shape = LMShape(ZERO + len(SYMBOLS), LENGTH, self.width, self.layers, self.heads, init=self.init)
        optimizer = Optimizer(lr=self.lr, schedule="linear")
        return CausalLM(shape.build(rng), tokenizer(), LENGTH, optimizer, ends=False)

    def evaluate(self, learner: Learner, start: Start, rng: torch.Generator) -> dict[str, float]:
        from collapsebench.learners import CausalLM

        assert isinstance(learner, CausalLM)
        heldout_seed, sample_seed = torch.randint(2**62, (2,), generator=rng).tolist()
        test = heldout(self, heldout_seed, self._questions(start.corpus))
        samples = learner.sample(SAMPLES, torch.Generator().manual_seed(sample_seed), Decoding())
        return {
            **self._heldout_metrics(test.suite.score(learner.model), test.sizes),
            **self._sample_metrics(samples["tokens"]),
        }

    def verify(self, corpus: Corpus) -> torch.Tensor:
        """Whether the line is well-formed and its sum is right."""
        a, b, c, formed = parse(corpus["tokens"])
        return formed & (a + b == c)

    def reward(self, corpus: Corpus) -> torch.Tensor:
        """Brevity: minus the number of significant digits of the operands and the answer; -10 if malformed."""
        *numbers, formed = parse(corpus["tokens"])
        digits = sum(1 + (number >= 10).long() + (number >= 100).long() for number in numbers)
        return -torch.where(formed, digits, 10).float()

    def render(self, corpus: Corpus) -> list[str]:
        return texts(corpus["tokens"])

    def operand_weights(self) -> torch.Tensor:
        """p(a) of a = 0, 1, ..., max_operand - 1, not normalised."""
        return 1.0 / (torch.arange(self.max_operand, dtype=torch.float64) + 3)

    def distinct_questions(self, n: int) -> float:
        """The number of distinct questions expected in n real lines: Σ 1 − (1 − p)ⁿ over all questions."""
        weights = self.operand_weights() / self.operand_weights().sum()
        return float((1 - (1 - torch.outer(weights, weights)).pow(n)).sum())

    def _questions(self, corpus: Corpus) -> bytes:
        """Which pairs of operands the corpus contains, one bool per pair."""
        a, b, _, valid = self._parse(corpus["tokens"])
        present = torch.zeros(self.max_operand, self.max_operand, dtype=torch.bool)
        present[a[valid], b[valid]] = True
        return bytes(present.flatten().tolist())

    def _parse(self, tokens: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        """As `parse`, but a line with an operand out of range is not valid."""
        a, b, c, formed = parse(tokens)
        return a, b, c, formed & (a < self.max_operand) & (b < self.max_operand)

    def _heldout_metrics(self, scores: dict[str, dict[str, float]], sizes: dict[str, int]) -> dict[str, float]:
        """lm-eval's numbers under the card's names; the overall exact match is the mean over both parts."""
        answer_nll = math.log(scores["arithmetic_answer"]["perplexity"])
        bits_per_byte = scores["arithmetic_line"]["bits_per_byte"]
        exact = {part: scores[f"arithmetic_exact_match_{part}"]["exact_match"] for part in sizes}
        return {
            "answer_nll": answer_nll,
            "question_nll": bits_per_byte * LENGTH * math.log(2) - answer_nll,
            "bits_per_byte": bits_per_byte,
            "exact_match": sum(exact[part] * size for part, size in sizes.items()) / sum(sizes.values()),
            **{f"exact_match_{part}": value for part, value in exact.items()},
        }

    def _sample_metrics(self, tokens: torch.Tensor) -> dict[str, float]:
        """What the model's own lines look like; `tokens` `[n, 9]`."""
        from collapsebench.learners import PAD
        from collapsebench.scoring import ngram_counts

        a, b, c, valid = self._parse(tokens)
        asked, questions = (ngram_counts(rows[:, :QUESTION], QUESTION, PAD) for rows in (tokens, tokens[valid]))
        a, b, c = a[valid], b[valid], c[valid]
        count = max(1, len(a))
        large = torch.maximum(a, b) >= 0.8 * self.max_operand
        return {
            "valid": len(a) / len(tokens),
            "right": float((a + b == c).sum()) / count,
            "distinct_questions": float(len(questions)),
            "diversity_ratio": len(asked) / self.distinct_questions(len(tokens)),
            "large_operands": float(large.sum()) / count,
        }


@dataclass(frozen=True)
class Heldout:
    """Held-out lines, ready to be scored by lm-eval.

    Args:
        suite: the lm-eval tasks.
        sizes: number of lines by part, `seen` and `unseen`; parts without a line are absent.
    """

    suite: Suite
    sizes: dict[str, int]


@lru_cache(maxsize=8)
def heldout(task: Arithmetic, seed: int, seen_questions: bytes) -> Heldout:
    """The held-out lines of an evaluation stream; made once per process, since every generation asks for them.

    They are a systematic sample: each line has distribution P*, and together they follow it more
    closely than independent draws would.

    Args:
        task: sizes.
        seed: of the one uniform number behind the sample.
        seen_questions: bool per pair of operands, as bytes: whether D_0 contains the question.
    """
    from collapsebench.scoring import Suite

    weights = task.operand_weights()
    cumulative = torch.outer(weights, weights).flatten().cumsum(0)
    places = torch.arange(task.heldout) + torch.rand(1, generator=torch.Generator().manual_seed(seed))
    pairs = torch.searchsorted(cumulative, places / task.heldout * cumulative[-1], right=True)
    pairs = pairs.clamp(max=len(cumulative) - 1)
    documents = [
        {"prompt": "<s>" + line[:QUESTION], "answer": line[QUESTION:], "line": line}
        for line in texts(lines(pairs // task.max_operand, pairs % task.max_operand))
    ]
    parts: dict[str, list[dict[str, str]]] = {"seen": [], "unseen": []}
    for pair, document in zip(pairs.tolist(), documents, strict=True):
        parts["seen" if seen_questions[pair] else "unseen"].append(document)
    parts = {part: members for part, members in parts.items() if members}
    generated = {f"arithmetic_exact_match_{part}": members for part, members in parts.items()}
    suite = Suite(
        Path(__file__).parent / "lm_eval",
        {"arithmetic_answer": documents, "arithmetic_line": documents, **generated},
        tokenizer(),
    )
    return Heldout(suite, {part: len(members) for part, members in parts.items()})


@lru_cache(maxsize=1)
def tokenizer() -> PreTrainedTokenizerFast:
    """One token per character."""
    from collapsebench.learners import symbol_tokenizer

    return symbol_tokenizer(SYMBOLS)


def lines(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Token rows "aa+bb=ccc" `[n, 9]` of operands `[n]` below 100, the answer's last digit first."""
    c = a + b
    plus, equals = torch.full_like(a, PLUS - ZERO), torch.full_like(a, EQUALS - ZERO)
    return torch.stack([a // 10, a % 10, plus, b // 10, b % 10, equals, c % 10, c // 10 % 10, c // 100], 1) + ZERO


def parse(tokens: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Operands, answer and whether the line is well-formed, each `[n]`, of token rows `[n, 9]`."""
    digits = tokens[:, [0, 1, 3, 4, 8, 7, 6]] - ZERO
    formed = ((digits >= 0) & (digits < 10)).all(1) & (tokens[:, 2] == PLUS) & (tokens[:, 5] == EQUALS)
    a, b, c = (digits[:, i:j] @ torch.tensor([100, 10, 1][i - j :]) for i, j in ((0, 2), (2, 4), (4, 7)))
    return a, b, c, formed


def texts(tokens: torch.Tensor) -> list[str]:
    """Each token row as text; special tokens show as "?"."""
    spelling = "?" * ZERO + SYMBOLS
    return ["".join(spelling[token] for token in row) for row in tokens.tolist()]
