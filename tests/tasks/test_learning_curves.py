"""The closed forms of plain training on real rows, by hand and against simulation."""

import math
import statistics

import pytest
import torch

from collapsebench import FitConfig, Start
from collapsebench.core.task import TASKS


def task(name, **sizes):
    return TASKS.get(name)(**sizes)


def test_categorical_by_hand():
    """Two tokens at 2/3 and 1/3: ‖P*‖² = 5/9. One row of each of two contexts, then of one only, then none."""
    law = task("categorical", contexts=2, tokens=2, support=2)
    away = 5 / 9 - 1 / 2
    assert law.learning_curve([4, 2, 1, 0]) == pytest.approx([2 / 9, 4 / 9, (4 / 9 + away) / 2, away])
    smooth = task("categorical", contexts=1, tokens=2, support=2, smoothing=1.0)
    assert smooth.learning_curve([3]) == pytest.approx([(3 * 4 / 9 + away) / 16])


def test_regression_by_hand():
    line = task("regression", d=4, sigma2=3.0)
    assert line.learning_curve([7, 13, 2]) == [3 * 4 / 2, 3 * 4 / 8, 0.5 + 3 * 2 / 1]
    for size in (3, 4, 5):
        assert line.learning_curve([7, size]) == []
    assert task("regression", d=4, decay=1.0).learning_curve([2]) == []
    assert task("regression", d=4, decay=1.0).learning_curve([7]) == [2.0]
    assert task("shifted_regression", d=4, sigma2=3.0).learning_curve([7]) == [6.0]


def test_gaussian_by_hand():
    """Two rows of N(0, 1) have s = |x − y|/2, whose mean is 1/√π."""
    assert task("gaussian", d=1).learning_curve([2]) == pytest.approx([2 - 2 / math.sqrt(math.pi)])
    assert task("gaussian", d=3).learning_curve([1]) == [6.0]  # a point: all of d, and as much of the mean


@pytest.mark.parametrize(("n", "d"), [(2, 1), (41, 1), (2, 6)])
def test_a_single_singular_value_has_the_mean_of_a_chi_variable(n, d):
    """G has one row or one column, whose norm is χ of the other dimension."""
    k = max(n - 1, d)
    chi = math.sqrt(2) * math.exp(math.lgamma((k + 1) / 2) - math.lgamma(k / 2))
    assert task("gaussian", d=d).learning_curve([n]) == pytest.approx([2 * d - 2 * chi / math.sqrt(n)], rel=1e-12)


@pytest.mark.parametrize(
    ("name", "sizes"),
    [
        ("kde", {}),
        ("regression", {"ridge": 0.1}),
        ("regression", {"width": 3}),
        ("regression", {"inputs": "signs"}),
        ("shifted_regression", {"ridge": 0.1}),
    ],
)
def test_without_a_closed_form_there_is_no_curve(name, sizes):
    assert task(name, **sizes).learning_curve([200, 400]) == []


@pytest.mark.parametrize(
    ("name", "sizes", "rows"),
    [
        ("gaussian", {"d": 1}, [2, 7, 40]),
        ("gaussian", {"d": 4}, [2, 5, 40]),
        ("gaussian", {"d": 7}, [9, 30]),
        ("regression", {"d": 5}, [2, 9, 40]),
        ("regression", {"d": 5, "decay": 1.0}, [9, 40]),
        ("shifted_regression", {"d": 5}, [2, 9]),
        ("categorical", {"contexts": 4, "tokens": 8, "support": 6}, [3, 8, 10, 40]),
        ("categorical", {"contexts": 4, "tokens": 8, "support": 6, "smoothing": 2.0}, [3, 8, 10]),
    ],
)
def test_plain_training_costs_what_the_curve_says(name, sizes, rows):
    """Means of 2,000 fits on new real rows lie within four standard errors."""
    made, rng = task(name, **sizes), torch.Generator().manual_seed(0)
    for size, expected in zip(rows, made.learning_curve(rows), strict=True):
        losses = []
        for _ in range(2000):
            real, learner = made.real(size, rng), made.learner(rng)
            learner.fit(real, FitConfig(rng))
            losses.append(made.evaluate(learner, Start(real, lambda: None), rng)[made.card.primary])
        error = statistics.stdev(losses) / math.sqrt(len(losses))
        assert abs(statistics.mean(losses) - expected) < 4 * error, (size, expected)
