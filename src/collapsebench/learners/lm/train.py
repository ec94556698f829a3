"""Training of a causal language model: fixed steps, AdamW, warm-up and decay."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from ...core.errors import PluginError
from ...core.learner import FitReport
from ..gradient import Optimizer, batches, take_steps
from .device import accelerator, gradients_stay, seeded, with_shared_gradients
from .pack import Packer
from .score import scored_places, text_lengths

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from ...core.corpus import Corpus
    from ...core.learner import FitConfig, SiteWeights
    from .tokenizer import Marks


@dataclass(frozen=True)
class Memory:
    """How much of a step is held at once; the numbers are the same, up to rounding.

    Args:
        micro_batch: texts of one forward and backward pass, of each process; 0 for all of a step.
        activation_checkpointing: whether activations are computed again in the backward pass instead of kept.
    """

    micro_batch: int = 0
    activation_checkpointing: bool = False


ALL_AT_ONCE = Memory()
"""What fits: every text of a step, with its activations."""


def train(
    model: PreTrainedModel,
    corpus: Corpus,
    training: FitConfig,
    optimizer: Optimizer,
    marks: Marks,
    memory: Memory = ALL_AT_ONCE,
) -> FitReport:
    """Minimise the mean negative log-probability of the corpus's tokens, prompts and padding left out.

    Under `accelerate launch` the texts of a step are split between the processes and their gradients
    added up: the result is that of one process, up to rounding.

    Args:
        model: changed in place: its parameters that want a gradient.
        corpus: column `tokens` `[n, L]`, perhaps `prompt_length` `[n]`.
        training: steps, texts per step, batch order, loss re-weighting and checkpoint.
        optimizer: its settings.
        marks: the tokens around a text.
        memory: how much of a step is held at once.

    Returns:
        Tokens that had a loss, repeats counted, and optimizer steps.

    Raises:
        Diverged: the loss or a weight is not finite.
        PluginError: the texts of a step cannot be shared evenly by the processes.
    """
    order = list(batches(corpus, training))
    texts = _Texts(model, corpus, marks, training.site_weights, memory.micro_batch)
    seed = int(torch.randint(2**62, (1,), generator=training.rng))
    with seeded(seed), _recomputing(model, memory.activation_checkpointing):  # the seed is of dropout
        report = take_steps(model, optimizer, order, len(order), texts.backward, training.checkpoint)
    return FitReport(int(sum(texts.counts[rows].sum() for rows in order)), report.steps)


class _Texts:
    """A corpus as a model trains on it.

    Args:
        model: the model.
        corpus: the texts.
        marks: the tokens around a text.
        site_weights: the method's loss re-weighting, or None.
        micro_batch: as of `Memory`.

    Attributes:
        counts: tokens of each text that have a loss, int64 `[n]`.
    """

    def __init__(
        self, model: PreTrainedModel, corpus: Corpus, marks: Marks, site_weights: SiteWeights | None, micro_batch: int
    ) -> None:
        scored = scored_places(corpus, marks.pad)
        self._lengths, self.counts = text_lengths(corpus["tokens"], marks.pad), scored.sum(1)
        self._tokens = corpus["tokens"].to(model.device)
        self._scored = scored.to(model.device) if "prompt_length" in corpus.names else None
        self._network = with_shared_gradients(model)
        self._packer, self._site_weights = Packer(self._network, marks), site_weights
        self._micro_batch = micro_batch

    def backward(self, rows: torch.Tensor) -> torch.Tensor:
        """Add the gradient of the mean loss of a step with these rows `[b]`; gives that loss.

        The mean is over the tokens that have a loss, of their negative log-probability times their
        weight. Weights come from the model's own log-probabilities; no gradient flows through them.
        """
        machine, width = accelerator(), int(self._lengths[rows].max())
        parts = _own_parts(len(rows), self._micro_batch)
        ahead = self._weights_ahead(rows, parts, width) if self._site_weights and len(parts) > 1 else None
        total = torch.zeros((), device=self._tokens.device)
        for number, own in enumerate(parts, 1):
            with gradients_stay(self._network) if number < len(parts) else contextlib.nullcontext():
                log_probs = self._log_probs(rows[own], width)
                weights = self._weights(log_probs, own, len(rows)) if ahead is None else ahead
                if weights is not None:
                    log_probs = log_probs * weights[own]
                loss = -log_probs.sum() / max(1, int(self.counts[rows].sum()))
                (loss * machine.num_processes).backward()
            total += loss.detach()
        return machine.reduce(total, "sum")  # type: ignore[no-any-return]

    def _log_probs(self, texts: torch.Tensor, width: int) -> torch.Tensor:
        """Log-probabilities of the tokens of some texts that have a loss, 0 elsewhere, `[t, width]`."""
        with accelerator().autocast():
            log_probs = self._packer.log_probs(self._tokens[texts, :width], self._lengths[texts])
        return log_probs if self._scored is None else log_probs * self._scored[texts, :width]

    def _weights(self, log_probs: torch.Tensor, own: torch.Tensor, texts: int) -> torch.Tensor | None:
        """The method's weights `[texts, width]` of a step, of which this process computed these log-probabilities."""
        if self._site_weights is None:
            return None
        together = log_probs.detach()
        if accelerator().num_processes > 1 or len(own) < texts:
            together = together.new_zeros(texts, log_probs.shape[1]).index_copy(0, own.to(together.device), together)
            together = accelerator().reduce(together, "sum")
        return self._site_weights(together)

    def _weights_ahead(self, rows: torch.Tensor, parts: Sequence[torch.Tensor], width: int) -> torch.Tensor | None:
        """The method's weights of a step whose log-probabilities are not held at once."""
        with torch.no_grad():
            log_probs = torch.cat([self._log_probs(rows[own], width) for own in parts])
        return self._weights(log_probs, torch.cat(list(parts)), len(rows))


def _own_parts(texts: int, micro_batch: int) -> tuple[torch.Tensor, ...]:
    """Which of a step's texts this process computes: places of those that it holds at once."""
    machine = accelerator()
    if texts % machine.num_processes:
        raise PluginError(
            f"{machine.num_processes} processes cannot share {texts} texts per step evenly.",
            "Set the budget's `batch` to a multiple of the processes, or launch fewer.",
        )
    own = torch.arange(machine.process_index, texts, machine.num_processes)
    return torch.split(own, micro_batch or texts)


@contextlib.contextmanager
def _recomputing(model: PreTrainedModel, wanted: bool) -> Iterator[None]:
    """Inside, a model keeps no activations but those between its blocks, if that is wanted."""
    if not wanted:
        yield
        return
    renamed = hasattr(model, "activation_checkpointing_enable")  # since transformers 5
    enable = model.activation_checkpointing_enable if renamed else model.gradient_checkpointing_enable
    enable({"use_reentrant": False})
    yield
    (model.activation_checkpointing_disable if renamed else model.gradient_checkpointing_disable)()
