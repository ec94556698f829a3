"""Training of a causal language model: fixed steps, AdamW, warm-up and decay."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import torch

from ..errors import Diverged, PluginError
from .score import next_token_logits, token_log_probs

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

    def build(self, model: PreTrainedModel) -> torch.optim.AdamW:
        """The optimiser over a model's parameters."""
        parameters = [p for p in model.parameters() if p.requires_grad]
        groups = [
            {"params": [p for p in parameters if p.dim() > 1], "weight_decay": self.weight_decay},
            {"params": [p for p in parameters if p.dim() <= 1], "weight_decay": 0.0},
        ]
        return torch.optim.AdamW(groups, lr=self.lr, betas=self.betas, fused=True)


def train(
    model: PreTrainedModel, corpus: Corpus, training: Training, optimiser: Optimiser, marks: Marks
) -> tuple[int, int]:
    """Minimise the mean negative log-probability of the corpus's tokens.

    Args:
        model: changed in place.
        corpus: column `tokens` `[n, L]`; rows with weights are drawn in proportion to them.
        training: steps, batch size, batch order and loss re-weighting.
        optimiser: its settings.
        marks: the tokens around a text; padding has no loss.

    Returns:
        Tokens that had a loss, repeats counted, and optimiser steps.

    Raises:
        Diverged: the loss is not finite.
    """
    tokens = corpus["tokens"]
    lengths = (tokens != marks.pad).sum(1)
    order = batches(corpus, training)
    stepper = optimiser.build(model)
    model.train()
    for step, rows in enumerate(order):
        batch = tokens[rows, : int(lengths[rows].max())].to(model.device)
        loss = mean_loss(model, batch, marks, training.site_weights)
        loss.backward()  # type: ignore[no-untyped-call]
        if optimiser.clip is not None:
            torch.nn.utils.clip_grad_norm_(model.parameters(), optimiser.clip)
        for group in stepper.param_groups:
            group["lr"] = optimiser.rate(step, len(order))
        stepper.step()
        stepper.zero_grad()
        if (step + 1) % CHECK_EVERY == 0 or step + 1 == len(order):
            check_finite(loss, step)
    model.eval()
    return int(lengths[order].sum()), len(order)


def mean_loss(
    model: PreTrainedModel, batch: torch.Tensor, marks: Marks, site_weights: SiteWeights | None
) -> torch.Tensor:
    """Mean over the tokens of `batch` `[b, L]` of their negative log-probability times their weight.

    Weights come from the model's own log-probabilities of this batch; no gradient flows through them.
    """
    nll = -token_log_probs(next_token_logits(model, batch, marks), batch, marks.pad)
    if site_weights is not None:
        weights = site_weights(-nll.detach())
        if weights is not None:
            nll = nll * weights
    return nll.sum() / (batch != marks.pad).sum()


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
