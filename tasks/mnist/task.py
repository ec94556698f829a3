"""MNIST: a generator of labelled images of 28×28 pixels that loses variety, classes and likelihood."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Literal

import torch
from pydantic import Field

from collapsebench import Corpus, Count, Learner, Positive, TaskCard, task
from collapsebench.families import IMAGE_METRICS, ImageSplit, ImageTask, evenly_spaced
from collapsebench.learners import ImageShape

if TYPE_CHECKING:
    from collapsebench.data import Images
    from collapsebench.scoring import Classifier

SHAPE = ImageShape(side=28, levels=4)
HELD_OUT = 100  # images of each class, of the 10,000 in the test set, that a generation is evaluated on
SHA256 = "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"  # of the uncompressed training images


@task("mnist")
class MNIST(ImageTask):
    """MNIST and a conditional variational autoencoder, or a small conditional diffusion model.

    Args:
        model: `vae`, to which width, latent and lr belong, or `ddpm`, to which what follows belongs.
        ddpm_steps: steps of the diffusion.
        ddpm_width: hidden units of the denoiser.
        ddpm_lr: its peak learning rate.
    """

    width: Count = 256
    latent: Count = 16
    model: Literal["vae", "ddpm"] = "vae"
    ddpm_steps: Annotated[int, Field(ge=2)] = 50
    ddpm_width: Count = 256
    ddpm_lr: Positive = 2e-3

    shape = SHAPE
    card = TaskCard(
        title="MNIST",
        modality="image",
        suite="images",
        primary="nelbo",
        unit="nats/pixel",
        metrics=IMAGE_METRICS,
        supports={"sites", "log_prob", "temperature", "verifier", "reward"},
        licence="CC BY-SA 3.0",
        data=f"MNIST (Y. LeCun, C. Cortes and C. Burges) in grey levels 0..{SHAPE.levels}, "
        f"training images SHA-256 {SHA256}",
        population=60_000,
        shown=("diversity_ratio", "class_entropy", "recall", "frechet", "classifier_error"),
    )

    def learner(self, rng: torch.Generator) -> Learner:
        if self.model == "vae":
            return super().learner(rng)
        from collapsebench.learners import ConditionalDDPM, DDPMShape

        optimizer = self.optimizer(self.ddpm_lr)
        return ConditionalDDPM(DDPMShape(self.shape, self.ddpm_steps, self.ddpm_width, optimizer), rng)

    def split(self) -> ImageSplit:
        return mnist()

    def judge(self) -> Classifier:
        return judge()


@lru_cache
def mnist() -> ImageSplit:
    """The 60,000 training images, and every tenth or so of the test images: as many of each class.

    Raises:
        DataError: a file is missing, damaged or not the canonical one.
    """
    from collapsebench.data import load_mnist

    data = load_mnist()
    test = corpus(data.test)
    return ImageSplit(corpus(data.train), test.select(evenly_spaced(test["label"], SHAPE.classes, HELD_OUT)))


@lru_cache
def judge() -> Classifier:
    """The fixed classifier of MNIST, checked on the whole test set."""
    from collapsebench.data import MNIST_DIGEST, load_mnist
    from collapsebench.scoring import Recipe, fixed_classifier

    recipe = Recipe("mnist", MNIST_DIGEST, SHAPE, most_error=0.02, steps=1500, lr=3e-3, width=16)
    return fixed_classifier(recipe, mnist().train, corpus(load_mnist().test))


def corpus(data: Images) -> Corpus:
    """Grey levels 0..255 rounded to counts 0..4, with their labels."""
    counts = (data.images.to(torch.int16) * SHAPE.levels + 127) // 255
    return Corpus({"image": counts.to(torch.uint8), "label": data.labels})
