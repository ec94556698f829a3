"""Models that label images: random features with a closed-form ridge fit, and a two-layer network."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch.nn import functional as F
from typing_extensions import override

from ..core.corpus import Corpus
from ..core.errors import Diverged, PluginError
from ..core.learner import Decoding, FitConfig, FitReport
from .gradient import NetworkLearner, Optimizer, batches, descend, initialised
from .image.labels import LabelledImages
from .image.shape import ImageShape

CHUNK = 2000
"""Images whose features are held in memory at once."""


class Labeller(LabelledImages):
    """p(label | image); an image is scaled to a mean square of 1 per pixel. A temperature T raises p to the power 1/T.

    Args:
        shape: of the images.
        labeller: another model, which writes the labels of the samples; None for this one.
    """

    def __init__(self, shape: ImageShape, labeller: Labeller | None = None) -> None:
        super().__init__(shape)
        self._labeller = labeller

    @abstractmethod
    def outputs(self, images: torch.Tensor) -> torch.Tensor:
        """What stands for each class's indicator, for images uint8 `[n, pixels]`, float32 `[n, classes]`."""

    @abstractmethod
    def label_log_probs(self, outputs: torch.Tensor) -> torch.Tensor:
        """Log p(label | image) of every label from the outputs `[n, classes]`, float `[n, classes]`."""

    def sample(self, n: int, rng: torch.Generator, decoding: Decoding, conditions: Corpus | None = None) -> Corpus:
        """A label for each image of `conditions` (n rows)."""
        if conditions is None:
            raise PluginError("A model of labels samples only with conditions.", "Pass a corpus with images.")
        writer = self._labeller or self
        labels = writer.drawn_labels(conditions["image"], rng, decoding)
        return Corpus({"image": conditions["image"], "label": labels})

    @override
    def log_prob(self, corpus: Corpus) -> torch.Tensor:
        """Log-probability of each label given its image, nats, float32 `[n]`."""
        return self.sites(corpus).log_prob.squeeze(1)

    @override
    def label_posterior(self, images: torch.Tensor) -> torch.Tensor:
        return self.label_log_probs(self.outputs(images))


class FeatureEquations(NamedTuple):
    """What a fit keeps of its rows, float64: total weight, `Σ w φ φᵀ` `[m, m]` and `Σ w φ yᵀ` `[m, classes]`."""

    total: torch.Tensor
    gram: torch.Tensor
    moment: torch.Tensor


class RandomFeatures(Labeller):
    """f(x) = φ(x)·V with random features φ_j = √(2/m) max(0, w_j·x), w_j ~ N(0, I/pixels), and V fitted.

    V minimises the mean of ‖f(x) − y‖² + ridge ‖V‖² for labels y written as indicators (one-hot). With
    infinitely many features this is regression with the arc-cosine kernel of order 1 (Cho & Saul, 2009). The
    interpolation threshold is at as many features as rows.

    Labels are read off f as if y were normal around it with a variance s² per class: p(k | x) ∝ exp(f_k / s²).
    s² is the error on new rows as generalised cross-validation has it (Golub, Heath & Wahba, 1979): the mean
    squared residual over (1 − degrees of freedom / n)². Before the first fit all labels are equally probable.

    Args:
        shape: of the images.
        features: the w_j as columns, times √(2/m), float32 `[pixels, m]`; see `random_features`.
        ridge: penalty λ > 0.
        labeller: see `Labeller`.
    """

    closed_form = True

    def __init__(
        self, shape: ImageShape, features: torch.Tensor, ridge: float, labeller: Labeller | None = None
    ) -> None:
        super().__init__(shape, labeller)
        self._features, self._ridge = features, ridge
        self._adopt(_no_rows(features.shape[1], shape.classes))

    def fit(self, corpus: Corpus, training: FitConfig) -> FitReport:
        """Solve the normal equations of the (weighted) rows.

        Raises:
            PluginError: images or labels of another shape.
            Diverged: the equations are singular to rounding.
        """
        self._adopt(self._equations(corpus))
        return FitReport(len(corpus))

    def extended(self, added: Corpus) -> RandomFeatures:
        """This model with the normal equations of `added` added; equal to a fit on all rows up to rounding."""
        other = RandomFeatures(self.shape, self._features, self._ridge, self._labeller)
        other._adopt(FeatureEquations(*(a + b for a, b in zip(self._sums, self._equations(added), strict=True))))
        return other

    def outputs(self, images: torch.Tensor) -> torch.Tensor:
        """f(x)."""
        return torch.cat([self._phi(chunk) @ self._solution for chunk in torch.split(images, CHUNK)])

    def label_log_probs(self, outputs: torch.Tensor) -> torch.Tensor:
        """See the class."""
        return (outputs / self._spread).log_softmax(1)

    def state(self) -> dict[str, torch.Tensor]:
        """`total`, `gram` and `moment`, float64."""
        return dict(self._sums._asdict())

    def load(self, state: Mapping[str, torch.Tensor]) -> None:
        """The inverse of `state`."""
        self._adopt(FeatureEquations(**state))

    def _phi(self, images: torch.Tensor) -> torch.Tensor:
        return (_scaled(images) @ self._features).relu_()

    def _equations(self, corpus: Corpus) -> FeatureEquations:
        images, labels = self.shape.checked(corpus)["image"], corpus["label"]
        weights = torch.ones(len(corpus)) if corpus.weights is None else corpus.weights
        total, gram, moment = _no_rows(self._features.shape[1], self.shape.classes)
        for start in range(0, len(corpus), CHUNK):
            rows = slice(start, start + CHUNK)
            phi = self._phi(images[rows]).double()
            weighted = phi * weights[rows].double().unsqueeze(1)
            gram = gram + weighted.T @ phi
            moment = moment + weighted.T @ F.one_hot(labels[rows], self.shape.classes).double()
        return FeatureEquations(total + weights.double().sum(), gram, moment)

    def _adopt(self, sums: FeatureEquations) -> None:
        total, gram, moment = sums
        penalty = self._ridge * total.clamp(min=1.0)
        factor, failed = torch.linalg.cholesky_ex(gram + penalty * torch.eye(len(gram), dtype=torch.float64))
        if failed:
            raise Diverged(
                f"The equations of {len(gram)} random features are singular at ridge {self._ridge}.", "Raise ridge."
            )
        solution = torch.cholesky_solve(moment, factor)
        self._sums, self._solution = sums, solution.float()
        self._spread = float(_error_on_new_rows(sums, solution, penalty * torch.cholesky_inverse(factor).trace()))


def random_features(pixels: int, width: int, rng: torch.Generator) -> torch.Tensor:
    """Columns w_j ~ N(0, I/pixels), times √(2/width), float32 `[pixels, width]`."""
    return math.sqrt(2 / (pixels * width)) * torch.randn(pixels, width, generator=rng)


class TwoLayerNetwork(NetworkLearner, Labeller):
    """p(label | image) = softmax(B max(0, A x + a) + b), trained by its cross-entropy; the outputs are p.

    Args:
        shape: of the images.
        width: hidden units.
        optimizer: how it is trained.
        rng: initial weights.
        labeller: see `Labeller`.
    """

    def __init__(
        self,
        shape: ImageShape,
        width: int,
        optimizer: Optimizer,
        rng: torch.Generator,
        labeller: Labeller | None = None,
    ) -> None:
        super().__init__(shape, labeller)
        self._optimizer = optimizer
        self.network = initialised(
            lambda: torch.nn.Sequential(
                torch.nn.Linear(shape.pixels, width), torch.nn.ReLU(), torch.nn.Linear(width, shape.classes)
            ),
            rng,
        )

    def fit(self, corpus: Corpus, training: FitConfig) -> FitReport:
        """Minimise the cross-entropy.

        Raises:
            PluginError: images or labels of another shape.
            Diverged: the loss or a weight is not finite.
        """
        images, labels = self.shape.checked(corpus)["image"], corpus["label"]

        def loss(rows: torch.Tensor) -> torch.Tensor:
            return F.cross_entropy(self.network(_scaled(images[rows])), labels[rows])

        steps = training.steps_for(len(corpus))
        return descend(self.network, self._optimizer, batches(corpus, training), steps, loss)

    def outputs(self, images: torch.Tensor) -> torch.Tensor:
        """p(label | image)."""
        with torch.no_grad():
            return torch.cat([self.network(_scaled(chunk)).softmax(1) for chunk in torch.split(images, CHUNK)])

    def label_log_probs(self, outputs: torch.Tensor) -> torch.Tensor:
        """The logarithm of the outputs, which it keeps above the least positive number."""
        return outputs.clamp(min=torch.finfo(outputs.dtype).tiny).log()


def _scaled(images: torch.Tensor) -> torch.Tensor:
    """Images of mean square 1 per pixel, float32 `[n, pixels]`; black ones stay black."""
    return math.sqrt(images.shape[1]) * F.normalize(images.float())


def _no_rows(width: int, classes: int) -> FeatureEquations:
    return FeatureEquations(
        *(torch.zeros(shape, dtype=torch.float64) for shape in ((), (width, width), (width, classes)))
    )


def _error_on_new_rows(sums: FeatureEquations, solution: torch.Tensor, penalised: torch.Tensor) -> torch.Tensor:
    """Generalised cross-validation per class; `penalised` is λn tr(G + λn)⁻¹, the features that the ridge takes away.

    At least the variance of one class in a thousand rows, so that labels never become certain by rounding.
    """
    total, gram, moment = sums
    explained = 2 * (solution * moment).sum() - (solution * (gram @ solution)).sum()
    residual = (total - explained) / total.clamp(min=1.0)
    left = 1 - (len(gram) - penalised) / total.clamp(min=1.0)
    return (residual / left.square() / moment.shape[1]).clamp(min=1e-3)
