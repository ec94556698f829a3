import math

import pytest
import torch

from collapsebench.scoring.image import KernelClassifier, class_entropy, frechet_distance, precision_recall


def column(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64).unsqueeze(1)


def test_frechet_distance_by_hand() -> None:
    # {0, 2} has mean 1 and variance 2; {0, 4} has mean 2 and variance 8: 1 + (√8 − √2)² = 1 + 2.
    assert frechet_distance(column(0, 2), column(3, 5)) == pytest.approx(9)
    assert frechet_distance(column(0, 2), column(0, 4)) == pytest.approx(3)


def test_frechet_distance_of_correlated_sets_is_symmetric_and_zero_on_the_diagonal() -> None:
    rng = torch.Generator().manual_seed(0)
    a = torch.randn(50, 4, generator=rng) @ torch.randn(4, 4, generator=rng)
    b = torch.randn(60, 4, generator=rng) + 1
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(a, b) == pytest.approx(frechet_distance(b, a))


def test_precision_and_recall_by_hand() -> None:
    # With k = 1 a real point reaches 1 far and a generated one .1: samples lie among the real, not vice versa.
    assert precision_recall(column(0, 1, 10, 11), column(0.5, 0.6), k=1) == (1.0, 0.0)
    # Of two samples at 0.5 and 100 one is realistic; they reach 99.5 far and so cover every real point.
    assert precision_recall(column(0, 1, 10, 11), column(0.5, 100), k=1) == (0.5, 1.0)


def test_losing_a_mode_costs_recall_and_not_precision() -> None:
    modes = torch.tensor([[0.0, 0.0], [9.0, 9.0]]).repeat(50, 1)
    real, generated = (modes + torch.randn(100, 2, generator=torch.Generator().manual_seed(s)) for s in (0, 1))
    precision, recall = precision_recall(real, generated[::2])
    assert precision > 0.8
    assert 0.3 < recall < 0.55


def test_class_entropy_by_hand() -> None:
    assert class_entropy(torch.tensor([0, 1, 2, 3]), 4) == pytest.approx(math.log(4))
    assert class_entropy(torch.tensor([0, 0, 3, 3]), 4) == pytest.approx(math.log(2))
    assert class_entropy(torch.tensor([1, 1]), 4) == 0


def test_kernel_classifier_learns_exclusive_or() -> None:
    images = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    labels = torch.tensor([0, 1, 1, 0])
    classifier = KernelClassifier(images, labels, classes=2, ridge=0.01)
    assert classifier.predict(images).equal(labels)


def test_kernel_classifier_of_identical_images_prefers_the_frequent_label() -> None:
    blank = torch.zeros(3, 5)
    assert KernelClassifier(blank, torch.tensor([2, 2, 1]), classes=3).predict(blank).tolist() == [2, 2, 2]
