"""Training of a causal language model: fixed steps, AdamW, warm-up and decay."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from ...core.errors import Diverged, PluginError
from ..gradient import Optimizer, batches
from .device import accelerator, seeded
from .pack import Packer
from .score import scored_places, text_lengths

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from ...core.corpus import Corpus
    from ...core.learner import FitConfig, SiteWeights
    from .tokenizer import Marks

CHECK_EVERY = 200
"""Steps between looks at the loss; each look waits for the device."""


def train(
    model: PreTrainedModel, corpus: Corpus, training: FitConfig, optimizer: Optimizer, marks: Marks
) -> tuple[int, int]:
    """Minimise the mean negative log-probability of the corpus's tokens, prompts and padding left out.

    Under `accelerate launch` the texts of a step are split between the processes and their gradients
    added up: the result is that of one process, up to rounding.

    Args:
        model: changed in place: its parameters that want a gradient.
        corpus: column `tokens` `[n, L]`, perhaps `given` `[n]`; rows with weights are drawn in proportion to them.
        training: steps, texts per step, batch order and loss re-weighting.
        optimizer: its settings.
        marks: the tokens around a text.

    Returns:
        Tokens that had a loss, repeats counted, and optimizer steps.

    Raises:
        Diverged: the loss is not finite.
        PluginError: fewer texts per step than processes.
    """
    machine, order = accelerator(), batches(corpus, training)
    texts = _Texts(model, corpus, marks, training.site_weights)
    parameters = [p for p in model.parameters() if p.requires_grad]
    stepper = optimizer.build(model)
    model.train()
    with seeded(int(torch.randint(2**62, (1,), generator=training.rng))):  # dropout
        for step, rows in enumerate(order):
            with machine.autocast():
                loss = texts.mean_loss(rows)
            machine.backward(loss)
            _add_up_gradients(parameters)
            if optimizer.clip is not None:
                machine.clip_grad_norm_(parameters, optimizer.clip)
            for group in stepper.param_groups:
                group["lr"] = optimizer.rate(step, len(order))
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
        self._scored = scored.to(model.device) if "prompt_length" in corpus.names else None
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


def check_finite(loss: torch.Tensor, step: int) -> None:
    """Raise `Diverged` if the loss is not finite."""
    if not bool(loss.isfinite()):
        raise Diverged(
            f"The training loss is {loss.item()} after {step + 1} steps.",
            "A result, not a crash: the cell is recorded as diverged.",
        )
