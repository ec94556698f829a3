"""A world as a protocol file writes it, with its defaults filled in."""

import pytest

from collapsebench.loop.protocol import single_task
from collapsebench.loop.world import curve


def world(name, n=50, **entry):
    return single_task("gaussian", 5, n=n, worlds={name: entry}).world("gaussian", name)


def told(found, *fields):
    return tuple(getattr(found, field) for field in fields)


ARRIVE = ("arrivals", "alpha", "real", "generator", "generator_rows", "temperature", "generations")


@pytest.mark.parametrize(
    ("kind", "defaults"),
    [
        # of n = 50 and a protocol of 5 generations
        ("preserve", (50, 0, 0, "own", None, None, 5)),
        ("purify", (50, 0.5, 25, "own", None, None, 5)),
        ("purify-outside", (50, 0.5, 25, "outside", 25, 0.8, 5)),
        ("grow", (250, 0, 0, "own", None, None, 5)),
        ("mix", (50, 0.5, 25, "outside", 25, 0.8, 1)),
    ],
)
def test_what_arrives_by_default(kind, defaults):
    found = world(kind)
    assert told(found, *ARRIVE) == defaults
    assert told(found, "phi", "psi", "missed", "false_alarm") == (1, 0, 0.1, 0.1)
    assert found.kind == found.name == kind


@pytest.mark.parametrize(
    ("kind", "entry", "arrive"),
    [
        ("preserve", {"m": 7}, (7, 0, 0, "own", None, None, 5)),
        ("purify", {"k": 10, "alpha": 0.3, "generations": 2}, (10, 0.3, 3, "own", None, None, 2)),
        ("purify-outside", {"k": 10, "generator": {"rows": 8}}, (10, 0.5, 5, "outside", 8, 0.8, 5)),
        ("grow", {"m": 60}, (60, 0, 0, "own", None, None, 5)),
        (
            "mix",
            {"N": 10, "p_2": 0.2, "generator": {"temperature": 1.0}},
            (10, 0.8, 8, "outside", 25, 1.0, 1),
        ),
    ],
)
def test_what_arrives_as_the_file_says(kind, entry, arrive):
    assert told(world(kind, **entry), *ARRIVE) == arrive


def test_the_verifier_and_the_marks_are_the_worlds():
    found = world("grow", phi=0.9, psi=0.3, missed=0.0, false_alarm=1.0)
    assert told(found, "phi", "psi", "missed", "false_alarm") == (0.9, 0.3, 0, 1)


def test_a_small_task_still_has_an_outside_generator_of_two_rows():
    assert world("purify-outside", n=3).generator_rows == 2


def test_a_world_with_a_name_of_its_own_says_its_kind():
    found = world("purify-dirty", kind="purify", alpha=0.1)
    assert (found.name, found.kind, found.question.name, found.real) == ("purify-dirty", "purify", "purify", 5)


@pytest.mark.parametrize(
    ("kind", "entry", "extends"),
    [
        ("preserve", {}, True),
        ("grow", {}, True),
        ("purify", {}, False),
        ("purify", {"alpha": 0.0}, True),
        ("purify-outside", {"alpha": 0.0}, False),
    ],
)
def test_more_draws_of_the_newest_model_extend_what_arrives_where_all_of_it_is_the_models(kind, entry, extends):
    assert world(kind, **entry).extends is extends


def test_the_digest_is_of_what_arrives_and_not_of_the_name():
    assert world("dirty", kind="purify").digest() == world("purify").digest()
    different = [
        world("purify"),
        world("preserve"),
        world("purify", alpha=0.25),
        world("purify", k=49),
        world("purify", generations=4),
        world("purify", psi=0.1),
        world("purify", missed=0.2),
        world("purify-outside"),
        world("purify-outside", generator={"rows": 24}),
        world("purify-outside", generator={"temperature": 1.0}),
        curve(50, None),
        curve(51, None),
        curve(50, 100),
    ]
    assert len({found.digest() for found in different}) == len(different) - 1  # the sizes around 50 and 51 are the same


@pytest.mark.parametrize(
    ("n", "population", "sizes"),
    [
        (32, None, [2, 4, 8, 16, 64, 128, 256, 512]),
        (32, 512, [2, 4, 8, 16, 64, 128, 256, 512]),
        (32, 511, [2, 4, 8, 16, 64, 128, 256]),
        (32, 40, [2, 4, 8, 16]),
        (4, None, [2, 8, 16, 32, 64]),
    ],
)
def test_sizes_of_the_learning_curve(n, population, sizes):
    found = curve(n, population)
    assert [round(multiple * n) for multiple in found.multiples] == sizes
    assert (found.generations, found.arrivals, found.generator) == (len(sizes), 0, "none")
