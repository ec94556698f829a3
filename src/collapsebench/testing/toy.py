"""The toy task: a few whole numbers, small enough to follow a method by hand, with every capability to offer."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import torch

from ..core.corpus import Corpus
from ..core.errors import Diverged
from ..core.learner import Decoding, FitConfig, FitReport, Learner, Sites
from ..core.task import Metric, Start, Task, TaskCard


class Mean(Learner):
    """The mean of `x`, and none of the optional capabilities; the arguments are those of the toy.

    Its k samples stand one apart around the mean plus `drift`, in random order. `temperature` scales the distance
    between them; `top_k` and `top_p` keep only the places nearest to the middle.
    """

    closed_form = True

    def __init__(self, mean: float = 0.0, drift: float = 1.0, noise: float = 0.0, limit: float = 1e6) -> None:
        self.mean = torch.tensor([mean], dtype=torch.float64)
        self.drift, self.noise, self.limit = drift, noise, limit

    def fit(self, corpus: Corpus, training: FitConfig) -> FitReport:
        """The weighted mean."""
        self._set(_mean(corpus["x"], corpus.weights))
        return FitReport(len(corpus))

    def sample(self, n: int, rng: torch.Generator, decoding: Decoding, conditions: Corpus | None = None) -> Corpus:
        """At the default decoding n = 4 samples of a mean of 2.5 are 2, 3, 4 and 5."""
        kept = min(n, decoding.top_k or n, math.ceil((decoding.top_p or 1.0) * n))
        places = torch.randperm(n, generator=rng) % kept - (kept - 1) / 2
        noise = self.noise * torch.randn(n, generator=rng, dtype=torch.float64)
        return Corpus({"x": self.mean + self.drift + decoding.temperature * (places + noise)})

    def state(self) -> dict[str, torch.Tensor]:
        """The mean."""
        return {"mean": self.mean}

    def load(self, state: Mapping[str, torch.Tensor]) -> None:
        """The inverse of `state`."""
        self.mean = state["mean"]

    def _set(self, mean: torch.Tensor) -> None:
        self.mean = mean.reshape(1)
        if not abs(mean.item()) <= self.limit:
            raise Diverged(f"the mean is {mean.item():g}")


class EditableMean(Mean):
    """The mean with log-probabilities and one site per row, which may be edited unless its number is 1."""

    def log_prob(self, corpus: Corpus) -> torch.Tensor:
        """Minus the squared distance to the mean: 0 at the mean, so the model is certain of it."""
        return -((corpus["x"] - self.mean) ** 2)

    def sites(self, corpus: Corpus) -> Sites:
        """One site per row."""
        return Sites(self.log_prob(corpus).unsqueeze(1), (corpus["x"] != 1).unsqueeze(1))

    def resample(self, corpus: Corpus, mask: torch.Tensor, rng: torch.Generator, decoding: Decoding) -> Corpus:
        """Samples in place of the rows under the mask; with `top_k=1` each is the mean plus `drift`."""
        drawn = self.sample(len(corpus), rng, decoding)["x"]
        return corpus.with_columns(x=torch.where(mask.squeeze(1), drawn, corpus["x"]))


class SteppedMean(EditableMean):
    """The same mean, approached by gradient steps of rate ½ on the squared distance, which `site_weights` weights."""

    closed_form = False

    def fit(self, corpus: Corpus, training: FitConfig) -> FitReport:
        """Rows of a batch are drawn in proportion to their weights."""
        weights = torch.ones(len(corpus)) if corpus.weights is None else corpus.weights
        steps = training.steps_for(len(corpus))
        for _ in range(steps):
            rows = torch.multinomial(weights, training.batch, replacement=True, generator=training.rng)
            batch = corpus.select(rows)
            loss = training.site_weights(self.sites(batch).log_prob) if training.site_weights else None
            self._set((self.mean + _mean(batch["x"], None if loss is None else loss.squeeze(1))) / 2)
        return FitReport(steps * training.batch, steps)


class Toy(Task):
    """The numbers 1..n in random order; each generation's model drifts by one from the last.

    By hand, for n = 4: D_0 = 1, 2, 3, 4 has mean 2.5; S_1 = 2, 3, 4, 5, so that a model trained on S_1 alone has
    mean 3.5 and error 1. The verifier keeps even numbers; the reward of a number is the number; the prior has
    mean 100. No board scores this task and no list shows it.

    Args:
        drift: what the middle of a model's samples lies above its mean.
        noise: standard deviation of what is added to each sample.
        population: how many real numbers there are; None for as many as are asked for.
        stepped: train by gradient steps from a random start, so that stages are stored, instead of in closed form.
        bare: offer nothing but the loop: neither sites nor log-probabilities, decoding, verifier, reward or prior.
        limit: a model whose mean is further from 0 has diverged.
    """

    drift: float = 1.0
    noise: float = 0.0
    population: int | None = None
    stepped: bool = False
    bare: bool = False
    limit: float = 1e6

    name = "toy"
    card = TaskCard(
        title="Toy",
        modality="vector",
        primary="error",
        unit="distance",
        metrics={"error": Metric("distance of the fitted mean to that of D_0", 0), "rows": Metric("rows of D_0", 0)},
        supports={"sites", "log_prob", "temperature", "top_k", "top_p", "verifier", "reward", "prior"},
    )

    def __post_init__(self) -> None:
        supports = frozenset(self.card.supports) | ({"site_weights"} if self.stepped else set())
        card = replace(self.card, population=self.population, supports=frozenset() if self.bare else supports)
        object.__setattr__(self, "card", card)

    def real(self, n: int, rng: torch.Generator) -> Corpus:
        """Distinct numbers from 1 up to n, or up to the population."""
        size = n if self.population is None else self.population
        return Corpus({"x": 1.0 + torch.randperm(size, generator=rng)[:n].double()})

    def learner(self, rng: torch.Generator) -> Learner:
        """A mean at 0, or near it."""
        if self.stepped:
            return SteppedMean(torch.randn(1, generator=rng).item(), self.drift, self.noise, self.limit)
        return (Mean if self.bare else EditableMean)(0.0, self.drift, self.noise, self.limit)

    def evaluate(self, learner: Learner, start: Start, rng: torch.Generator) -> dict[str, float]:
        """Against D_0, so that the first error in closed form is 0."""
        distance = learner.state()["mean"] - start.corpus["x"].mean()
        return {"error": abs(distance.item()), "rows": len(start.corpus)}

    def verify(self, corpus: Corpus) -> torch.Tensor:
        """Even, when rounded."""
        return corpus["x"].round() % 2 == 0

    def reward(self, corpus: Corpus) -> torch.Tensor:
        """The number."""
        return corpus["x"]

    def prior(self, rng: torch.Generator) -> Learner:
        """A mean of 100."""
        return EditableMean(100.0, self.drift, self.noise)

    def theory(self, method: str, n: int, generations: int) -> dict[str, list[float]]:
        """What `replace` and `frozen` give without noise."""
        drift = {"replace": self.drift, "frozen": 0.0}.get(method)
        return {} if drift is None else {"error": [abs(t * drift) for t in range(generations + 1)]}


def _mean(x: torch.Tensor, weights: torch.Tensor | None) -> torch.Tensor:
    return x.mean() if weights is None else (x * weights).sum() / weights.sum()
