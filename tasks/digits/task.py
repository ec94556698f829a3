"""Handwritten digits of 8×8 pixels: a conditional image model that loses variety within each class."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import torch

from collapsebench import Corpus, Decoding, GenerationZero, Learner, PluginError, Task, TaskCard, task

if TYPE_CHECKING:
    from collapsebench.scoring.image import KernelClassifier, PrincipalComponents

PIXELS, LEVELS, CLASSES = 64, 16, 10
HELD_OUT = 40  # images of each class that only `evaluate` sees
AXES = 20  # principal axes of the embedding: 90 % of the variance of the real images
SHA256 = "87ff0c9e40dc7e2c0e34e7257799c2e3f3aec1a016363bb11cad869ec428a826"
SHADES = " .:-=+*#%@"


@task("digits")
@dataclass(frozen=True)
class Digits(Task):
    """scikit-learn's handwritten digits and a conditional variational autoencoder.

    Args:
        latent: dimension of the model's latent vector.
        width: hidden units of its encoder and decoder.
        lr: peak learning rate.
        weight_decay: decoupled decay of the weights.
    """

    latent: int = 8
    width: int = 64
    lr: float = 1e-2
    weight_decay: float = 0.05

    card = TaskCard(
        title="Digits",
        modality="image",
        primary="nelbo",
        unit="nats/pixel",
        metrics={
            "nelbo": "negative evidence lower bound of held-out real images given their labels",
            "classifier_error": "error on real images of a classifier trained on the model's samples",
            "label_agreement": "share of samples in which a fixed classifier sees the label that was asked for",
            "class_entropy": "entropy of the classes that a fixed classifier sees in samples of all classes, nats",
            "frechet": "squared Fréchet distance between samples and held-out images on their principal axes",
            "precision": "share of samples on the manifold of held-out images",
            "recall": "share of held-out images on the manifold of samples",
        },
        supports={"sites", "log_prob", "temperature", "verifier", "reward"},
        licence="CC BY 4.0",
        data=f"scikit-learn digits (UCI, E. Alpaydin and C. Kaynak), SHA-256 {SHA256}",
        population=1397,
        shown=("classifier_error", "recall", "frechet"),
    )

    def real(self, n: int, rng: torch.Generator) -> Corpus:
        train = digits().train
        if n > len(train):
            raise PluginError(f"digits: there are {len(train)} real examples, {n} were asked for.")
        return train.sample(n, rng)

    def conditions(self, n: int, rng: torch.Generator, first: Corpus | None = None) -> Corpus:
        """Labels, all classes equally likely."""
        return Corpus({"label": torch.randint(CLASSES, (n,), generator=rng)})

    def learner(self, rng: torch.Generator) -> Learner:
        from collapsebench.learners.image import ConditionalVAE, VAEShape
        from collapsebench.lm.train import Optimiser

        optimiser = Optimiser(lr=self.lr, weight_decay=self.weight_decay, schedule="linear")
        return ConditionalVAE(VAEShape(PIXELS, LEVELS, CLASSES, self.latent, self.width, optimiser), rng)

    def evaluate(self, learner: Learner, zero: GenerationZero, rng: torch.Generator) -> dict[str, float]:
        """Scores on the 400 held-out images, and of as many samples with the same number of each class."""
        from collapsebench.learners.image import ConditionalVAE
        from collapsebench.scoring.image import KernelClassifier, class_entropy, frechet_distance, precision_recall

        assert isinstance(learner, ConditionalVAE)
        test = digits().test
        nelbo = -float(learner.elbo(test, rng).mean()) / PIXELS
        samples = learner.sample(len(test), rng, Decoding(), Corpus({"label": test["label"]}))
        student = KernelClassifier(samples["image"], samples["label"], CLASSES)
        seen_classes = judge().predict(samples["image"])
        real, generated = embedding()(test["image"]), embedding()(samples["image"])
        precision, recall = precision_recall(real, generated)
        return {
            "nelbo": nelbo,
            "classifier_error": _share(student.predict(test["image"]) != test["label"]),
            "label_agreement": _share(seen_classes == samples["label"]),
            "class_entropy": class_entropy(seen_classes, CLASSES),
            "frechet": frechet_distance(real, generated),
            "precision": precision,
            "recall": recall,
        }

    def verify(self, corpus: Corpus) -> torch.Tensor:
        """Whether a classifier trained on all real training images sees the example's label."""
        return judge().predict(corpus["image"]) == corpus["label"]

    def reward(self, corpus: Corpus) -> torch.Tensor:
        """That classifier's confidence in the example's label, in [0, 1]."""
        return judge().scores(corpus["image"]).gather(1, corpus["label"].unsqueeze(1)).squeeze(1).float()

    def render(self, corpus: Corpus) -> list[str]:
        """The label, then the rows of the image from top to bottom."""
        shades = (corpus["image"] * (len(SHADES) - 1)).round().long().view(len(corpus), 8, 8)
        return [
            f"{label}  " + "|".join("".join(SHADES[s] for s in row) for row in image)
            for label, image in zip(corpus["label"].tolist(), shades.tolist(), strict=True)
        ]


class Split(NamedTuple):
    """The training population (1,397 images) and the held-out images (40 of each class)."""

    train: Corpus
    test: Corpus


@lru_cache
def digits() -> Split:
    """The images as counts / 16 and their labels.

    Each class gives 40 images at even distances in the file's order, which runs from writer to writer.

    Raises:
        PluginError: the installed scikit-learn ships other data.
    """
    from sklearn.datasets import load_digits

    pixels, labels = load_digits(return_X_y=True)
    digest = hashlib.sha256(pixels.astype("uint8").tobytes() + labels.astype("uint8").tobytes()).hexdigest()
    if digest != SHA256:
        raise PluginError(f"digits: the installed data have SHA-256 {digest}, expected {SHA256}.")
    corpus = Corpus({"image": torch.tensor(pixels).float() / LEVELS, "label": torch.tensor(labels).long()})
    held_out = torch.zeros(len(corpus), dtype=torch.bool)
    for label in range(CLASSES):
        rows = (corpus["label"] == label).nonzero().squeeze(1)
        held_out[rows[torch.arange(HELD_OUT) * len(rows) // HELD_OUT]] = True
    return Split(corpus.select(~held_out), corpus.select(held_out))


@lru_cache
def judge() -> KernelClassifier:
    """The fixed classifier, trained on the training population."""
    from collapsebench.scoring.image import KernelClassifier

    train = digits().train
    return KernelClassifier(train["image"], train["label"], CLASSES)


@lru_cache
def embedding() -> PrincipalComponents:
    """The fixed embedding, from the training population."""
    from collapsebench.scoring.image import PrincipalComponents

    return PrincipalComponents(digits().train["image"], AXES)


def _share(outcomes: torch.Tensor) -> float:
    return float(outcomes.double().mean())
