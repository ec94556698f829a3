"""What all models of labelled images share: how often each label is, training by steps, labels as sites."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping

import torch
from typing_extensions import override

from ...core.corpus import Corpus
from ...core.learner import Decoding, FitConfig, FitReport
from ..gradient import NetworkLearner, Optimizer, batches, descend
from .labels import LabelledImages
from .shape import ImageShape

SMOOTHING = 0.01
"""Examples added to every label's count: a label that died out has a large but finite loss."""


class ImageGenerator(NetworkLearner, LabelledImages):
    """p(label) · p(image | label): the labels' frequencies, and a network trained by gradient steps.

    Pixel likelihoods are discrete, so a bound on them is at most 0 and a collapsed model's loss is large but finite.
    Probabilities of an example are lower bounds (ELBO), and p(label | image) ∝ p(label) · exp(the model's score of
    the image under the label).

    Args:
        shape: of the images.
        optimizer: how the network is trained.
        network: at its initial weights.
    """

    def __init__(self, shape: ImageShape, optimizer: Optimizer, network: torch.nn.Module) -> None:
        super().__init__(shape)
        self._optimizer, self.network = optimizer, network
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
        return descend(self.network, self._optimizer, batches(corpus, training), steps, loss)

    @override
    def state(self) -> dict[str, torch.Tensor]:
        return {**super().state(), "label_log_prob": self._label_log_prob.clone()}

    @override
    def load(self, state: Mapping[str, torch.Tensor]) -> None:
        super().load({name: value for name, value in state.items() if name != "label_log_prob"})
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

    @override
    def label_posterior(self, images: torch.Tensor) -> torch.Tensor:
        return (self._label_log_prob + self.label_scores(images)).log_softmax(1)

    def every_label(self, n: int) -> list[torch.Tensor]:
        """For each label, n times that label, int64 `[n]`."""
        return [torch.full((n,), label) for label in range(self.shape.classes)]
