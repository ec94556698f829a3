import math

import pytest
import torch

from collapsebench.scoring.image import KernelClassifier, Spread, class_entropy, frechet_distance, precision_recall


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


def test_spread_by_hand() -> None:
    """Real images at 0, 1 and 2 have the median distance 1: k² is e^-8 for neighbours and e^-32 for the ends."""
    spread = Spread(column(0, 1, 2))
    real = 9 / (3 + 4 * math.exp(-8) + 2 * math.exp(-32))
    assert spread.effective_number(column(0, 1, 2)) == pytest.approx(real)
    assert spread.effective_number(column(5, 5, 5)) == pytest.approx(1)
    assert spread.effective_number(column(0, 0, 9, 9)) == pytest.approx(2)
    assert spread.ratio(column(0, 0, 9)) == pytest.approx(9 / 5 / real)


def test_repeated_images_are_narrow_and_specks_are_noise() -> None:
    rng = torch.Generator().manual_seed(0)
    kinds = torch.randn(5, 64, generator=rng)

    def images(n: int) -> torch.Tensor:
        return kinds[torch.arange(n) % 5] + 0.8 * torch.randn(n, 64, generator=rng)

    spread, sample = Spread(images(200)), images(200)
    assert spread.ratio(sample) == pytest.approx(1, abs=0.1)
    assert spread.ratio(sample[:1].expand(200, -1)) < 0.1
    assert 0.1 < spread.ratio(sample[:10].repeat(20, 1)) < 0.7
    assert spread.ratio(sample + 0.5 * torch.randn(200, 64, generator=rng)) > 1.3


def test_images_of_which_most_are_equal_have_no_spread() -> None:
    with pytest.raises(ValueError, match="equal"):
        Spread(torch.zeros(4, 3))
