"""What all models of labelled images share: how often each label is, training by steps, labels as sites."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping

import torch

from ...core.corpus import Corpus
from ...core.learner import Decoding, FitConfig, FitReport, Learner, Sites
from ..gradient import Optimizer, batches, descend
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
        """Count the labels, by the rows' weights, and train the network.

        Raises:
            Diverged: the loss or a weight is not finite.
            PluginError: images or labels of another shape.
        """
        images, labels = self.shape.checked(corpus)["image"], corpus["label"]
        weights = None if corpus.weights is None else corpus.weights.double()
        counts = torch.bincount(labels, weights, self.shape.classes).double() + SMOOTHING
        self._label_log_prob = (counts / counts.sum()).log().float()

        def loss(rows: torch.Tensor) -> torch.Tensor:
            return -self.objective(images[rows], labels[rows], training.rng).mean()

        steps = training.steps_for(len(corpus))
        return descend(self._network, self._optimizer, batches(corpus, training), steps, loss)

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
