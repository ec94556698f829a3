"""MNIST: a generator of labelled images of 28×28 pixels that loses variety, classes and likelihood."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import torch

from collapsebench import Corpus, TaskCard, task
from collapsebench.learners.image.shape import ImageShape
from collapsebench.learners.image.task import METRICS, ImageTask, Split, spread

if TYPE_CHECKING:
    from collapsebench.data.mnist import Images
    from collapsebench.learners.image.classifier import Classifier

SHAPE = ImageShape(side=28, levels=4)
HELD_OUT = 100  # images of each class, of the 10,000 in the test set, that a generation is evaluated on
MD5 = "6bbc9ace898e44ae57da46a324031adb"  # of the uncompressed training images


@task("mnist")
@dataclass(frozen=True)
class MNIST(ImageTask):
    """MNIST and a conditional variational autoencoder."""

    width: int = 256
    latent: int = 16
    lr: float = 5e-3

    shape = SHAPE
    card = TaskCard(
        title="MNIST",
        modality="image",
        primary="nelbo",
        unit="nats/pixel",
        metrics=METRICS,
        supports={"sites", "log_prob", "temperature", "verifier", "reward"},
        licence="CC BY-SA 3.0",
        data=f"MNIST (Y. LeCun, C. Cortes and C. Burges) in grey levels 0..{SHAPE.levels}, MD5 {MD5}",
        population=60_000,
        shown=("class_entropy", "recall", "frechet", "classifier_error"),
    )

    def split(self) -> Split:
        return mnist()

    def judge(self) -> Classifier:
        return judge()


@lru_cache
def mnist() -> Split:
    """The 60,000 training images, and every tenth or so of the test images: as many of each class.

    Raises:
        DataError: a file is missing, damaged or not the canonical one.
    """
    from collapsebench.data.mnist import load

    data = load()
    test = corpus(data.test)
    return Split(corpus(data.train), test.select(spread(test["label"], SHAPE.classes, HELD_OUT)))


@lru_cache
def judge() -> Classifier:
    """The fixed classifier of MNIST, checked on the whole test set."""
    from collapsebench.data.mnist import DIGEST, load
    from collapsebench.learners.image.classifier import Recipe, fixed_classifier

    recipe = Recipe("mnist", DIGEST, SHAPE, most_error=0.02, steps=1500, lr=3e-3, width=16)
    return fixed_classifier(recipe, mnist().train, corpus(load().test))


def corpus(data: Images) -> Corpus:
    """Grey levels 0..255 rounded to counts 0..4, with their labels."""
    counts = (data.images.to(torch.int16) * SHAPE.levels + 127) // 255
    return Corpus({"image": counts.to(torch.uint8), "label": data.labels})
