import math
from dataclasses import fields

import pytest
import torch

from collapsebench import Corpus, Metric, PluginError, Task, TaskCard
from collapsebench.core.errors import BadParameter
from collapsebench.core.seeds import generator
from collapsebench.testing import Toy


def test_a_card_describes_every_metric_that_the_board_shows():
    card = TaskCard(
        "T", "vector", "nll", "nats", {"nll": Metric("loss"), "acc": Metric("accuracy", 0, 1)}, shown=("acc",)
    )
    assert card.primary in card.metrics
    with pytest.raises(PluginError, match="does not describe its metrics acc, nll"):
        TaskCard("T", "vector", "nll", "nats", {}, shown=("acc",))


def test_a_card_that_supports_something_unknown_is_refused():
    with pytest.raises(PluginError, match="unknown support: verifiers"):
        TaskCard("T", "vector", "nll", "nats", {"nll": Metric("loss")}, supports={"verifiers"})


def test_a_metric_has_finite_bounds_that_leave_room():
    metric = Metric("loss", 0)
    assert (metric.low, metric.high) == (0.0, 1e12)
    for low, high in ((0, math.inf), (-2e12, 0), (math.nan, 1)):
        with pytest.raises(BadParameter, match=r"Parameter (low|high)="):
            Metric("loss", low, high)
    with pytest.raises(PluginError, match="range is 1 to 1, which holds nothing"):
        Metric("loss", 1, 1)
    with pytest.raises(BadParameter, match="Metric"):
        TaskCard("T", "vector", "nll", "nats", {"nll": "loss"})


def test_sizes_are_parameters_by_name_with_their_defaults():
    assert Toy(noise=0.5).params()["noise"] == 0.5
    assert Toy().params() == {f.name: f.default for f in fields(Toy)}


def test_what_a_task_does_not_offer_is_named():
    class Plain(Toy):
        verify, reward, prior = Task.verify, Task.reward, Task.prior

    task, rows = Plain(), Corpus({"x": torch.zeros(1)})
    for attribute, call in {
        "verifier": lambda: task.verify(rows),
        "reward": lambda: task.reward(rows),
        "prior": lambda: task.prior(generator(0)),
    }.items():
        with pytest.raises(PluginError, match=f"Task 'toy' has no {attribute}"):
            call()
    assert task.conditions(3, generator(0)) is None
    assert Task.theory(task, "replace", 3, 5) == {}


def test_examples_are_rendered_one_per_line():
    corpus = Corpus({"x": torch.tensor([[1.0, 0.123456], [3.0, 4.0]]), "label": torch.tensor([0, 1])})
    assert Toy().render(corpus) == ["x=[1 0.123]  label=[0]", "x=[3 4]  label=[1]"]
    long = Toy().render(Corpus({"x": torch.arange(20.0).reshape(1, 20)}))
    assert long == ["x=[0 1 2 3 4 5 6 7 8 9 10 11 ...]"]
