"""Labels of images as the sites that methods edit."""

from __future__ import annotations

import math
from abc import abstractmethod

import torch
from typing_extensions import override

from ...core.corpus import Corpus
from ...core.learner import Decoding, Learner, Sites
from .shape import ImageShape


class LabelledImages(Learner):
    """A model of images and labels. The one site of an example is its label, with log p(label | image).

    Reads the columns `image`, uint8 `[n, pixels]`, counts from 0 to `shape.levels`, and `label`, int64 `[n]`.

    Args:
        shape: of the images.
    """

    def __init__(self, shape: ImageShape) -> None:
        self.shape = shape

    @abstractmethod
    def label_posterior(self, images: torch.Tensor) -> torch.Tensor:
        """Log p(label | image) of every label for images `[n, pixels]`, nats, float `[n, classes]`."""

    @override
    def sites(self, corpus: Corpus) -> Sites:
        labels = self.shape.checked(corpus)["label"].unsqueeze(1)
        log_prob = self.label_posterior(corpus["image"]).gather(1, labels)
        return Sites(log_prob, torch.ones_like(log_prob, dtype=torch.bool))

    @override
    def resample(self, corpus: Corpus, mask: torch.Tensor, rng: torch.Generator, decoding: Decoding) -> Corpus:
        drawn = self.drawn_labels(corpus["image"], rng, decoding)
        return corpus.with_columns(label=torch.where(mask.squeeze(1), drawn, corpus["label"]))

    def drawn_labels(self, images: torch.Tensor, rng: torch.Generator, decoding: Decoding) -> torch.Tensor:
        """A label for each image from p(label | image) after temperature, then top-k, int64 `[n]`."""
        logits = self.label_posterior(images) / decoding.temperature
        if decoding.top_k is not None and decoding.top_k < self.shape.classes:
            logits = logits.masked_fill(logits < logits.topk(decoding.top_k, dim=1).values[:, -1:], -math.inf)
        return torch.multinomial(logits.softmax(1), 1, generator=rng).squeeze(1)
