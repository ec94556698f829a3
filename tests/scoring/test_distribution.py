import math

import numpy as np
import pytest
import torch

from collapsebench.scoring.distribution import (
    entropy,
    kl_divergence,
    kl_from_standard_normal,
    mass,
    mode_coverage,
    rarest_half,
    shares,
    squared_l2,
    support_lost,
    w2_between_samples,
    w2_to_standard_normal,
)


def test_w2_by_hand():
    # Mean 3 away and standard deviations 2 and 0 instead of 1: 9 + 1 + 1.
    assert w2_to_standard_normal(9.0, np.array([0.0, 4.0])) == pytest.approx(11.0)


def test_kl_by_hand():
    # A mean of 1 at a variance of 4: ½ (1/4 + 1/4 − 1 + ln 4)
    assert kl_from_standard_normal(0.25, np.array([4.0])) == pytest.approx(0.5 * (0.5 - 1 + math.log(4)))
    assert kl_from_standard_normal(0.0, np.ones(2)) == 0.0


def test_kl_of_a_singular_model_is_infinite():
    assert kl_from_standard_normal(0.0, np.array([1e-18, 1.0])) == math.inf
    assert kl_from_standard_normal(0.0, np.zeros(1)) == math.inf


def test_the_distances_are_those_between_the_full_matrices():
    g = torch.Generator().manual_seed(0)
    root = torch.randn(4, 4, dtype=torch.float64, generator=g)
    mean, covariance = torch.randn(4, dtype=torch.float64, generator=g), root @ root.T
    variances, axes = torch.linalg.eigh(covariance)

    matrix_root = axes @ torch.diag(variances.sqrt()) @ axes.T
    w2 = mean @ mean + torch.trace(covariance + torch.eye(4) - 2 * matrix_root)
    assert w2_to_standard_normal(float(mean @ mean), variances.numpy()) == pytest.approx(w2.item())

    real = torch.distributions.MultivariateNormal(torch.zeros(4, dtype=torch.float64), torch.eye(4).double())
    model = torch.distributions.MultivariateNormal(mean, covariance)
    kl = torch.distributions.kl_divergence(real, model).item()
    distance_sq = float(mean @ torch.linalg.solve(covariance, mean))
    assert kl_from_standard_normal(distance_sq, variances.numpy()) == pytest.approx(kl)


def test_tables_by_hand():
    law = torch.tensor([[0.5, 0.3, 0.2, 0.0], [0.0, 0.1, 0.3, 0.6]], dtype=torch.float64)
    tables = torch.tensor([[0.5, 0.5, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0]], dtype=torch.float64)
    assert squared_l2(tables, law) == pytest.approx((0.04 + 0.04 + 0.01 + 0.09 + 0.16) / 2)
    assert entropy(tables) == pytest.approx(math.log(2) / 2)
    assert support_lost(tables, law > 0) == pytest.approx(3 / 6)


def test_rarest_half_ignores_impossible_outcomes_and_rounds_down():
    law = torch.tensor([[0.5, 0.3, 0.2, 0.0], [0.4, 0.3, 0.2, 0.1]])
    half = rarest_half(law)
    assert half.tolist() == [[False, False, True, False], [False, False, True, True]]
    assert mass(law, half) == pytest.approx((0.2 + 0.3) / 2)


def test_w2_between_samples_is_that_of_the_best_pairing():
    line = torch.tensor([[0.0], [10.0], [20.0]])
    # 0-1, 10-12, 20-17, whatever the order of the rows.
    assert w2_between_samples(line, torch.tensor([[12.0], [17.0], [1.0]])) == pytest.approx((1 + 4 + 9) / 3)
    assert w2_between_samples(line, line.flip(0)) == 0.0


def test_w2_between_samples_of_two_normals_comes_near_the_exact_distance():
    g = torch.Generator().manual_seed(0)
    real, model = torch.randn(800, 1, generator=g), 2.0 + 3.0 * torch.randn(800, 1, generator=g)
    assert w2_between_samples(real, model) == pytest.approx(w2_to_standard_normal(4.0, np.array([9.0])), rel=0.1)


def test_modes_by_hand():
    found = shares(torch.tensor([0, 0, 0, 2]), 4)
    law = torch.full((4,), 0.25, dtype=torch.float64)
    assert found.tolist() == [0.75, 0.0, 0.25, 0.0]
    assert mode_coverage(found, law) == 0.5
    assert mode_coverage(found, law, least=2.0) == 0.25
    assert kl_divergence(found, law) == pytest.approx(0.75 * math.log(3))
    assert kl_divergence(law, found) == math.inf
