import math

import pytest
import torch

from collapsebench import Corpus, Diverged, FitConfig, PluginError
from collapsebench.learners import Optimizer, batches, descend
from collapsebench.learners.gradient import CHECK_EVERY


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def numbered(rows: int, weights: torch.Tensor | None = None) -> Corpus:
    return Corpus({"x": torch.arange(rows)}, weights)


class Number(torch.nn.Module):
    """One number to be learnt."""

    def __init__(self, value: float = 0.0) -> None:
        super().__init__()
        self.value = torch.nn.Parameter(torch.tensor(value))


def steps_of(steps: int, batch: int = 1) -> list[torch.Tensor]:
    return [torch.zeros(batch, dtype=torch.int64)] * steps


def test_batches_are_shuffled_passes_without_a_seam() -> None:
    rows = torch.cat(list(batches(numbered(6), FitConfig(rng(), steps=3, batch=4))))
    assert rows[:6].sort().values.tolist() == rows[6:].sort().values.tolist() == [0, 1, 2, 3, 4, 5]
    assert [len(b) for b in batches(numbered(3), FitConfig(rng(), steps=2, batch=8))] == [8, 8]


def test_every_row_is_seen_once_per_pass() -> None:
    order = torch.cat(list(batches(numbered(100), FitConfig(rng(), epochs=2, batch=10))))
    assert torch.bincount(order).tolist() == [2] * 100


def test_rows_are_drawn_in_proportion_to_their_weights() -> None:
    weights = torch.tensor([0.0, 1.0, 3.0])
    order = torch.stack(list(batches(numbered(3, weights), FitConfig(rng(), steps=200, batch=20))))
    assert order.shape == (200, 20)
    shares = torch.bincount(order.flatten(), minlength=3) / order.numel()
    assert shares.tolist() == pytest.approx([0, 0.25, 0.75], abs=0.02)


def test_a_corpus_without_rows_is_refused() -> None:
    with pytest.raises(PluginError, match="no rows"):
        list(batches(numbered(0), FitConfig(rng(), steps=1)))


def test_the_first_step_of_adam_is_the_learning_rate_long() -> None:
    number = Number()
    report = descend(number, Optimizer(lr=0.1), steps_of(1, batch=7), 1, lambda rows: 5 * number.value)
    assert number.value.item() == pytest.approx(-0.1)
    assert report == (7, 1)
    assert not number.training


def test_the_gradient_is_clipped_to_its_largest_norm() -> None:
    """Only where a gradient is near Adam's epsilon of 1e-8 does its size show in the step."""
    number = Number()
    descend(number, Optimizer(lr=0.1, clip=1e-8), steps_of(1), 1, lambda rows: 5 * number.value)
    assert number.value.item() == pytest.approx(-0.05, rel=0.02)


@pytest.mark.parametrize(("steps", "first_bad", "noticed"), [(5, 2, 5), (CHECK_EVERY + 50, 20, CHECK_EVERY)])
def test_a_loss_that_is_not_finite_is_divergence(steps: int, first_bad: int, noticed: int) -> None:
    number, seen = Number(), iter(range(steps))
    with pytest.raises(Diverged, match=f"loss is not finite after {noticed} steps"):
        descend(
            number,
            Optimizer(),
            steps_of(steps),
            steps,
            lambda rows: number.value * (math.nan if next(seen) >= first_bad else 1.0),
        )


def test_a_weight_that_is_not_finite_is_divergence() -> None:
    """The square root has a value at 0, and no gradient."""
    number = Number(0.0)
    with pytest.raises(Diverged, match="weight is not finite after 1 steps"):
        descend(number, Optimizer(), steps_of(1), 1, lambda rows: number.value.sqrt())
