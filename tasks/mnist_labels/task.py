"""MNIST with labels that the model writes: how much a share of them costs (strong model collapse)."""

from __future__ import annotations

from functools import lru_cache

from collapsebench import Corpus, TaskCard, task
from collapsebench.data import MNIST, IdxSource, load_images
from collapsebench.families import LABEL_METRICS, IdxTask, LabelsTask, Parts, dealt
from collapsebench.learners import ImageShape

DEAL = "llluur"
"""Who gets the training image at each place of six."""


@task("mnist_labels")
class MnistLabels(IdxTask, LabelsTask):
    """MNIST, or a data set of your own, labelled by the previous model: random features or a two-layer network.

    One or more generations under `real_mix` with alpha = 1 − p_2 are a training set of n rows, a share p_2 of them with
    synthetic labels; `frozen` is p_2 = 0 and `replace` p_2 = 1.
    """

    card = TaskCard(
        title="MNIST labels",
        modality="labelled",
        suite="images",
        primary="error",
        unit="share wrong",
        metrics=LABEL_METRICS,
        supports={"sites", "log_prob", "temperature", "top_k", "verifier", "reward", "prior"},
        licence=MNIST.licence,
        data=f"MNIST (Y. LeCun, C. Cortes and C. Burges), {MNIST.digest}",
        population=30_000,
        shown=("mse", "label_error", "diversity_ratio"),
        about="handwritten digits of 28×28 pixels",
        corpus=MNIST.corpus,
    )

    def real_examples(self) -> int:
        """Half of the training images, as `DEAL` says."""
        rounds, rest = divmod(self.images, len(DEAL))
        return rounds * DEAL.count("l") + DEAL[:rest].count("l")

    @property
    def shape(self) -> ImageShape:
        return ImageShape(side=self.side, levels=255, classes=self.classes)

    def parts(self) -> Parts:
        return parts(self.idx)


@lru_cache(maxsize=2)
def parts(source: IdxSource) -> Parts:
    """The images by use."""
    train, test = (Corpus({"image": part.images, "label": part.labels}) for part in load_images(source))
    return Parts(*dealt(train, DEAL), test)
