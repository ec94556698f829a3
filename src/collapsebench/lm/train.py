"""Training of a causal language model: fixed steps, AdamW, warm-up and decay."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import torch

from ..errors import Diverged, PluginError
from .device import accelerator, seeded
from .pack import Packer
from .score import scored_places, text_lengths

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from ..corpus import Corpus
    from ..learner import SiteWeights, Training
    from .tokenise import Marks

CHECK_EVERY = 200
"""Steps between looks at the loss; each look waits for the device."""


@dataclass(frozen=True)
class Optimiser:
    """AdamW with linear warm-up and decay to zero.

    Args:
        lr: peak learning rate.
        betas: decay rates of the moments.
        weight_decay: decoupled decay of matrices; vectors (biases, normalisation) are not decayed.
        warmup: share of the steps in which the rate rises.
        clip: largest norm of the gradient, or None.
        schedule: shape of the decay.
    """

    lr: float = 3e-3
    betas: tuple[float, float] = (0.9, 0.98)
    weight_decay: float = 0.05
    warmup: float = 0.05
    clip: float | None = None
    schedule: Literal["cosine", "linear"] = "cosine"

    def __post_init__(self) -> None:
        if self.schedule not in ("cosine", "linear"):
            raise PluginError(f"Unknown learning-rate schedule '{self.schedule}'.", "Choose cosine or linear.")

    def rate(self, step: int, steps: int) -> float:
        """Learning rate of step 0, 1, ..., steps - 1."""
        rising = max(1, round(self.warmup * steps))
        left = min(1.0, (steps - step) / max(1, steps - rising))
        decayed = left if self.schedule == "linear" else 0.5 - 0.5 * math.cos(math.pi * left)
        return self.lr * min((step + 1) / rising, decayed)

    def build(self, model: torch.nn.Module) -> torch.optim.AdamW:
        """The optimiser over a model's trainable parameters."""
        parameters = [p for p in model.parameters() if p.requires_grad]
        groups = [
            {"params": [p for p in parameters if p.dim() > 1], "weight_decay": self.weight_decay},
            {"params": [p for p in parameters if p.dim() <= 1], "weight_decay": 0.0},
        ]
        return torch.optim.AdamW(groups, lr=self.lr, betas=self.betas, fused=True)


def train(
    model: PreTrainedModel, corpus: Corpus, training: Training, optimiser: Optimiser, marks: Marks
) -> tuple[int, int]:
    """Minimise the mean negative log-probability of the corpus's tokens, prompts and padding left out.

    Under `accelerate launch` the texts of a step are split between the processes and their gradients
    added up: the result is that of one process, up to rounding.

    Args:
        model: changed in place: its parameters that want a gradient.
        corpus: column `tokens` `[n, L]`, perhaps `given` `[n]`; rows with weights are drawn in proportion to them.
        training: steps, texts per step, batch order and loss re-weighting.
        optimiser: its settings.
        marks: the tokens around a text.

    Returns:
        Tokens that had a loss, repeats counted, and optimiser steps.

    Raises:
        Diverged: the loss is not finite.
        PluginError: fewer texts per step than processes.
    """
    machine, order = accelerator(), batches(corpus, training)
    texts = _Texts(model, corpus, marks, training.site_weights)
    parameters = [p for p in model.parameters() if p.requires_grad]
    stepper = optimiser.build(model)
    model.train()
    with seeded(int(torch.randint(2**62, (1,), generator=training.rng))):  # dropout
        for step, rows in enumerate(order):
            with machine.autocast():
                loss = texts.mean_loss(rows)
            machine.backward(loss)
            _add_up_gradients(parameters)
            if optimiser.clip is not None:
                machine.clip_grad_norm_(parameters, optimiser.clip)
            for group in stepper.param_groups:
                group["lr"] = optimiser.rate(step, len(order))
            stepper.step()
            stepper.zero_grad()
            if (step + 1) % CHECK_EVERY == 0 or step + 1 == len(order):
                check_finite(machine.reduce(loss.detach(), "sum"), step)  # all processes stop, or none
    model.eval()
    return int(texts.counts[order].sum()), len(order)


class _Texts:
    """A corpus as a model trains on it.

    Args:
        model: the model.
        corpus: the texts.
        marks: the tokens around a text.
        site_weights: the method's loss re-weighting, or None.
    """

    def __init__(self, model: PreTrainedModel, corpus: Corpus, marks: Marks, site_weights: SiteWeights | None) -> None:
        scored = scored_places(corpus, marks.pad)
        self._lengths, self.counts = text_lengths(corpus["tokens"], marks.pad), scored.sum(1)
        self._tokens = corpus["tokens"].to(model.device)
        self._scored = scored.to(model.device) if "given" in corpus.names else None
        self._packer, self._site_weights = Packer(model, marks), site_weights

    def mean_loss(self, rows: torch.Tensor) -> torch.Tensor:
        """This process's part of the mean loss of a step with these rows `[b]`.

        The mean is over the tokens that have a loss, of their negative log-probability times their
        weight. Weights come from the model's own log-probabilities; no gradient flows through them.
        """
        own = _own_share(len(rows))
        texts, width = rows[own], int(self._lengths[rows].max())
        log_probs = self._packer.log_probs(self._tokens[texts, :width], self._lengths[texts])
        if self._scored is not None:
            log_probs = log_probs * self._scored[texts, :width]
        if self._site_weights is not None:
            weights = self._site_weights(_of_all_processes(log_probs.detach(), own, len(rows)))
            if weights is not None:
                log_probs = log_probs * weights[own]
        return -log_probs.sum() / max(1, int(self.counts[rows].sum()))


# -- several processes ---------------------------------------------------------------------------


def _own_share(texts: int) -> slice:
    """Which of a step's texts this process computes."""
    machine = accelerator()
    if texts < machine.num_processes:
        raise PluginError(
            f"{machine.num_processes} processes cannot share {texts} texts per step.",
            "Raise the budget's `batch` or launch fewer processes.",
        )
    return slice(machine.process_index, None, machine.num_processes)


def _of_all_processes(values: torch.Tensor, own: slice, texts: int) -> torch.Tensor:
    """The rows of a step's texts `[texts, L]` from every process's share `[b, L]`."""
    machine = accelerator()
    if machine.num_processes == 1:
        return values
    together = values.new_zeros(texts, values.shape[1])
    together[own] = values
    return machine.reduce(together, "sum")  # type: ignore[no-any-return]


def _add_up_gradients(parameters: Sequence[torch.nn.Parameter]) -> None:
    """Replace every gradient by its sum over all processes, in one message."""
    machine = accelerator()
    if machine.num_processes == 1:
        return
    gradients = [p.grad for p in parameters if p.grad is not None]
    total = machine.reduce(torch.cat([gradient.flatten() for gradient in gradients]), "sum")
    for gradient, part in zip(gradients, total.split([g.numel() for g in gradients]), strict=True):
        gradient.copy_(part.view_as(gradient))


def batches(corpus: Corpus, training: Training) -> torch.Tensor:
    """Row indices of every step, int64 `[steps, batch]`.

    Rows without weights come in passes over the corpus, each in a new random order; rows with
    weights are drawn independently, in proportion to their weight.
    """
    rows, steps = len(corpus), training.steps_for(len(corpus))
    wanted = steps * training.batch
    if (weights := corpus.weights) is not None:
        index = torch.multinomial(weights.double(), wanted, replacement=True, generator=training.rng)
    else:
        passes = -(-wanted // rows)
        index = torch.cat([torch.randperm(rows, generator=training.rng) for _ in range(passes)])[:wanted]
    return index.view(steps, training.batch)


def check_finite(loss: torch.Tensor, step: int) -> None:
    """Raise `Diverged` if the loss is not finite."""
    if not bool(loss.isfinite()):
        raise Diverged(
            f"The training loss is {loss.item()} after {step + 1} steps.",
            "A result, not a crash: the cell is recorded as diverged.",
        )
