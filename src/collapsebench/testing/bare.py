"""A task that offers nothing beyond the loop: what a method does not declare in `needs` fails on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from ..core.corpus import Corpus
from ..core.learner import Decoding, FitConfig, FitReport, Learner
from ..core.task import Start, Task, TaskCard


class Normal(Learner):
    """Mean and standard deviation of one number, and none of the optional capabilities."""

    closed_form = True

    def __init__(self) -> None:
        self._mean, self._std = torch.zeros(1), torch.ones(1)

    def fit(self, corpus: Corpus, training: FitConfig) -> FitReport:
        """See `Learner.fit`."""
        x = corpus["x"]
        weights = torch.ones(len(x)) if corpus.weights is None else corpus.weights.to(x.dtype)
        total = weights.sum()
        self._mean = (weights @ x / total).reshape(1)
        self._std = (weights @ (x - self._mean).square() / total).sqrt().reshape(1)
        return FitReport(len(corpus))

    def sample(self, n: int, rng: torch.Generator, decoding: Decoding, conditions: Corpus | None = None) -> Corpus:
        """See `Learner.sample`."""
        return Corpus({"x": self._mean + self._std * torch.randn(n, generator=rng)})

    def state(self) -> dict[str, torch.Tensor]:
        """See `Learner.state`."""
        return {"mean": self._mean, "std": self._std}

    def load(self, state: Mapping[str, torch.Tensor]) -> None:
        """See `Learner.load`."""
        self._mean, self._std = state["mean"], state["std"]


@dataclass(frozen=True)
class Bare(Task):
    """One standard normal number: a task without sites, log-probabilities, verifier or reward."""

    name = "bare"
    card = TaskCard(
        title="Bare",
        modality="vector",
        primary="error",
        unit="squared distance",
        metrics={"error": "squared 2-Wasserstein distance to P*"},
    )

    def real(self, n: int, rng: torch.Generator) -> Corpus:
        """See `Task.real`."""
        return Corpus({"x": torch.randn(n, generator=rng)})

    def learner(self, rng: torch.Generator) -> Learner:
        """See `Task.learner`."""
        return Normal()

    def evaluate(self, learner: Learner, start: Start, rng: torch.Generator) -> dict[str, float]:
        """See `Task.evaluate`."""
        state = learner.state()
        return {"error": float(state["mean"].square() + (state["std"] - 1).square())}
