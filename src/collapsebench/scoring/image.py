"""Measures of generated images: Fréchet distance, precision and recall, and what a classifier makes of them."""

from __future__ import annotations

import torch


class KernelClassifier:
    """Regularised least-squares classification with a Gaussian kernel; closed form, so the same on every machine.

    Args:
        images: float `[n, d]`; the kernel's inverse squared width is 1 / (d · variance of all pixels).
        labels: int64 `[n]`.
        classes: number of labels.
        ridge: penalty on the coefficients.
    """

    def __init__(self, images: torch.Tensor, labels: torch.Tensor, classes: int, ridge: float = 0.1) -> None:
        self._images = images.double()
        spread = float(self._images.var()) * self._images.shape[1]
        self._sharpness = 1.0 / spread if spread else 1.0
        targets = torch.nn.functional.one_hot(labels, classes).double()
        system = self._kernel(images) + ridge * torch.eye(len(images), dtype=torch.float64)
        self._coefficients: torch.Tensor = torch.linalg.solve(system, targets)

    def _kernel(self, images: torch.Tensor) -> torch.Tensor:
        return (-self._sharpness * torch.cdist(images.double(), self._images).square()).exp()

    def predict(self, images: torch.Tensor) -> torch.Tensor:
        """The best label of each image, int64 `[n]`."""
        return (self._kernel(images) @ self._coefficients).argmax(1)


def frechet_distance(real: torch.Tensor, generated: torch.Tensor) -> float:
    """Squared Fréchet distance between normals fitted to two sets of embeddings `[n, d]` (Heusel et al., 1706.08500).

    ‖μ₁ − μ₂‖² + tr(Σ₁ + Σ₂ − 2 (Σ₁Σ₂)^½), with (Σ₁Σ₂)^½ of the same trace as (Σ₁^½ Σ₂ Σ₁^½)^½.
    """
    real, generated = real.double(), generated.double()
    first, second = _covariance(real), _covariance(generated)
    values, vectors = torch.linalg.eigh(first)
    root = (vectors * values.clamp(min=0).sqrt()) @ vectors.T
    cross = torch.linalg.eigvalsh(root @ second @ root).clamp(min=0).sqrt().sum()
    shift = (real.mean(0) - generated.mean(0)).square().sum()
    return float(shift + first.trace() + second.trace() - 2 * cross)


def precision_recall(real: torch.Tensor, generated: torch.Tensor, k: int = 3) -> tuple[float, float]:
    """Improved precision and recall of embeddings `[n, d]` (Kynkäänniemi et al., arXiv:1904.06991, equation 2).

    A set's manifold is the union of the balls around its points that reach the k-th nearest neighbour.

    Returns:
        Share of generated points on the real manifold; share of real points on the generated manifold.
    """
    distance = torch.cdist(real, generated)
    on_real = (distance <= _reach(real, k).unsqueeze(1)).any(0)
    on_generated = (distance <= _reach(generated, k).unsqueeze(0)).any(1)
    return float(on_real.double().mean()), float(on_generated.double().mean())


class Spread:
    """How many different images there are in a set: the Vendi score of order 2 (Pasarkar & Dieng, arXiv:2310.12952).

    1 / mean k² over all pairs of images, k = exp(−4 d² / s²) for a pair at the distance d: n identical images count
    as one, n of which none resembles another as n. Rarer images count less than in the score of order 1, which needs
    the eigenvalues of all k.

    Args:
        real: images `[n, d]`; s is the median distance between two of them.

    Raises:
        ValueError: more than half of the pairs of images are equal.
    """

    def __init__(self, real: torch.Tensor) -> None:
        distances = torch.nn.functional.pdist(real.double())
        self._scale = float(distances.median())
        if not self._scale > 0:
            raise ValueError("Most of the images are equal.")
        self._real = self.effective_number(real)

    def effective_number(self, images: torch.Tensor) -> float:
        """How many different images there are in `[n, d]`, from 1 to n."""
        rows = images.double() / self._scale
        return 1.0 / float((-8 * torch.cdist(rows, rows).square()).exp().mean())

    def ratio(self, images: torch.Tensor) -> float:
        """The effective number among as many images as real ones over that of the real ones.

        1 is real, below is narrow, above is noise: specks make images of one class as different as those of two.
        """
        return self.effective_number(images) / self._real


def class_entropy(labels: torch.Tensor, classes: int) -> float:
    """Shannon entropy of the frequencies of labels `[n]`, nats: log(classes) when all are equally frequent."""
    return float(torch.special.entr(torch.bincount(labels, minlength=classes) / len(labels)).sum())


def _covariance(rows: torch.Tensor) -> torch.Tensor:
    return torch.cov(rows.T).view(rows.shape[1], rows.shape[1])


def _reach(points: torch.Tensor, k: int) -> torch.Tensor:
    """Distance to the k-th nearest other point, `[n]`; a point is its own nearest, at distance 0."""
    distance = torch.cdist(points, points)
    return distance.kthvalue(k + 1, dim=1).values
