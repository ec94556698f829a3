"""MNIST: a generator of labelled images of 28×28 pixels that loses variety, classes and likelihood."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Literal

import torch
from pydantic import Field

from collapsebench import Corpus, Count, Learner, Positive, Share, TaskCard, task
from collapsebench.data import CUSTOM, MNIST, IdxSource, Images, ImageSplit, evenly_spaced, load_images
from collapsebench.families import IMAGE_METRICS, IdxTask, ImageTask
from collapsebench.learners import ImageShape

if TYPE_CHECKING:
    from collapsebench.scoring import Classifier

LEVELS = 4
HELD_OUT = 100  # images of each class, of the 10,000 in the test set, that a generation is evaluated on
MOST_ERROR, MOST_ERROR_OF_CUSTOM = 0.02, 0.15


@task("mnist")
class MNISTImages(IdxTask, ImageTask):
    """MNIST, or a data set of your own, and a conditional variational autoencoder or diffusion model.

    Args:
        model: `vae`, to which width, latent and lr belong, or `ddpm`, to which what follows belongs.
        ddpm_steps: steps of the diffusion.
        ddpm_width: hidden units of the denoiser.
        ddpm_lr: its peak learning rate.
        most_error: largest share of held-out images that the fixed classifier may get wrong, else nothing runs; None
            is 2 % of MNIST and 15 % of a data set of your own.
    """

    width: Count = 128
    lr: Positive = 3e-3  # at the family's 1e-2, data harder than MNIST diverge
    latent: Count = 16
    model: Literal["vae", "ddpm"] = "vae"
    ddpm_steps: Annotated[int, Field(ge=2)] = 50
    ddpm_width: Count = 256
    ddpm_lr: Positive = 2e-3
    most_error: Share | None = None

    card = TaskCard(
        title="MNIST",
        modality="image",
        suite="images",
        primary="nelbo",
        unit="nats/pixel",
        metrics=IMAGE_METRICS,
        supports={"sites", "log_prob", "temperature", "verifier", "reward"},
        version=2,
        licence=MNIST.licence,
        data=f"MNIST (Y. LeCun, C. Cortes and C. Burges) in grey levels 0..{LEVELS}, {MNIST.digest}",
        population=60_000,
        shown=("diversity_ratio", "class_entropy", "recall", "frechet", "classifier_error"),
        about="handwritten digits of 28×28 pixels",
        corpus=MNIST.corpus,
    )

    @property
    def model_in_words(self) -> str:
        if self.model == "vae":
            return super().model_in_words
        return f"a conditional diffusion model of width {self.ddpm_width}"

    def learner(self, rng: torch.Generator) -> Learner:
        if self.model == "vae":
            return super().learner(rng)
        from collapsebench.learners import ConditionalDDPM, DDPMShape

        optimizer = self.optimizer(self.ddpm_lr)
        return ConditionalDDPM(DDPMShape(self.shape, self.ddpm_steps, self.ddpm_width, optimizer), rng)

    @property
    def shape(self) -> ImageShape:
        return ImageShape(self.side, LEVELS, self.classes)

    def split(self) -> ImageSplit:
        return split(self.idx)

    def judge(self) -> Classifier:
        usual = MOST_ERROR_OF_CUSTOM if self.source == CUSTOM else MOST_ERROR
        return judge(self.idx, self.shape, usual if self.most_error is None else self.most_error)


@lru_cache(maxsize=2)
def split(source: IdxSource) -> ImageSplit:
    """All training images, and `HELD_OUT` test images of each class, or as many as the smallest class has.

    Raises:
        DataError: as `load_images`.
    """
    train, test = (counts(part) for part in load_images(source))
    each = min(HELD_OUT, int(torch.bincount(test["label"]).min()))
    return ImageSplit(train, test.select(evenly_spaced(test["label"], source.classes, each)))


@lru_cache(maxsize=2)
def judge(source: IdxSource, shape: ImageShape, most_error: float) -> Classifier:
    """The fixed classifier of a data set, checked on its whole test set."""
    from collapsebench.scoring import Recipe, fixed_classifier

    recipe = Recipe("mnist", source.digest, shape, most_error, steps=1500, lr=3e-3, width=16)
    return fixed_classifier(recipe, split(source).train, counts(load_images(source).test))


def counts(data: Images) -> Corpus:
    """Grey levels 0..255 rounded to counts 0..4, with their labels."""
    counts = (data.images.to(torch.int16) * LEVELS + 127) // 255
    return Corpus({"image": counts.to(torch.uint8), "label": data.labels})
