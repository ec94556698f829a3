from collections.abc import Mapping
from dataclasses import dataclass

import torch

from collapsebench import Corpus, Decoding, FitConfig, FitReport, Learner, Start, Task, TaskCard, task


class Frequency(Learner):
    """The share of heads."""

    closed_form = True

    def __init__(self) -> None:
        self.heads = torch.tensor(0.5)

    def fit(self, corpus: Corpus, training: FitConfig) -> FitReport:
        weights = torch.ones(len(corpus)) if corpus.weights is None else corpus.weights
        self.heads = weights @ corpus["heads"].float() / weights.sum()
        return FitReport(len(corpus))

    def sample(self, n: int, rng: torch.Generator, decoding: Decoding, conditions: Corpus | None = None) -> Corpus:
        return Corpus({"heads": torch.rand(n, generator=rng) < self.heads})

    def state(self) -> dict[str, torch.Tensor]:
        return {"heads": self.heads}

    def load(self, state: Mapping[str, torch.Tensor]) -> None:
        self.heads = state["heads"]


@task("example_coin")
@dataclass(frozen=True)
class Coin(Task):
    """A biased coin and its observed frequency.

    Args:
        bias: probability of heads.
    """

    bias: float = 0.3

    card = TaskCard(
        title="Coin",
        modality="vector",
        primary="error",
        unit="squared error",
        metrics={"error": "squared error of the probability of heads"},
        supports={"verifier"},
    )

    def real(self, n: int, rng: torch.Generator) -> Corpus:
        return Corpus({"heads": torch.rand(n, generator=rng) < self.bias})

    def learner(self, rng: torch.Generator) -> Learner:
        return Frequency()

    def evaluate(self, learner: Learner, start: Start, rng: torch.Generator) -> dict[str, float]:
        assert isinstance(learner, Frequency)
        return {"error": (learner.heads.item() - self.bias) ** 2}

    def verify(self, corpus: Corpus) -> torch.Tensor:
        return corpus["heads"]

    def theory(self, method: str, n: int, generations: int) -> list[float]:
        """Drift of a Bernoulli proportion: E(p_t − p)² = p (1 − p) (1 − (1 − 1/n)^(t+1)) when only S_t is kept."""
        if method != "replace":
            return []
        return [self.bias * (1 - self.bias) * (1 - (1 - 1 / n) ** (t + 1)) for t in range(generations + 1)]
