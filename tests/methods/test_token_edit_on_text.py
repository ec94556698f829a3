"""Token editing of texts with prompts and padding, by each of its priors."""

from dataclasses import dataclass

import pytest
import torch

from collapsebench import Corpus, Task, TaskCard
from collapsebench.core.method import METHODS
from collapsebench.learners.gradient import Optimizer
from collapsebench.learners.lm.causal_lm import CausalLM, LMShape
from collapsebench.learners.lm.tokenizer import symbol_tokenizer
from collapsebench.testing import tiny_run

PROMPT, LENGTH = 2, 6


@dataclass(frozen=True)
class Letters(Task):
    """Texts of four to six letters, of which the first two are given."""

    name = "letters"
    card = TaskCard(
        title="Letters",
        modality="tokens",
        primary="none",
        unit="-",
        metrics={"none": "nothing"},
        supports={"sites", "prior"},
    )

    def real(self, n, rng):
        tokens = torch.randint(3, 9, (n, LENGTH), generator=rng)
        lengths = torch.randint(4, LENGTH + 1, (n, 1), generator=rng)
        return Corpus({"tokens": tokens.masked_fill(torch.arange(LENGTH) >= lengths, 0), **prompts(n)})

    def conditions(self, n, rng, first=None):
        return Corpus({"tokens": torch.randint(3, 9, (n, PROMPT), generator=rng), **prompts(n)})

    def learner(self, rng):
        model = LMShape(vocabulary=9, context=LENGTH, width=8, layers=1, heads=1).build(rng)
        return CausalLM(model, symbol_tokenizer("abcdef"), LENGTH, Optimizer())

    def prior(self, rng):
        return self.learner(rng)

    def evaluate(self, learner, start, rng):
        return {"none": 0.0}


def prompts(n):
    return {"prompt_length": torch.full((n,), PROMPT)}


def edited(prior, threshold):
    """D_0 and D_1."""
    method = METHODS.get("token_edit")(prior=prior, threshold=threshold)
    return (corpus["tokens"] for corpus in tiny_run(method, Letters(), generations=1, n=32).corpora)


@pytest.mark.parametrize("prior", ["fixed", "self", "external"])
def test_certain_tokens_after_the_prompt_are_redrawn_and_nothing_else(prior):
    before, after = edited(prior, 0.01)
    assert torch.equal(after[:, :PROMPT], before[:, :PROMPT])
    assert torch.equal(after == 0, before == 0)
    changed = (after != before).sum().item() / (before[:, PROMPT:] != 0).sum().item()
    assert 0.5 < changed < 1


@pytest.mark.parametrize("prior", ["fixed", "external"])
def test_above_the_threshold_there_is_nothing_to_edit(prior):
    before, after = edited(prior, 1.0)
    assert torch.equal(after, before)
