"""Learner: the model family of a task, with one interface for vectors, labels, images and text."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, NamedTuple, Protocol, TypeAlias

import torch

from .checked import Checked, Count, Positive, PositiveShare
from .corpus import Corpus
from .errors import PluginError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from transformers import PreTrainedModel, PreTrainedTokenizerFast


class Decoding(Checked):
    """How examples are sampled from a model. The default is the model's own distribution.

    Args:
        temperature: log-probabilities are divided by it; 1 leaves them alone.
        top_k: only the k most probable outcomes of each choice, or None for all.
        top_p: only the smallest set of outcomes with at least this probability, or None for all.
    """

    temperature: Positive = 1.0
    top_k: Count | None = None
    top_p: PositiveShare | None = None

    @property
    def features(self) -> frozenset[str]:
        """What a learner must support to honour this decoding."""
        used = {
            "temperature": self.temperature != 1.0,
            "top_k": self.top_k is not None,
            "top_p": self.top_p is not None,
        }
        return frozenset(name for name, is_used in used.items() if is_used)


PLAIN = Decoding()
"""The model's own distribution."""


class Sites(NamedTuple):
    """The editable units of n examples with s sites each.

    log_prob: float `[n, s]`, nats: log-probability of each site given the sites before it (text,
        vectors) or given the rest of the example (labels). For a continuous site, its log density
        relative to the mode of its conditional, so that 0 means "as certain as can be".
    editable: bool `[n, s]`: False at padding and at sites that must stay (a text's first token).
    """

    log_prob: torch.Tensor
    editable: torch.Tensor


SiteWeights: TypeAlias = "Callable[[torch.Tensor], torch.Tensor | None]"
"""A loss re-weighting: log-probabilities of the sites `[n, s]` -> weights `[n, s]`."""


class Checkpoint(Protocol):
    """Where a fit that takes long leaves how far it is."""

    @property
    def seconds(self) -> float:
        """How often."""

    def read(self) -> bytes | None:
        """What an earlier process of this fit left, the same in all processes that share it; None if nothing."""

    def write(self, content: bytes) -> None:
        """Replace it."""


@dataclass(frozen=True)
class FitConfig:
    """What a gradient-trained learner is told besides its corpus.

    Args:
        rng: batch order.
        steps: optimizer steps, or None when `epochs` is given.
        epochs: passes over the corpus, or None when `steps` is given.
        batch: rows per step.
        site_weights: the method's loss re-weighting, or None.
        checkpoint: where a learner whose fits may take hours leaves how far it is, or None.
    """

    rng: torch.Generator
    steps: int | None = None
    epochs: float | None = None
    batch: int = 32
    site_weights: SiteWeights | None = None
    checkpoint: Checkpoint | None = None

    def steps_for(self, rows: int) -> int:
        """Optimizer steps for a corpus of this many rows."""
        if self.steps is not None:
            return self.steps
        return max(1, round((self.epochs or 0) * rows / self.batch))


class FitReport(NamedTuple):
    """What a fit cost: tokens (rows, for other data) trained on with repeats, and optimizer steps."""

    tokens: int
    steps: int = 0


class Learner(ABC):
    """A model of one task. A task makes it at its initial weights; the harness fits it once.

    `closed_form` learners use the whole corpus and no optimizer; the harness keeps their cells in
    memory. Capabilities that a learner lacks raise `PluginError`; the task's card says which it has.
    """

    closed_form: ClassVar[bool] = False

    @abstractmethod
    def fit(self, corpus: Corpus, training: FitConfig) -> FitReport:
        """Train on the corpus. A row of weight w counts like w copies of it.

        A closed-form learner takes the weighted estimator: its counts and sums over rows are weighted. A gradient
        learner draws the rows of each step in proportion to their weights; its budget counts rows, not weights.

        Raises:
            Diverged: the loss or the fitted state is not finite.
        """

    def extended(self, added: Corpus) -> Learner | None:
        """This model as if it had been fitted on its corpus plus `added`, or None to fit again from all rows.

        The harness asks when a corpus is the previous one plus new rows. Must not change `self`.
        """
        return None

    @abstractmethod
    def sample(self, n: int, rng: torch.Generator, decoding: Decoding, conditions: Corpus | None = None) -> Corpus:
        """`n` examples from the model; a conditional learner fills in the rest of `conditions` (n rows)."""

    @abstractmethod
    def state(self) -> dict[str, torch.Tensor]:
        """Everything that `fit` determined, as named tensors (saved as safetensors)."""

    @property
    def parameters(self) -> int:
        """The size of the model: numbers that `fit` determines."""
        return sum(values.numel() for values in self.state().values())

    @abstractmethod
    def load(self, state: Mapping[str, torch.Tensor]) -> None:
        """The inverse of `state`."""

    def log_prob(self, corpus: Corpus) -> torch.Tensor:
        """Log-probability (or log density) of each example, nats, float `[n]`."""
        raise _lacks(self, "log_prob")

    def sites(self, corpus: Corpus) -> Sites:
        """Log-probability of every site, and which sites may be edited."""
        raise _lacks(self, "sites")

    def resample(self, corpus: Corpus, mask: torch.Tensor, rng: torch.Generator, decoding: Decoding) -> Corpus:
        """The corpus with the sites under `mask` (bool `[n, s]`) drawn anew, given the *original* sites before them.

        Build the result with `corpus.with_columns` so that untouched rows keep their origin.
        """
        raise _lacks(self, "resample")

    def language_model(self) -> tuple[PreTrainedModel, PreTrainedTokenizerFast]:
        """The Hugging Face model and tokenizer behind this learner, for lm-eval."""
        raise _lacks(self, "lm_eval")

    def tokens(self, corpus: Corpus) -> int:
        """What one pass over this corpus costs in tokens (rows, for data without tokens)."""
        return len(corpus)


def _lacks(learner: Learner, capability: str) -> PluginError:
    return PluginError(
        f"{type(learner).__name__} has no '{capability}'.",
        "Declare the capability in the method's `needs`, so that such tasks are skipped.",
    )
