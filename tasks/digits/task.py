"""Handwritten digits of 8×8 pixels: a generator of labelled images that loses variety within each class."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from collapsebench import TaskCard, task
from collapsebench.data import DIGITS_SHA256, ImageSplit, digits
from collapsebench.families import IMAGE_METRICS, ImageTask
from collapsebench.learners import ImageShape

if TYPE_CHECKING:
    from collapsebench.scoring import Classifier

SHAPE = ImageShape(side=8)


@task("digits")
class Digits(ImageTask):
    """scikit-learn's handwritten digits and a conditional variational autoencoder."""

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
        data=f"scikit-learn digits (UCI, E. Alpaydin and C. Kaynak), SHA-256 {DIGITS_SHA256}",
        population=1397,
        shown=("diversity_ratio", "class_entropy", "recall", "frechet", "classifier_error"),
        about="handwritten digits of 8×8 pixels",
        corpus="scikit-learn's digits",
    )

    @property
    def shape(self) -> ImageShape:
        return SHAPE

    def split(self) -> ImageSplit:
        return digits()

    def judge(self) -> Classifier:
        return judge()


@lru_cache
def judge() -> Classifier:
    """The fixed classifier of the digits."""
    from collapsebench.scoring import Recipe, fixed_classifier

    return fixed_classifier(Recipe("digits", DIGITS_SHA256, SHAPE, most_error=0.03, steps=600), *digits())
