"""Handwritten digits of 8×8 pixels: a generator of labelled images that loses variety within each class."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import TYPE_CHECKING

import torch

from collapsebench import Corpus, PluginError, TaskCard, task
from collapsebench.families import IMAGE_METRICS, ImageSplit, ImageTask, evenly_spaced
from collapsebench.learners import ImageShape

if TYPE_CHECKING:
    from collapsebench.scoring import Classifier

SHAPE = ImageShape(side=8)
HELD_OUT = 40  # images of each class that only `evaluate` sees
SHA256 = "87ff0c9e40dc7e2c0e34e7257799c2e3f3aec1a016363bb11cad869ec428a826"


@task("digits")
class Digits(ImageTask):
    """scikit-learn's handwritten digits and a conditional variational autoencoder."""

    shape = SHAPE
    card = TaskCard(
        title="Digits",
        modality="image",
        suite="images",
        primary="nelbo",
        unit="nats/pixel",
        metrics=IMAGE_METRICS,
        supports={"sites", "log_prob", "temperature", "verifier", "reward"},
        version=2,
        licence="CC BY 4.0",
        data=f"scikit-learn digits (UCI, E. Alpaydin and C. Kaynak), SHA-256 {SHA256}",
        population=1397,
        shown=("diversity_ratio", "class_entropy", "recall", "frechet", "classifier_error"),
    )

    def split(self) -> ImageSplit:
        return digits()

    def judge(self) -> Classifier:
        return judge()


@lru_cache
def digits() -> ImageSplit:
    """Images as counts 0..16 and their labels: 1,397 to train on, 40 of each class held out.

    Those stand at even distances in the file's order, which runs from writer to writer.

    Raises:
        PluginError: the installed scikit-learn ships other data.
    """
    from sklearn.datasets import load_digits

    pixels, labels = load_digits(return_X_y=True)
    digest = hashlib.sha256(pixels.astype("uint8").tobytes() + labels.astype("uint8").tobytes()).hexdigest()
    if digest != SHA256:
        raise PluginError(f"digits: the installed data have SHA-256 {digest}, expected {SHA256}.")
    corpus = Corpus({"image": torch.tensor(pixels.astype("uint8")), "label": torch.tensor(labels).long()})
    held_out = evenly_spaced(corpus["label"], SHAPE.classes, HELD_OUT)
    return ImageSplit(corpus.select(~held_out), corpus.select(held_out))


@lru_cache
def judge() -> Classifier:
    """The fixed classifier of the digits."""
    from collapsebench.scoring import Recipe, fixed_classifier

    return fixed_classifier(Recipe("digits", SHA256, SHAPE, most_error=0.03, steps=600), *digits())
