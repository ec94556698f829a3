import torch

from collapsebench import FitConfig
from collapsebench.core.task import TASKS


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def test_each_digit_is_labelled_unlabelled_reserved_or_held_out():
    task = TASKS.get("digits_labels")().prepared(60, rng())
    parts = task.parts()
    assert len(parts.labelled) == task.card.population
    assert [len(part) for part in parts] == [799, 499, 99, 400]
    images = torch.cat([part["image"] for part in parts]).unique(dim=0)
    assert len(images) == 1797  # nobody gets another's
    assert all(len(part["label"].unique()) == 10 for part in parts)


def test_a_model_of_more_rows_labels_better():
    task = TASKS.get("digits_labels")()
    found = []
    for n in (40, 700):
        learner = task.learner(rng(1))
        learner.fit(task.real(n, rng(2)), FitConfig(rng(3)))
        found.append(task.evaluate(learner, None, rng(4)))
    few, many = found
    assert few["mse"] > 1.5 * many["mse"]
    assert many["error"] < 0.1
    assert many["diversity_ratio"] > 0.95


def test_a_digit_is_drawn_in_full_contrast():
    task = TASKS.get("digits_labels")()
    assert task.pictures(task.real(50, rng())).max() == 255
