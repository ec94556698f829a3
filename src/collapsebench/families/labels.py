"""What `mnist_labels` and `digits_labels` have in common: the images stay real and the model writes their labels."""

from __future__ import annotations

import hashlib
import math
from abc import abstractmethod
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Literal, NamedTuple

import torch

from ..core.checked import Count, Finite, Natural, Positive
from ..core.corpus import Corpus
from ..core.errors import PluginError
from ..core.learner import FitConfig, Learner
from ..core.task import Metric, Start, Task
from ..learners.image.shape import ImageShape

if TYPE_CHECKING:
    from ..learners.labelling import RandomFeatures

LABEL_METRICS = {
    "error": Metric("share of test images whose most probable label is wrong", 0, 1),
    "mse": Metric("squared distance between the outputs and the one-hot real label, mean over test images", 0),
    "nll": Metric("negative log-probability of the real label, nats per test image", 0),
    "label_error": Metric("probability that a label which the model writes is wrong, mean over test images", 0, 1),
    "class_entropy": Metric("entropy of the most probable labels of test images, nats", 0),
    "diversity_ratio": Metric(
        "effective number of these labels over that of real ones: 1 is real, less narrow, more noise", 0
    ),
}
"""What every task of this kind reports."""

SURROGATE_WIDTH, SURROGATE_RIDGE, SURROGATE_SEED = 500, 1e-3, 20241007


class Parts(NamedTuple):
    """Who gets which images: real examples, conditions, surrogates and the prior, evaluation."""

    labelled: Corpus
    unlabelled: Corpus
    reserve: Corpus
    test: Corpus


def dealt(images: Corpus, deal: str) -> tuple[Corpus, Corpus, Corpus]:
    """Images dealt out in their order, round by round, as `deal` says: "lluur" is two labelled, two unlabelled, ...

    An order that mixes writers and classes makes each part a fair sample.
    """
    given = torch.tensor(list(deal.encode())).repeat(-(-len(images) // len(deal)))[: len(images)]
    labelled, unlabelled, reserve = (images.select(given == ord(letter)) for letter in "lur")
    return labelled, unlabelled, reserve


class LabelsTask(Task):
    """A task whose model labels images.

    The setting of Dohmatob et al., Strong Model Collapse (arXiv:2410.04840). Synthetic rows are images that nobody
    labelled for the loop.

    Args:
        model: `features` (closed form, on the whole corpus) or `network` (gradient steps).
        width: random features, or hidden units.
        ridge: penalty on the coefficients of the features.
        lr: peak learning rate of the network.
        heldout: test images that models are scored on, the same at every generation.
        surrogate: 0, and each model labels for the next; else every synthetic label comes from one model of 500
            random features, fitted on this many real images that nobody else sees.
        prior_rows: real images behind the prior, which is such a model too.
        preference: reward of the label 0 over any other.
    """

    model: Literal["features", "network"] = "features"
    width: Count = 1000
    ridge: Positive = 1e-3
    lr: Positive = 3e-3
    heldout: Count = 4000
    surrogate: Natural = 0
    prior_rows: Count = 10_000
    preference: Finite = 1.0

    def __post_init__(self) -> None:
        fitted = f"{self.width} random features" if self.model == "features" else f"a network of width {self.width}"
        card = replace(self.card, about=f"{self.card.about}, to which the model writes the labels; {fitted}")
        object.__setattr__(self, "card", card)  # the sizes, and so card, are the instance's, not the class's

    @property
    @abstractmethod
    def shape(self) -> ImageShape:
        """Of the images."""

    @abstractmethod
    def parts(self) -> Parts:
        """The images, the same at every call."""

    def prepared(self, n: int, rng: torch.Generator) -> Task:
        """This task, its data read.

        Raises:
            DataError: missing or damaged data.
            PluginError: more images asked for than there are.
        """
        parts = self.parts()
        for name, rows in (("heldout", parts.test), ("surrogate", parts.reserve), ("prior_rows", parts.reserve)):
            if getattr(self, name) > len(rows):
                raise PluginError(f"{self.name}: {name} is {getattr(self, name)}, of {len(rows)} images.", "Lower it.")
        return self

    def real(self, n: int, rng: torch.Generator) -> Corpus:
        """`n` of the labelled images, without replacement."""
        return self._drawn("labelled", n, rng)

    def conditions(self, n: int, rng: torch.Generator, first: Corpus | None = None) -> Corpus:
        """Images without their labels; none of them is in any real example."""
        return Corpus({"image": self._drawn("unlabelled", n, rng)["image"]})

    def learner(self, rng: torch.Generator) -> Learner:
        """Random features or a network, at its initial weights."""
        from ..learners.gradient import Optimizer
        from ..learners.labelling import RandomFeatures, TwoLayerNetwork, random_features

        labeller = self._surrogate(self.surrogate) if self.surrogate else None
        if self.model == "features":
            features = random_features(self.shape.pixels, self.width, rng)
            return RandomFeatures(self.shape, features, self.ridge, labeller)
        return TwoLayerNetwork(self.shape, self.width, Optimizer(lr=self.lr, schedule="linear"), rng, labeller)

    def evaluate(self, learner: Learner, start: Start, rng: torch.Generator) -> dict[str, float]:
        """What the model says of the held-out images."""
        from ..learners.labelling import Labeller
        from ..scoring.distribution import entropy, shares

        assert isinstance(learner, Labeller)
        test, classes = self.parts().test.sample(self.heldout, rng), self.shape.classes
        outputs, labels = learner.outputs(test["image"]).double(), test["label"].unsqueeze(1)
        seen, log_prob = outputs.argmax(1), learner.label_log_probs(outputs).gather(1, labels)
        found, real = (entropy(shares(of, classes).unsqueeze(0)) for of in (seen, test["label"]))
        return {
            "error": (seen != test["label"]).double().mean().item(),
            "mse": (outputs - torch.zeros_like(outputs).scatter(1, labels, 1.0)).square().sum(1).mean().item(),
            "nll": -log_prob.mean().item(),
            "label_error": 1 - log_prob.exp().mean().item(),
            "class_entropy": found,
            "diversity_ratio": math.exp(found - real),
        }

    def verify(self, corpus: Corpus) -> torch.Tensor:
        """Whether the label is the real one of the image.

        Raises:
            PluginError: an image that is not one of the training images.
        """
        known = _real_labels(self.parts())
        try:
            real = [known[image.tobytes()] for image in corpus["image"].numpy()]
        except KeyError:
            raise PluginError(
                f"{self.name}: an image is not one of the training images.", "Leave images as they are."
            ) from None
        return corpus["label"] == torch.tensor(real)

    def reward(self, corpus: Corpus) -> torch.Tensor:
        """`preference` for a 0, nothing for another label."""
        return self.preference * (corpus["label"] == 0).float()

    def prior(self, rng: torch.Generator) -> Learner:
        """Random features fitted on real images that nobody else sees, the same for every seed."""
        return self._surrogate(self.prior_rows)

    def render(self, corpus: Corpus) -> list[str]:
        """The label and, where the image is known, the real one."""
        known = _real_labels(self.parts())
        images = [image.tobytes() for image in corpus["image"].numpy()]
        return [
            f"{label}, really {known.get(image, '?')}: image {hashlib.sha256(image).hexdigest()[:8]}"
            for image, label in zip(images, corpus["label"].tolist(), strict=True)
        ]

    def pictures(self, corpus: Corpus) -> torch.Tensor:
        """The images; a sheet of samples puts each under the label that it was given."""
        grey = (corpus["image"].float() * (255 / self.shape.levels)).round().to(torch.uint8)
        return grey.view(len(corpus), self.shape.side, self.shape.side)

    def _drawn(self, part: Literal["labelled", "unlabelled"], n: int, rng: torch.Generator) -> Corpus:
        rows: Corpus = getattr(self.parts(), part)
        if n > len(rows):
            raise PluginError(
                f"{self.name}: there are {len(rows)} {part} images, {n} were asked for.",
                "Use a protocol with fewer examples per generation.",
            )
        return rows.sample(n, rng)

    def _surrogate(self, rows: int) -> RandomFeatures:
        return _fitted(self.parts().reserve, self.shape, rows)


@lru_cache(maxsize=2)
def _real_labels(parts: Parts) -> dict[bytes, int]:
    """Image -> label, for all training images."""
    return {
        image.tobytes(): label
        for part in (parts.labelled, parts.unlabelled, parts.reserve)
        for image, label in zip(part["image"].numpy(), part["label"].tolist(), strict=True)
    }


@lru_cache(maxsize=4)
def _fitted(reserve: Corpus, shape: ImageShape, rows: int) -> RandomFeatures:
    """A model of the reserve's first images; the same in every run."""
    from ..learners.labelling import RandomFeatures, random_features

    rng = torch.Generator().manual_seed(SURROGATE_SEED)
    model = RandomFeatures(shape, random_features(shape.pixels, SURROGATE_WIDTH, rng), SURROGATE_RIDGE)
    model.fit(reserve.select(torch.arange(rows)), FitConfig(rng))
    return model
