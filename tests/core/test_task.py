import pytest
import torch

from collapsebench import Corpus, PluginError, Start, TaskCard
from collapsebench.core.seeds import generator


def test_a_card_describes_every_metric_that_the_board_shows():
    card = TaskCard("T", "vector", "nll", "nats", {"nll": "loss", "acc": "accuracy"}, shown=("acc",))
    assert card.primary in card.metrics
    with pytest.raises(PluginError, match="does not describe its metrics acc, nll"):
        TaskCard("T", "vector", "nll", "nats", {}, shown=("acc",))


def test_a_card_that_supports_something_unknown_is_refused():
    with pytest.raises(PluginError, match="unknown support: verifiers"):
        TaskCard("T", "vector", "nll", "nats", {"nll": "loss"}, supports={"verifiers"})


def test_the_toy_task_is_its_numbers(toy):
    task = toy.Toy()
    assert task.real(3, generator(0))["x"].tolist() == [1, 2, 3]
    assert task.params() == {"noise": 0.0, "limit": 1e6, "nan_above": 1e6}
    learner = toy.Mean(2.5, 0.0, 1e6)
    start = Start(task.real(3, generator(0)), lambda: learner)
    assert task.evaluate(learner, start, generator(0))["error"] == 0.5


def test_what_a_task_does_not_offer_is_named(toy):
    class Plain(toy.Toy):
        verify = toy.Task.verify
        reward = toy.Task.reward
        prior = toy.Task.prior

    task, rows = Plain(), Corpus({"x": torch.zeros(1)})
    for attribute, call in {
        "verifier": lambda: task.verify(rows),
        "reward": lambda: task.reward(rows),
        "prior": lambda: task.prior(generator(0)),
    }.items():
        with pytest.raises(PluginError, match=f"Task 'toy' has no {attribute}"):
            call()
    assert task.conditions(3, generator(0)) is None
    assert toy.Task.theory(task, "replace", 3, 5) == []


def test_examples_are_rendered_one_per_line(toy):
    corpus = Corpus({"x": torch.tensor([[1.0, 0.123456], [3.0, 4.0]]), "label": torch.tensor([0, 1])})
    assert toy.Toy().render(corpus) == ["x=[1 0.123]  label=[0]", "x=[3 4]  label=[1]"]
    long = toy.Toy().render(Corpus({"x": torch.arange(20.0).reshape(1, 20)}))
    assert long == ["x=[0 1 2 3 4 5 6 7 8 9 10 11 ...]"]
