"""What one process, or several that share each step, make of a language model; the main one writes it to a file."""

import os
import sys
from contextlib import suppress

import torch

from collapsebench import Corpus, Decoding, FitConfig
from collapsebench.core import processes
from collapsebench.learners.gradient import Optimizer
from collapsebench.learners.lm.causal_lm import CausalLM, LMShape
from collapsebench.learners.lm.device import accelerator
from collapsebench.learners.lm.tokenizer import byte_tokenizer, encode
from collapsebench.learners.lm.train import Memory

LENGTH = 14
TEXTS = ["a cat", "two cats ran", "one", "a dog and", "the end", "no dog", "a red fox", "it ran off", "so it is"]


class Interrupted(Exception):
    """The process ends in the middle of a fit."""


class InMemory:
    """A checkpoint after every step."""

    seconds = 0.0

    def __init__(self) -> None:
        self.content: bytes | None = None
        self.written = 0

    def read(self) -> bytes | None:
        return processes.from_main(lambda: self.content)

    def write(self, content: bytes) -> None:
        self.content, self.written = content, self.written + 1


def learner(memory: Memory, tied: bool) -> CausalLM:
    """A model of two blocks at its initial weights."""
    shape = LMShape(vocabulary=260, context=LENGTH, width=16, layers=2, heads=2, init=0.2, tied=tied)
    model = shape.build(torch.Generator().manual_seed(0))
    return CausalLM(model, byte_tokenizer(), LENGTH, Optimizer(lr=0.01, clip=1.0), memory=memory)


def unlikely(log_probs: torch.Tensor) -> torch.Tensor:
    """Weights that depend on all texts of a step."""
    return (log_probs < log_probs.mean()).float()


def fitted(memory: Memory, tied: bool, weighted: bool = False) -> CausalLM:
    """That model after six steps of eight texts."""
    one = learner(memory, tied)
    one.fit(corpus(), training(unlikely if weighted else None))
    return one


def resumed(memory: Memory, tied: bool) -> CausalLM:
    """The same model, of two processes: the first ended at its fourth step."""
    kept, calls = InMemory(), []

    def ends(log_probs: torch.Tensor) -> None:
        calls.append(len(log_probs))
        if len(calls) == 4:
            raise Interrupted

    with suppress(Interrupted):
        learner(memory, tied).fit(corpus(), training(ends, kept))
    one = learner(memory, tied)
    steps = []
    one.fit(corpus(), training(lambda log_probs: steps.append(len(log_probs)), kept))
    assert len(steps) == 3, "three steps were made before"
    return one


def training(site_weights=None, checkpoint=None):  # type: ignore[no-untyped-def]
    """Six steps of eight texts."""
    return FitConfig(
        torch.Generator().manual_seed(1), steps=6, batch=8, site_weights=site_weights, checkpoint=checkpoint
    )


def corpus() -> Corpus:
    """A few texts of different lengths."""
    return Corpus({"tokens": encode(byte_tokenizer(), TEXTS, LENGTH)})


def results() -> dict[str, torch.Tensor]:
    """Weights, scores and samples of each way to train."""
    found: dict[str, torch.Tensor] = {}
    halves = Memory(micro_batch=2, activation_checkpointing=True)
    ways = {
        "plain": fitted(Memory(), tied=False),
        "tied, in parts": fitted(halves, tied=True),
        "weighted": fitted(Memory(), tied=False, weighted=True),
        "weighted, in parts": fitted(halves, tied=False, weighted=True),
        "resumed": resumed(Memory(), tied=False),
    }
    for name, one in ways.items():
        again = learner(Memory(), tied="tied" in name)
        again.load(one.state())
        found |= {f"{name}: {key}": values for key, values in one.state().items()}
        found[f"{name}: held"] = torch.tensor(sum(_held(p) for p in one.model.parameters()))
        found[f"{name}: scores"] = again.log_prob(corpus())
        found[f"{name}: sample"] = again.sample(5, torch.Generator().manual_seed(2), Decoding())["tokens"]
    return found


def _held(parameter: torch.Tensor) -> int:
    """Numbers of a parameter that this process holds."""
    local = parameter.to_local() if hasattr(parameter, "to_local") else parameter
    return int(local.numel())


if __name__ == "__main__":
    whole = results()
    if accelerator().num_processes > 1:
        os.environ["ACCELERATE_USE_FSDP"] = "true"
        parts = results()
    else:
        parts = whole
    if processes.is_main():
        torch.save({"whole": whole, "parts": parts}, sys.argv[1])
    accelerator().end_training()
