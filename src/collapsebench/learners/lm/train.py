"""Training of a causal language model: fixed steps, AdamW, warm-up and decay."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from ...core.errors import PluginError
from ...core.learner import FitReport
from ..gradient import Optimizer, batches, descend
from .device import accelerator, seeded
from .pack import Packer
from .score import scored_places, text_lengths

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from ...core.corpus import Corpus
    from ...core.learner import FitConfig, SiteWeights
    from .tokenizer import Marks


def train(model: PreTrainedModel, corpus: Corpus, training: FitConfig, optimizer: Optimizer, marks: Marks) -> FitReport:
    """Minimise the mean negative log-probability of the corpus's tokens, prompts and padding left out.

    Under `accelerate launch` the texts of a step are split between the processes and their gradients
    added up: the result is that of one process, up to rounding.

    Args:
        model: changed in place: its parameters that want a gradient.
        corpus: column `tokens` `[n, L]`, perhaps `prompt_length` `[n]`.
        training: steps, texts per step, batch order and loss re-weighting.
        optimizer: its settings.
        marks: the tokens around a text.

    Returns:
        Tokens that had a loss, repeats counted, and optimizer steps.

    Raises:
        Diverged: the loss or a weight is not finite.
        PluginError: fewer texts per step than processes.
    """
    machine, order = accelerator(), list(batches(corpus, training))
    texts = _Texts(model, corpus, marks, training.site_weights)

    def loss(rows: torch.Tensor) -> torch.Tensor:
        with machine.autocast():
            return texts.mean_loss(rows)

    with seeded(int(torch.randint(2**62, (1,), generator=training.rng))):  # dropout
        report = descend(model, optimizer, order, len(order), loss, _add_up if machine.num_processes > 1 else None)
    return FitReport(int(sum(texts.counts[rows].sum() for rows in order)), report.steps)


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
    if accelerator().num_processes == 1:
        return values
    together = values.new_zeros(texts, values.shape[1])
    together[own] = values
    return _add_up(together)


def _add_up(values: torch.Tensor) -> torch.Tensor:
    return accelerator().reduce(values, "sum")  # type: ignore[no-any-return]
