"""A protocol with a world that cannot be, or of an older version, ends with 3 and names task and field."""

import pytest
import yaml


@pytest.fixture
def told(console, toys, toy_file):
    """What a dry run says of the toy protocol with this entry for `toy`."""

    def run(entry, *words, task="toy"):
        rules = yaml.safe_load(toys.read_text())
        usual = rules["tasks"]["toy"]
        toys.write_text(yaml.safe_dump({**rules, "tasks": {task: {**usual, "params": {}, **entry}}}))
        return console("run", "--protocol", toys, "--plugin", toy_file, "--dry-run", *words)

    return run


def test_worlds_that_can_be_are_planned(told):
    worlds = {
        "preserve": {"m": 8},
        "purify": {"k": 6, "alpha": 0.5},
        "dirty": {"kind": "purify", "alpha": 0.0},
        "purify-outside": {"generator": {"rows": 2, "temperature": 0.5}},
        "grow": {"m": 20, "phi": 0.9, "psi": 0.3},
        "mix": {"N": 40, "p_2": 0.2},
    }
    ran = told({"worlds": worlds}, "--method", "toy_blend", "--seeds", 1)
    assert ran.code == 0, ran.err
    assert [line for line in ran.out.splitlines() if "toy_blend" in line] == [
        f"to run: toy_blend on toy/{world}, seed 0" for world in sorted(worlds)
    ]


@pytest.mark.parametrize(
    ("world", "entry", "field"),
    [
        ("purify", {"alpha": 1.5}, "alpha"),
        ("purify", {"alpha": -0.1}, "alpha"),
        ("purify-outside", {"alpha": float("nan")}, "alpha"),
        ("purify", {"alpha": True}, "alpha"),
        ("purify", {"k": 0}, "k"),
        ("purify-outside", {"k": -3}, "k"),
        ("purify", {"k": 2.5}, "k"),
        ("preserve", {"m": 0}, "m"),
        ("grow", {"m": "many"}, "m"),
        ("grow", {"phi": 0}, "phi"),
        ("grow", {"psi": 1.1}, "psi"),
        ("purify", {"missed": -1}, "missed"),
        ("purify", {"false_alarm": 2}, "false_alarm"),
        ("purify", {"generator": {"rows": 2}}, "generator"),
        ("purify-outside", {"generator": {"rows": 1}}, "generator.rows"),
        ("purify-outside", {"generator": {"temperature": 0}}, "generator.temperature"),
        ("mix", {"p_2": 1.2}, "p_2"),
        ("mix", {"generations": 2}, "generations"),
        ("preserve", {"alpha": 0.5}, "alpha"),
        ("preserve", {"generations": 0}, "generations"),
        ("preserve", {"kind": "heal"}, ""),
        ("healing", {}, ""),
        ("preserve", 3, ""),
        ("curve", {}, None),
    ],
)
def test_a_world_that_is_none_is_named_by_task_and_field(told, world, entry, field):
    ran = told({"worlds": {world: entry}})
    assert (ran.code, ran.out) == (3, "")
    key = "tasks.toy.worlds" if field is None else ".".join(filter(None, ("tasks.toy.worlds", world, field)))
    assert f"{key}: " in ran.err.splitlines()[0]
    assert len(ran.err.splitlines()) <= 2


@pytest.mark.parametrize(
    ("worlds", "field"),
    [
        ({"purify": {"k": 8, "alpha": 1.0}}, "purify.k"),  # 4 + 2 * 8 of 10
        ({"purify-outside": {"k": 2, "alpha": 0.5, "generator": {"rows": 9}}}, "purify-outside.generator.rows"),
        ({"grow": {"m": 20}}, "grow.m"),
        ({"preserve": {}, "dirty": {"kind": "purify", "k": 40}}, "dirty.k"),
    ],
)
def test_a_world_that_takes_more_real_rows_than_there_are_is_named(told, worlds, field):
    ran = told({"worlds": worlds}, task="toy_finite")
    assert (ran.code, ran.out) == (3, "")
    assert ran.err.startswith(f"Error: tasks.toy_finite.worlds.{field}: ")
    assert "but toy_finite has 10." in ran.err


def test_a_temperature_that_a_task_cannot_sample_at_is_named(console, toys):
    rules = yaml.safe_load(toys.read_text())
    entry = {"n": 8, "worlds": {"purify-outside": {"generator": {"rows": 2, "temperature": 0.5}}}}
    toys.write_text(yaml.safe_dump({**rules, "tasks": {"cold_task": entry}}))
    with open("cold.py", "w") as file:
        file.write(COLD)
    ran = console("run", "--protocol", toys, "--plugin", "cold.py", "--dry-run")
    assert (ran.code, ran.out) == (3, "")
    assert ran.err.startswith(
        "Error: tasks.cold_task.worlds.purify-outside.generator.temperature is 0.5, but cold_task"
    )


COLD = """
from dataclasses import replace
from collapsebench import task, testing

@task("cold_task")
class Cold(testing.Toy):
    card = replace(testing.Toy.card, supports=frozenset({"sites", "log_prob"}))
"""


@pytest.mark.parametrize("entry", [{"worlds": None}, {"synthetic": 8}, {"generations": 3}])
def test_a_protocol_of_an_older_version_says_once_what_to_change(console, toys, toy_file, entry):
    rules = yaml.safe_load(toys.read_text())
    old = {key: value for key, value in {**rules["tasks"]["toy"], **entry}.items() if key != "worlds"}
    toys.write_text(yaml.safe_dump({**rules, "tasks": {"toy": old, "toy_sgd": old}}))
    ran = console("run", "--protocol", toys, "--plugin", toy_file)
    assert (ran.code, ran.out) == (3, "")
    error, hint = ran.err.splitlines()
    assert error == f"Error: Protocol {toys}: tasks.toy has no `worlds`, as in files of an older version."
    assert hint.startswith("Hint: Write `worlds: {preserve: {}}` below each task; what was `synthetic: M` is")


def test_a_misspelt_key_is_said_before_what_it_leaves_out(console, toys, toy_file):
    toys.write_text(toys.read_text().replace("worlds", "wolrds"))
    ran = console("run", "--protocol", toys, "--plugin", toy_file)
    assert ran.code == 3
    assert "tasks.toy.wolrds: unknown key." in ran.err


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        (["--world", "purfy"], "Unknown world 'purfy' of protocol 'toys' on these tasks.", "Did you mean 'purify'?"),
        (
            ["--world", "preserve,grow"],
            "Unknown world 'grow' of protocol 'toys' on these tasks.",
            "Known: preserve, pur",
        ),
        (["--world", "curve"], "Unknown world 'curve' of protocol 'toys' on these tasks.", "Known: preserve, purify."),
        (["--world", ""], "--world names nothing.", "Leave it out, or write names with commas between them."),
    ],
)
def test_an_unknown_world_ends_with_2_and_the_nearest_name(told, words, message, hint):
    ran = told({"worlds": {"preserve": {}, "purify": {}}}, *words)
    assert (ran.code, ran.out) == (2, "")
    error, said = ran.err.splitlines()
    assert error == f"Error: {message}"
    assert said.startswith(f"Hint: {hint}")


def test_worlds_can_be_chosen_and_learning_curves_come_along(told):
    ran = told({"worlds": {"preserve": {}, "purify": {}}}, "--world", "purify", "--seeds", 1, "--method", "toy_blend")
    settings = {line.partition(" on ")[2] for line in ran.out.splitlines()[:-1]}
    assert settings == {"toy/curve, seed 0", "toy/purify, seed 0"}
    (first, *_) = ran.out.splitlines()
    assert first == "to run: take_newest on toy/curve, seed 0"
