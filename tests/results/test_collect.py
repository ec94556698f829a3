"""What a file of records lacks of the cells that its entries owe."""

import pytest

from collapsebench.results.collect import commands, in_words, missing_places


@pytest.fixture
def rules(toy, make_protocol):
    """Two tasks, one seed; three worlds on the first of them."""
    entry = {"n": 4, "budget": {"steps": 5, "batch": 2}}
    worlds = {"preserve": {}, "purify": {}, "grow": {"m": 8}}
    tasks = {"toy": {**entry, "worlds": worlds}, "toy_sgd": {**entry, "worlds": {"preserve": {}}}}
    return make_protocol(seeds=1, tasks=tasks)


def lacking(make_result, rules, method, world="preserve"):
    """Settings that a file lacks in which the method has one cell, on `toy`."""
    worlds = {"worlds": {"preserve": {}, "purify": {}, "grow": {"m": 8}}}
    result = make_result(method, world=world, rules=worlds)
    return [f"{task}/{world}" for _, task, world, _ in missing_places([result], rules)]


def test_a_method_owes_every_world_of_every_task_but_no_learning_curve(make_result, rules):
    assert lacking(make_result, rules, "toy_blend") == ["toy/purify", "toy/grow", "toy_sgd/preserve"]


@pytest.mark.parametrize(
    ("reference", "world", "owed"),
    [
        ("replace", "preserve", ["toy_sgd/preserve"]),
        ("frozen", "preserve", ["toy/purify", "toy/grow", "toy_sgd/preserve"]),
        ("take_newest", "purify", ["toy/curve", "toy_sgd/curve"]),
    ],
)
def test_a_reference_owes_the_worlds_of_its_questions_and_learning_curves(make_result, rules, reference, world, owed):
    assert lacking(make_result, rules, reference, world) == owed


def test_what_is_missing_is_said_by_setting_with_the_command_that_runs_it(rules):
    places = [("a", "toy", "purify", 0), ("a", "toy", "purify", 1), ("a", "toy", "grow", 0), ("b", "toy", "curve", 1)]
    assert (
        in_words(places) == "a lacks seeds 0, 1 on toy/purify; a lacks seed 0 on toy/grow; b lacks seed 1 on toy/curve"
    )
    assert commands(places, rules, "toys.yaml") == [
        "collapsebench run --method a --task toy --world purify,grow --protocol toys.yaml",
        "collapsebench run --method b --task toy --protocol toys.yaml",
    ]


def test_a_method_that_lacks_every_world_runs_without_naming_them(rules):
    places = [("a", "toy", world, 0) for world in ("preserve", "purify", "grow")]
    assert commands(places, rules, "quick") == ["collapsebench run --method a --task toy --protocol quick"]
