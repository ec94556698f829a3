"""Closed forms measured through the protocol's own loop, with the real tasks and methods, on few seeds."""

import numpy as np
import pytest

from collapsebench import laws
from collapsebench.loop.cell import Cell
from collapsebench.loop.lineage import Lineage
from collapsebench.loop.plugins import make_method, make_task
from collapsebench.loop.protocol import single_task


def curves(task, method, metric, *, n, generations, seeds, sizes=None, params=None, **entry):
    """A metric of whole cells, float `[seeds, G + 1]`."""
    rules = single_task(task, generations, n=n, params=sizes or {}, **entry)
    plugins = make_task(task, sizes or {}), make_method(method, params or {})
    cells = [Cell(rules, *plugins, seed) for seed in range(seeds)]
    return np.array([[r.metrics[metric] for r in Lineage(cell, store=None).generations()] for cell in cells])


def worst_z(measured, theory):
    standard_error = measured.std(0, ddof=1) / np.sqrt(len(measured))
    return np.abs((measured.mean(0) - theory) / standard_error).max()


@pytest.mark.parametrize(("method", "law"), [("replace", laws.kde_replace), ("accumulate", laws.kde_accumulate)])
def test_second_moment_of_a_kernel_density(method, law):
    measured = curves("kde", method, "second_moment", n=30, generations=4, seeds=100, sizes={"heldout": 1})
    assert law(1.0, 0.5, 1)[1] == pytest.approx({"replace": 1.5, "accumulate": 1.375}[method])
    assert worst_z(measured, law(1.0, 0.5, 4)) < 4


@pytest.mark.parametrize("design", ["fixed", "fresh"])
@pytest.mark.parametrize("method", ["replace", "accumulate"])
def test_error_of_least_squares(method, design):
    sizes, n = {"d": 5, "design": design, "decay": 0.5}, 30
    measured = curves("regression", method, "error", n=n, generations=4, seeds=200, sizes=sizes)
    theory = make_task("regression", sizes).theory(method, n, 4)
    assert theory[0] == pytest.approx(5 / 24)
    assert worst_z(measured, theory) < 4


@pytest.mark.parametrize("method", ["replace", "accumulate", "accumulate_subsample", "fresh_mix"])
@pytest.mark.parametrize(("task", "metric"), [("gaussian", "w2"), ("regression", "error"), ("regression", "train_mse")])
@pytest.mark.parametrize("n", [1, 4, 5])
def test_with_no_more_rows_than_dimensions_every_generation_is_a_number(task, metric, method, n):
    assert np.isfinite(curves(task, method, metric, n=n, generations=3, seeds=2, sizes={"d": 5})).all()


@pytest.mark.parametrize("prior", ["fixed", "self"])
@pytest.mark.parametrize("schedule", ["random", "disjoint"])
def test_error_after_label_edits(prior, schedule):
    n, d, steps = 120, 4, 3
    params = {"schedule": schedule, "share": 1 / steps, "prior": prior, "threshold": 1.0}
    measured = curves("regression", "token_edit", "error", n=n, generations=4, seeds=120, sizes={"d": d}, params=params)
    rng = np.random.default_rng(0)
    if schedule == "disjoint":
        masks = [np.arange(n) % steps == t for t in range(4)]  # the fourth edits nothing
        draws = [masks] * 40
    else:
        draws = [[rng.permutation(n) < n // steps for _ in range(4)] for _ in range(40)]
    exact = np.mean([laws.edit_given_design(rng.standard_normal((n, d)), masks, prior) for masks in draws], axis=0)
    assert worst_z(measured, exact) < 4


@pytest.mark.parametrize("r", [0.5, 1, 4])
def test_variance_with_the_golden_weight(r):
    n, d, m = 100, 20, round(100 * r)
    measured = curves("gaussian", "golden_ratio", "mean_sq", n=n, generations=8, seeds=60, sizes={"d": d}, synthetic=m)
    weight = laws.golden_weight(r)
    expected = laws.weighted_variance(r, weight, 8)
    assert measured[:, 4:].mean() * n / d == pytest.approx(expected[4:].mean(), rel=0.05)
    assert expected[-1] == pytest.approx(weight, rel=0.02)


def test_variance_when_everything_is_pooled_without_weights():
    n, d, pooled = 100, 20, {"alpha": 0.5, "size": 2, "draws": "counts"}
    measured = curves("gaussian", "fresh_mix", "mean_sq", n=n, generations=8, seeds=60, sizes={"d": d}, params=pooled)
    assert measured[:, 4:].mean() * n / d == pytest.approx(laws.weighted_variance_limit(1, 0.5), rel=0.05)


@pytest.mark.parametrize("draws", ["mixture", "counts"])
def test_error_with_a_schedule_of_fresh_draws(draws):
    sizes = {"contexts": 1, "tokens": 12, "support": 12}
    params = {"alpha": 0.5, "decay": 1.0, "growth": 0.5, "draws": draws}
    n, generations = 48, 4
    measured = curves(
        "categorical", "fresh_mix", "l2", n=n, generations=generations, seeds=150, sizes=sizes, params=params
    )
    counts = [n] + [round(n * t**0.5) for t in range(1, 5)]
    shares = [round(0.5 / t * counts[t]) / counts[t] if draws == "counts" else 0.5 / t for t in range(1, 5)]
    assert worst_z(measured, laws.categorical_error(laws.zipf(12), counts, shares, draws)) < 4


@pytest.mark.parametrize(
    ("n", "real_share", "sizes"),
    [
        (200, 0.8, {"d": 50, "c2": 0.4}),
        (75, 0.5, {"d": 50, "c2": 0.5, "ridge": 0.3}),
        (150, 0.7, {"d": 50, "c2": 0.3, "ridge": 0.01, "decay": 1.0}),
    ],
)
def test_error_of_one_shot_mixing_with_shifted_labels(n, real_share, sizes):
    measured = curves(
        "shifted_regression",
        "real_mix",
        "error",
        n=n,
        generations=1,
        seeds=150,
        sizes=sizes,
        params={"alpha": real_share},
    )
    d = sizes["d"]
    spectrum = np.arange(1.0, d + 1) ** -sizes.get("decay", 0.0)
    for t, share in enumerate([0.0, 1 - real_share]):
        theory = laws.shifted_ridge_error(
            spectrum, 1 / d, sizes["c2"] / d, n=n, synthetic_share=share, ridge=sizes.get("ridge", 0.0), sigma2=0.1
        )
        assert measured[:, t].mean() == pytest.approx(theory, rel=0.06)


def test_double_descent_over_random_projections():
    # As many projections as rows is worst; the part that the shift costs grows with the width below that.
    def error(width, c2):
        sizes = {"d": 100, "c2": c2, "width": width}
        return np.median(
            curves(
                "shifted_regression",
                "real_mix",
                "error",
                n=40,
                generations=1,
                seeds=40,
                sizes=sizes,
                params={"alpha": 0.5},
            )[:, 1]
        )

    few, as_many, more = (error(width, 1.0) for width in (10, 40, 100))
    assert as_many > 3 * max(few, more)
    floors = [error(width, 4.0) - error(width, 0.0) for width in (2, 8, 20)]
    assert floors == sorted(floors)
