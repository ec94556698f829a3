"""What all models of labelled images share: how often each label is, training by steps, labels as sites."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterator, Mapping

import torch

from ...core.corpus import Corpus
from ...core.errors import Diverged
from ...core.learner import Decoding, FitConfig, FitReport, Learner, Sites
from ..gradient import Optimizer
from .shape import ImageShape

SMOOTHING = 0.01
"""Examples added to every label's count: a label that died out has a large but finite loss."""


class ImageGenerator(Learner):
    """p(label) · p(image | label): the labels' frequencies, and a network trained by gradient steps.

    Reads and writes the columns `image`, uint8 `[n, pixels]`, counts from 0 to `shape.levels`, and `label`,
    int64 `[n]`. Pixel likelihoods are discrete, so a bound on them is at most 0 and a collapsed model's loss
    is large but finite. Probabilities of an example are lower bounds (ELBO). The one site of an example is
    its label, with p(label | image) ∝ p(label) · exp(the model's score of the image under the label).

    Args:
        shape: of the images.
        optimizer: how the network is trained.
        network: at its initial weights.
    """

    def __init__(self, shape: ImageShape, optimizer: Optimizer, network: torch.nn.Module) -> None:
        self.shape, self._optimizer, self._network = shape, optimizer, network
        self._label_log_prob = torch.full((shape.classes,), -math.log(shape.classes))

    # -- what a model family fills in --------------------------------------------------------------

    @abstractmethod
    def objective(self, images: torch.Tensor, labels: torch.Tensor, rng: torch.Generator) -> torch.Tensor:
        """What training maximises for each image `[n, pixels]` given its label `[n]`, float `[n]`, with a gradient."""

    @abstractmethod
    def draw(self, labels: torch.Tensor, rng: torch.Generator, temperature: float) -> torch.Tensor:
        """An image for each label, uint8 `[n, pixels]`."""

    @abstractmethod
    def image_bound(self, corpus: Corpus, rng: torch.Generator) -> torch.Tensor:
        """A random lower bound on log p(image | label), whose mean is a bound too, nats, float `[n]`."""

    @abstractmethod
    def label_scores(self, images: torch.Tensor) -> torch.Tensor:
        """Stands for log p(image | label), up to a constant per image, for every label; float `[n, classes]`."""

    # -- fitting ---------------------------------------------------------------------------------

    def fit(self, corpus: Corpus, training: FitConfig) -> FitReport:
        """Count the labels and train the network, both with the rows' weights.

        Raises:
            Diverged: the loss or a weight is not finite.
            PluginError: images or labels of another shape.
        """
        images, labels = self.shape.checked(corpus)["image"], corpus["label"]
        weights = torch.ones(len(corpus)) if corpus.weights is None else corpus.weights / corpus.weights.mean()
        counts = torch.bincount(labels, weights.double(), self.shape.classes) + SMOOTHING
        self._label_log_prob = (counts / counts.sum()).log().float()
        steps = training.steps_for(len(corpus))
        stepper = self._optimizer.build(self._network)
        loss, rows_trained = torch.zeros(()), 0
        for step, rows in enumerate(batches(len(corpus), training.batch, steps, training.rng)):
            objective = self.objective(images[rows], labels[rows], training.rng)
            loss = -(weights[rows] * objective).mean()
            for group in stepper.param_groups:
                group["lr"] = self._optimizer.rate(step, steps)
            stepper.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            stepper.step()
            rows_trained += len(rows)
        if not all(bool(value.isfinite().all()) for value in (loss, *self._network.parameters())):
            raise Diverged(f"The network's loss or weights were not finite after {steps} steps.")
        return FitReport(rows_trained, steps)

    def state(self) -> dict[str, torch.Tensor]:
        """The network's weights and the labels' log-probabilities, float32."""
        weights = {f"network.{name}": value.detach().clone() for name, value in self._network.state_dict().items()}
        return {**weights, "label_log_prob": self._label_log_prob.clone()}

    def load(self, state: Mapping[str, torch.Tensor]) -> None:
        """The inverse of `state`."""
        weights = {name.removeprefix("network."): t for name, t in state.items() if name.startswith("network.")}
        self._network.load_state_dict(weights)
        self._label_log_prob = state["label_log_prob"].clone()

    # -- asking ----------------------------------------------------------------------------------

    def sample(self, n: int, rng: torch.Generator, decoding: Decoding, conditions: Corpus | None = None) -> Corpus:
        """Labels from p(label), or those of `conditions` (n rows), and an image for each.

        Temperature divides the log-probabilities of labels too.
        """
        if conditions is None:
            chance = (self._label_log_prob / decoding.temperature).softmax(0)
            labels = torch.multinomial(chance, n, replacement=True, generator=rng)
        else:
            labels = conditions["label"]
        return Corpus({"image": self.draw(labels, rng, decoding.temperature), "label": labels})

    def bound(self, corpus: Corpus, rng: torch.Generator) -> torch.Tensor:
        """A lower bound on log p(image, label) with randomness from `rng`, nats, float `[n]`."""
        return self._label_log_prob[corpus["label"]] + self.image_bound(corpus, rng)

    def sites(self, corpus: Corpus) -> Sites:
        """The label of each example as its one editable site, with log p(label | image)."""
        log_prob = self._label_posterior(corpus).gather(1, corpus["label"].unsqueeze(1))
        return Sites(log_prob, torch.ones_like(log_prob, dtype=torch.bool))

    def resample(
        self,
        corpus: Corpus,
        mask: torch.Tensor,
        rng: torch.Generator,
        top_k: int | None = None,
        temperature: float = 1.0,
    ) -> Corpus:
        """The labels under the mask (bool `[n, 1]`) drawn anew from p(label | image)."""
        logits = self._label_posterior(corpus) / temperature
        if top_k is not None and top_k < self.shape.classes:
            least = logits.topk(top_k, dim=1).values[:, -1:]
            logits = logits.masked_fill(logits < least, -math.inf)
        drawn = torch.multinomial(logits.softmax(1), 1, generator=rng)
        label = corpus["label"]
        return corpus.with_columns(label=torch.where(mask, drawn, label.unsqueeze(1)).squeeze(1))

    def _label_posterior(self, corpus: Corpus) -> torch.Tensor:
        return (self._label_log_prob + self.label_scores(corpus["image"])).log_softmax(1)


def batches(n: int, size: int, steps: int, rng: torch.Generator) -> Iterator[torch.Tensor]:
    """`steps` index tensors of `size` rows from 0..n-1: shuffled passes, one after the other without a seam."""
    waiting = torch.empty(0, dtype=torch.int64)
    for _ in range(steps):
        while len(waiting) < size:
            waiting = torch.cat([waiting, torch.randperm(n, generator=rng)])
        yield waiting[:size]
        waiting = waiting[size:]
