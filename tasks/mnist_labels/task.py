"""MNIST with labels that the model writes: how much a share of them costs (strong model collapse)."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

import torch
from pydantic import Field

from collapsebench import Corpus, Count, Finite, Learner, PluginError, Positive, Start, Task, TaskCard, task

if TYPE_CHECKING:
    from collapsebench.learners import ImageShape, RandomFeatures

CLASSES = 10
SIX_PARTS = {"labelled": (0, 1, 2), "unlabelled": (3, 4), "reserve": (5,)}
"""Who gets the training image at each place of six: real examples, conditions, surrogates and the prior."""

SURROGATE_WIDTH, SURROGATE_RIDGE, SURROGATE_SEED = 500, 1e-3, 20241007


@task("mnist_labels")
class MnistLabels(Task):
    """Real images, labelled by the previous model: random features or a two-layer network.

    The setting of Dohmatob et al., Strong Model Collapse (arXiv:2410.04840), on MNIST. Synthetic rows are
    images that nobody labelled for the loop. One or more generations under `real_mix` with alpha = 1 − p_2 are
    a training set of n rows, a share p_2 of them with synthetic labels; `frozen` is p_2 = 0 and `replace` p_2 = 1.

    Args:
        model: `features` (closed form, on the whole corpus) or `network` (gradient steps).
        width: random features, or hidden units.
        ridge: penalty on the coefficients of the features.
        lr: peak learning rate of the network.
        heldout: test images that models are scored on, the same at every generation; 10,000 are all.
        surrogate: 0, and each model labels for the next; else every synthetic label comes from one model of 500
            random features, fitted on this many real images that nobody else sees (10,000 are all).
        prior_rows: real images behind the prior, which is such a model too.
        preference: reward of the label 0 over any other.
    """

    model: Literal["features", "network"] = "features"
    width: Count = 1000
    ridge: Positive = 1e-3
    lr: Positive = 3e-3
    heldout: Annotated[int, Field(ge=1, le=10_000)] = 4000
    surrogate: Annotated[int, Field(ge=0, le=10_000)] = 0
    prior_rows: Annotated[int, Field(ge=1, le=10_000)] = 10_000
    preference: Finite = 1.0

    card = TaskCard(
        title="MNIST labels",
        modality="labelled",
        suite="images",
        primary="error",
        unit="share wrong",
        metrics={
            "error": "share of test images whose most probable label is wrong",
            "mse": "squared distance between the outputs and the one-hot real label, mean over test images",
            "nll": "negative log-probability of the real label, nats per test image",
            "label_error": "probability that a label which the model writes is wrong, mean over test images",
            "class_entropy": "entropy of the most probable labels of test images, nats (log 10 at most)",
        },
        supports={"sites", "log_prob", "temperature", "top_k", "verifier", "reward", "prior"},
        licence="CC BY-SA 3.0",
        data="MNIST (Y. LeCun, C. Cortes and C. Burges), training images SHA-256 "
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        population=30_000,
        shown=("mse", "label_error", "class_entropy"),
    )

    def real(self, n: int, rng: torch.Generator) -> Corpus:
        return _drawn("labelled", n, rng)

    def conditions(self, n: int, rng: torch.Generator, first: Corpus | None = None) -> Corpus:
        """Images without their labels; none of them is in any real example."""
        return Corpus({"image": _drawn("unlabelled", n, rng)["image"]})

    def learner(self, rng: torch.Generator) -> Learner:
        from collapsebench.learners import Optimizer, RandomFeatures, TwoLayerNetwork, random_features

        shape, labeller = _shape(), surrogate(self.surrogate) if self.surrogate else None
        if self.model == "features":
            return RandomFeatures(shape, random_features(shape.pixels, self.width, rng), self.ridge, labeller)
        return TwoLayerNetwork(shape, self.width, Optimizer(lr=self.lr, schedule="linear"), rng, labeller)

    def evaluate(self, learner: Learner, start: Start, rng: torch.Generator) -> dict[str, float]:
        from collapsebench.learners import Labeller
        from collapsebench.scoring import entropy, shares

        assert isinstance(learner, Labeller)
        test = parts().test.sample(self.heldout, rng)
        outputs, labels = learner.outputs(test["image"]).double(), test["label"].unsqueeze(1)
        seen, log_prob = outputs.argmax(1), learner.label_log_probs(outputs).gather(1, labels)
        return {
            "error": (seen != test["label"]).double().mean().item(),
            "mse": (outputs - torch.zeros_like(outputs).scatter(1, labels, 1.0)).square().sum(1).mean().item(),
            "nll": -log_prob.mean().item(),
            "label_error": 1 - log_prob.exp().mean().item(),
            "class_entropy": entropy(shares(seen, CLASSES).unsqueeze(0)),
        }

    def verify(self, corpus: Corpus) -> torch.Tensor:
        """Whether the label is the one that MNIST gives the image.

        Raises:
            PluginError: an image that is not one of MNIST's training images.
        """
        known = real_labels()
        try:
            real = [known[image.tobytes()] for image in corpus["image"].numpy()]
        except KeyError:
            raise PluginError(
                "mnist_labels: an image is not one of MNIST's training images.", "Leave images as they are."
            ) from None
        return corpus["label"] == torch.tensor(real)

    def reward(self, corpus: Corpus) -> torch.Tensor:
        """`preference` for a 0, nothing for another label."""
        return self.preference * (corpus["label"] == 0).float()

    def prior(self, rng: torch.Generator) -> Learner:
        """Random features fitted on real images that nobody else sees, the same for every seed."""
        return surrogate(self.prior_rows)

    def render(self, corpus: Corpus) -> list[str]:
        """The label and, where MNIST knows the image, the real one."""
        known = real_labels()
        images = [image.tobytes() for image in corpus["image"].numpy()]
        return [
            f"{label}, really {known.get(image, '?')}: image {hashlib.sha256(image).hexdigest()[:8]}"
            for image, label in zip(images, corpus["label"].tolist(), strict=True)
        ]

    def pictures(self, corpus: Corpus) -> torch.Tensor:
        """The images; a sheet of samples puts each under the label that it was given."""
        side = _shape().side
        return corpus["image"].view(len(corpus), side, side)


class Parts(NamedTuple):
    """The training images, half of them for real examples, and the test images."""

    labelled: Corpus
    unlabelled: Corpus
    reserve: Corpus
    test: Corpus


@lru_cache
def parts() -> Parts:
    """MNIST by use. The file's order mixes writers and classes, so that every sixth image is a fair sample."""
    from collapsebench.data import load_mnist

    train, test = load_mnist()
    place = torch.arange(len(train.labels)) % 6
    rows = {name: torch.isin(place, torch.tensor(places)) for name, places in SIX_PARTS.items()}
    split = {name: Corpus({"image": train.images[of], "label": train.labels[of]}) for name, of in rows.items()}
    return Parts(**split, test=Corpus({"image": test.images, "label": test.labels}))


@lru_cache
def real_labels() -> dict[bytes, int]:
    """Image -> label, for all training images."""
    return {
        image.tobytes(): label
        for part in (parts().labelled, parts().unlabelled, parts().reserve)
        for image, label in zip(part["image"].numpy(), part["label"].tolist(), strict=True)
    }


@lru_cache(maxsize=4)
def surrogate(rows: int) -> RandomFeatures:
    """A model of the reserve's first images; the same in every run."""
    from collapsebench import FitConfig
    from collapsebench.learners import RandomFeatures, random_features

    shape, rng = _shape(), torch.Generator().manual_seed(SURROGATE_SEED)
    model = RandomFeatures(shape, random_features(shape.pixels, SURROGATE_WIDTH, rng), SURROGATE_RIDGE)
    model.fit(parts().reserve.select(torch.arange(rows)), FitConfig(rng))
    return model


def _shape() -> ImageShape:
    from collapsebench.learners import ImageShape

    return ImageShape(side=28, levels=255, classes=CLASSES)


def _drawn(part: Literal["labelled", "unlabelled"], n: int, rng: torch.Generator) -> Corpus:
    rows: Corpus = getattr(parts(), part)
    if n > len(rows):
        raise PluginError(
            f"mnist_labels: there are {len(rows)} {part} images, {n} were asked for.",
            "Use a protocol with fewer examples per generation.",
        )
    return rows.sample(n, rng)
