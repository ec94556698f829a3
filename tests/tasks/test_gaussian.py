import math

import pytest
import torch
from scipy.special import digamma

from collapsebench import Corpus, FitConfig, PluginError, Start
from collapsebench.core.method import METHODS
from collapsebench.core.task import TASKS
from collapsebench.testing import tiny_run


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def gaussian(**sizes):
    return TASKS.get("gaussian")(**sizes)


def evaluated(task, rows):
    corpus = Corpus({"x": torch.as_tensor(rows, dtype=torch.float64)})
    learner = task.learner(rng())
    learner.fit(corpus, FitConfig(rng()))
    return task.evaluate(learner, Start(corpus, lambda: learner), rng())


def test_metrics_by_hand():
    # Mean (1, 0), variances 4 and 0.25 along the axes.
    metrics = evaluated(gaussian(d=2), [[3.0, 0.5], [3.0, -0.5], [-1.0, 0.5], [-1.0, -0.5]])
    assert metrics["w2"] == pytest.approx(1 + 1 + 0.25)
    assert metrics["kl"] == pytest.approx(0.5 * (2 / 4 + 1 / 0.25 - 2 + math.log(1.0)))
    assert metrics["mean_sq"] == pytest.approx(1.0)
    assert metrics["trace"] == pytest.approx(4.25)
    assert metrics["det"] == pytest.approx(1.0)


def test_metrics_do_not_depend_on_the_axes():
    g = rng(1)
    rows = torch.randn(30, 4, dtype=torch.float64, generator=g) * torch.tensor([2.0, 1.0, 0.5, 0.1])
    turn = torch.linalg.qr(torch.randn(4, 4, dtype=torch.float64, generator=g)).Q
    assert evaluated(gaussian(d=4), rows @ turn) == pytest.approx(evaluated(gaussian(d=4), rows))


def test_a_collapsed_model_has_a_bounded_primary_metric():
    metrics = evaluated(gaussian(d=2), [[0.0, 0.0]] * 3)
    assert (metrics["w2"], metrics["kl"], metrics["det"]) == (2.0, math.inf, 0.0)


def test_fewer_rows_than_dimensions():
    metrics = evaluated(gaussian(d=5), torch.randn(3, 5, generator=rng()))
    assert math.isfinite(metrics["w2"])
    assert metrics["kl"] == math.inf


def test_verifier_keeps_the_dense_part_of_the_real_distribution():
    task = gaussian(d=2, verifier_quantile=0.5)
    radius = math.sqrt(2 * math.log(2))  # half of a 2-d standard normal is inside
    rows = Corpus({"x": torch.tensor([[radius - 1e-6, 0.0], [0.0, radius + 1e-6]]).double()})
    assert task.verify(rows).tolist() == [True, False]
    task = gaussian()
    assert task.verify(task.real(20_000, rng())).double().mean().item() == pytest.approx(0.9, abs=0.01)


def test_reward_is_the_clipped_distance():
    task = gaussian(d=2, reward_centre=1.0, reward_clip=2.0)
    rows = Corpus({"x": torch.tensor([[1.0, 0.0], [1.0, 1.5], [9.0, 0.0]]).double()})
    assert task.reward(rows).tolist() == [0.0, -1.5, -2.0]


@pytest.mark.parametrize("bad", [{"d": 0}, {"verifier_quantile": 1.0}, {"reward_clip": 0.0}])
def test_bad_sizes_are_named(bad):
    with pytest.raises(PluginError, match=next(iter(bad))):
        gaussian(**bad)


@pytest.mark.parametrize(
    ("method", "world"),
    [
        ("replace", "preserve"),
        ("accumulate", "preserve"),
        ("accumulate_subsample", "preserve"),
        ("take_newest", "purify"),
        ("take_all", "purify"),
    ],
)
@pytest.mark.parametrize("n", [2, 4, 5])
def test_with_no_more_rows_than_dimensions_every_generation_is_a_number(method, world, n):
    run = tiny_run(METHODS.get(method)(), gaussian(d=5), generations=3, n=n, world=world)
    assert all(math.isfinite(record.metrics[name]) for record in run.records for name in ("w2",))


def test_theory_by_hand():
    task = gaussian(d=1)
    one = task.theory("fresh_real", 10, 1)
    assert (one["mean_sq"], one["w2"]) == (pytest.approx([0.1] * 2), task.learning_curve([10, 10]))
    assert one["kl"] == pytest.approx([(10 / 7 + 1 / 7 - 1 + digamma(4.5) + math.log(0.2)) / 2] * 2)
    assert task.theory("replace", 10, 1)["trace"] == pytest.approx([0.9, 0.81])
    assert task.theory("first_teacher", 10, 2)["mean_sq"] == pytest.approx([0.1, 0.19, 0.19])
    assert set(task.theory("accumulate", 10, 2)) == {"trace", "mean_sq"}
    assert set(task.theory("replace", 3, 2)) == {"trace", "mean_sq"}  # the inverse of a spread has no mean
    assert task.theory("tempered", 10, 2) == {}
