"""What `digits` and `mnist` have in common: a generator of labelled images, and what it is judged by."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

import torch

from ..core.checked import Count, Finite, Natural, NonNegative, Positive, Share
from ..core.corpus import Corpus
from ..core.errors import PluginError
from ..core.learner import PLAIN, Learner
from ..core.task import Metric, Start, Task
from ..learners.image.shape import ImageShape

if TYPE_CHECKING:
    from ..data import ImageSplit
    from ..learners.gradient import Optimizer
    from ..scoring.image import Spread
    from ..scoring.judge import Classifier

IMAGE_METRICS = {
    "nelbo": Metric("negative evidence lower bound of held-out real images and their labels"),
    "classifier_error": Metric("error on real images of a classifier trained on the model's samples and labels", 0, 1),
    "label_agreement": Metric(
        "share of samples in which the fixed classifier sees the label that the model gave them", 0, 1
    ),
    "diversity_ratio": Metric(
        "effective number of different samples over that of held-out images: 1 is real, less narrow, more noise", 0
    ),
    "class_entropy": Metric("entropy of the classes that the fixed classifier sees in samples, nats", 0),
    "frechet": Metric("squared Fréchet distance of samples and held-out images in the fixed classifier's features", 0),
    "precision": Metric("share of samples on the manifold of held-out images, in these features", 0, 1),
    "recall": Metric("share of held-out images on the manifold of samples, in these features", 0, 1),
}
"""What every task of this kind reports."""

SHADES = " .:-=+*#%@"


class ImageTask(Task):
    """A task whose model generates images with their labels.

    Args:
        width: hidden units of the VAE's encoder and of its decoder.
        latent: dimension of its latent vector.
        lr: peak learning rate.
        weight_decay: decoupled decay of the weights.
        confidence: least probability that the fixed classifier must give an example's label; the verifier
            keeps what it sees the label in with at least this confidence.
        favourite: label whose probability is the reward; None rewards the probability of the example's own label.
        gamma: what that probability is multiplied by (Ferbach et al., arXiv:2407.09499, section 4).
    """

    width: Count = 64
    latent: Count = 8
    lr: Positive = 1e-2
    weight_decay: NonNegative = 0.05
    confidence: Share = 0.0
    favourite: Natural | None = None
    gamma: Finite = 10.0

    def __post_init__(self) -> None:
        if self.favourite is not None and self.favourite >= self.shape.classes:
            raise PluginError(f"{self.name}: favourite must be a label from 0 to {self.shape.classes - 1} or none.")
        card = replace(self.card, about=f"{self.card.about} and their labels; {self.model_in_words}")
        object.__setattr__(self, "card", card)  # the sizes, and so card, are the instance's, not the class's

    @property
    def model_in_words(self) -> str:
        """What the model is."""
        return f"a conditional variational autoencoder of width {self.width}"

    @property
    @abstractmethod
    def shape(self) -> ImageShape:
        """Of the images."""

    @abstractmethod
    def split(self) -> ImageSplit:
        """Real images to train on and those that only `evaluate` sees, the same at every call."""

    @abstractmethod
    def judge(self) -> Classifier:
        """The fixed classifier, trained on the whole population."""

    def prepared(self, n: int, rng: torch.Generator) -> Task:
        """This task, its data read and its fixed classifier there: what is wrong with them is said before a cell runs.

        Raises:
            DataError: missing or damaged data, or a classifier that errs too often.
        """
        self.judge()
        return self

    def real(self, n: int, rng: torch.Generator) -> Corpus:
        """`n` images of the population, without replacement."""
        train = self.split().train
        if n > len(train):
            raise PluginError(f"{self.name}: there are {len(train)} real examples, {n} were asked for.")
        return train.sample(n, rng)

    def learner(self, rng: torch.Generator) -> Learner:
        """A conditional VAE."""
        from ..learners.image.vae import ConditionalVAE, VAEShape

        return ConditionalVAE(VAEShape(self.shape, self.latent, self.width, self.optimizer(self.lr)), rng)

    def optimizer(self, lr: float) -> Optimizer:
        """AdamW with this peak learning rate and the task's weight decay."""
        from ..learners.gradient import Optimizer

        return Optimizer(lr=lr, weight_decay=self.weight_decay, schedule="linear")

    def evaluate(self, learner: Learner, start: Start, rng: torch.Generator) -> dict[str, float]:
        """The bound on the held-out images, and measures of as many samples beside them."""
        from ..learners.image.generator import ImageGenerator
        from ..scoring.image import KernelClassifier, class_entropy, frechet_distance, precision_recall

        assert isinstance(learner, ImageGenerator)
        test, judge, classes = self.split().test, self.judge(), self.shape.classes
        nelbo = -float(learner.bound(test, rng).double().mean()) / self.shape.pixels
        samples = learner.sample(len(test), rng, PLAIN)
        student = KernelClassifier(self._grey(samples), samples["label"], classes)
        seen = judge.predict(samples["image"])
        real, generated = judge.features(test["image"]), judge.features(samples["image"])
        precision, recall = precision_recall(real, generated)
        return {
            "nelbo": nelbo,
            "classifier_error": _share(student.predict(self._grey(test)) != test["label"]),
            "label_agreement": _share(seen == samples["label"]),
            "diversity_ratio": _spread(test).ratio(samples["image"]),
            "class_entropy": class_entropy(seen, classes),
            "frechet": frechet_distance(real, generated),
            "precision": precision,
            "recall": recall,
        }

    def verify(self, corpus: Corpus) -> torch.Tensor:
        """Whether the fixed classifier sees the example's label, with the confidence that is asked for."""
        best, seen = self.judge().probabilities(corpus["image"]).max(1)
        return (seen == corpus["label"]) & (best >= self.confidence)

    def reward(self, corpus: Corpus) -> torch.Tensor:
        """γ times the fixed classifier's probability of the favourite, or of the example's own label."""
        wanted = corpus["label"] if self.favourite is None else torch.full_like(corpus["label"], self.favourite)
        chance = self.judge().probabilities(corpus["image"]).gather(1, wanted.unsqueeze(1))
        return self.gamma * chance.squeeze(1)

    def render(self, corpus: Corpus) -> list[str]:
        """The label, then the rows of the image from top to bottom."""
        shades = (self._grey(corpus) * (len(SHADES) - 1)).round().long().view(len(corpus), self.shape.side, -1)
        return [
            f"{label}  " + "|".join("".join(SHADES[s] for s in row) for row in image)
            for label, image in zip(corpus["label"].tolist(), shades.tolist(), strict=True)
        ]

    def pictures(self, corpus: Corpus) -> torch.Tensor:
        """Each image in grey levels 0..255, uint8 `[n, side, side]`."""
        grey = (255 * self._grey(corpus)).round().to(torch.uint8)
        return grey.view(len(corpus), self.shape.side, self.shape.side)

    def _grey(self, corpus: Corpus) -> torch.Tensor:
        """Images in [0, 1], float `[n, pixels]`."""
        return corpus["image"].float() / self.shape.levels


@lru_cache(maxsize=2)
def _spread(heldout: Corpus) -> Spread:
    """Of the held-out images, which every evaluation asks for."""
    from ..scoring.image import Spread

    return Spread(heldout["image"])


def _share(outcomes: torch.Tensor) -> float:
    return float(outcomes.double().mean())
