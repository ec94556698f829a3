"""A toy text task, as a plug-in file: a tiny byte-level model of one sentence."""

from dataclasses import dataclass
from functools import lru_cache

import torch

from collapsebench import Corpus, Metric, Task, TaskCard, task

LENGTH = 64
SENTENCE = "It rained, so the ground was wet."


@lru_cache
def tokenizer():
    from collapsebench.learners.lm.tokenizer import byte_tokenizer

    return byte_tokenizer()


@task("toy_text")
@dataclass(frozen=True)
class ToyText(Task):
    """One sentence, again and again."""

    card = TaskCard(
        title="Toy text",
        modality="tokens",
        primary="nll",
        unit="nats/text",
        metrics={"nll": Metric("NLL of the sentence", 0)},
        supports={"lm_eval"},
    )

    def real(self, n, rng):
        from collapsebench.learners.lm.tokenizer import encode

        return Corpus({"tokens": encode(tokenizer(), [SENTENCE] * n, LENGTH)})

    def learner(self, rng):
        from collapsebench.learners.gradient import Optimizer
        from collapsebench.learners.lm.causal_lm import CausalLM, LMShape

        shape = LMShape(len(tokenizer()), LENGTH, width=16, heads=2)
        return CausalLM(shape.build(rng), tokenizer(), LENGTH, Optimizer(lr=1e-2))

    def evaluate(self, learner, start, rng):
        return {"nll": -learner.log_prob(self.real(1, torch.Generator())).item()}
