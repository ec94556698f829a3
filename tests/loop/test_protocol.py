import math

import pytest

from collapsebench.core.errors import ProtocolError, UsageError
from collapsebench.loop.protocol import Protocol, load_protocol, own_protocol, parse_protocol, shipped_protocols

TEXT = """
name: mine
version: 2
description: A protocol of mine.
generations: 4
seeds: 3
average_last: 2
limits: {candidates: 2}
tasks:
  gaussian: {n: 100, params: {d: 3}, worlds: {preserve: {}}}
  arithmetic:
    n: 64
    worlds:
      preserve: {m: 32, generations: 2}
      dirty: {kind: purify, alpha: 0.1, missed: 0}
    start: previous
    budget: {steps: 10, batch: 8}
    limits: {fresh_real: 0.5}
"""


def test_rules_are_resolved_from_the_task_and_the_protocol():
    protocol = parse_protocol(TEXT, "mine.yaml")

    gaussian, arithmetic = protocol.rules("gaussian"), protocol.rules("arithmetic")

    assert (gaussian.n, gaussian.start, list(gaussian.worlds)) == (100, "scratch", ["preserve"])
    assert (gaussian.params, gaussian.limits.candidates) == ({"d": 3}, 2)
    assert (arithmetic.n, arithmetic.start, list(arithmetic.worlds)) == (64, "previous", ["preserve", "dirty"])
    assert (arithmetic.budget.steps, arithmetic.budget.epochs, arithmetic.budget.batch) == (10, None, 8)
    assert (arithmetic.limits.fresh_real, arithmetic.limits.candidates) == (0.5, 8)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("seeds: 3", "sedes: 3", "sedes: unknown key"),
        ("steps: 10", "stepz: 10", "tasks.arithmetic.budget.stepz: unknown key"),
        ("n: 100", "n: -100", "tasks.gaussian.n: Input should be greater than 1"),
        ("n: 100", "n: many", "tasks.gaussian.n: Input should be a valid integer"),
        ("n: 100, ", "", "tasks.gaussian.n: Field required"),
        ("alpha: 0.1", "alpha: 1.5", "tasks.arithmetic.worlds.dirty.alpha: Input should be less than or equal to 1"),
        ("alpha: 0.1", "alpha: -0.5", "tasks.arithmetic.worlds.dirty.alpha: Input should be greater than or equal to"),
        ("alpha: 0.1", "k: 0", "tasks.arithmetic.worlds.dirty.k: Input should be greater than 0"),
        ("alpha: 0.1", "m: 5", "tasks.arithmetic.worlds.dirty.m: unknown key"),
        ("missed: 0", "missed: 2", "tasks.arithmetic.worlds.dirty.missed: Input should be less than or equal to 1"),
        ("missed: 0", "phi: 0", "tasks.arithmetic.worlds.dirty.phi: Input should be greater than 0"),
        ("kind: purify", "kind: purefy", "tasks.arithmetic.worlds.dirty: Input tag 'purefy'"),
        ("kind: purify, ", "", "tasks.arithmetic.worlds.dirty: Input tag 'dirty'"),
        ("dirty:", "curve:", "tasks.arithmetic.worlds: Value error, 'curve' is the world of the learning curve"),
        ("dirty:", "'dirty world':", "tasks.arithmetic.worlds.dirty world"),
        ("worlds: {preserve: {}}", "worlds: {}", "tasks.gaussian.worlds: Dictionary should have at least 1 item"),
        ("worlds: {preserve: {}}", "worlds: 5", "tasks.gaussian.worlds: Input should be a valid dictionary"),
        ("worlds: {preserve: {}}", "worlds: {preserve: 5}", "tasks.gaussian.worlds.preserve: Input should be"),
        (", generations: 2", ", generations: 0", "tasks.arithmetic.worlds.preserve.generations: Input should be gre"),
        ("n: 64", "n: 64\n    synthetic: 32", "tasks.arithmetic.synthetic: unknown key"),
        ("seeds: 3", "seeds: 0", "seeds: Input should be greater than 0"),
        ("fresh_real: 0.5", "fresh_real: -1", "tasks.arithmetic.limits.fresh_real: Input should be greater"),
        ("candidates: 2", "candidates: .inf", "limits.candidates: Input should be a finite number"),
        ("start: previous", "start: middle", "tasks.arithmetic.start: String should match"),
        ("steps: 10", "steps: 10, epochs: 1", "give either steps or epochs"),
        ("average_last: 2", "average_last: 3", "average_last: at most the number of generations, 2"),
        ("name: mine", "name: My Board", "name: String should match"),
        ("name: mine", f"name: {'a' * 5000}", "name: String should have at most 64 characters"),
        ("n: 100", "n: true", "tasks.gaussian.n: Input should be a valid integer"),
        ("n: 100", "n: 1", "tasks.gaussian.n: Input should be greater than 1"),
        ("n: 100", 'n: "100"', "tasks.gaussian.n: Input should be a valid integer"),
        ("candidates: 2", "candidates: true", "limits.candidates: Input should be a valid number"),
        ("seeds: 3", "seeds: 1000000000", "seeds: Input should be less than or equal to 100000"),
        ("seeds: 3", "seeds: 3\nseeds: 4", "the key 'seeds' stands twice"),
        ("d: 3", "d: 3, d: 4", "the key 'd' stands twice"),
        ("d: 3", "d: !!binary gA==", "params cannot be written as JSON: Error serializing"),
        ("d: 3", f"d: {'9' * 5000}", "is not YAML: Exceeds the limit"),
        ("A protocol of mine.", "2026-13-45", "is not YAML: month must be in 1..12"),
    ],
)
def test_a_wrong_key_or_size_is_named(old, new, said):
    with pytest.raises(ProtocolError) as error:
        parse_protocol(TEXT.replace(old, new), "mine.yaml")
    assert error.value.message.startswith("Protocol mine.yaml")
    assert said in error.value.message
    assert (error.value.exit_code, error.value.message.count("\n")) == (3, 0)


@pytest.mark.parametrize("depth", [500, 20_000])
def test_deep_nesting_is_refused(depth):
    text = TEXT.replace("d: 3", f"d: {'[' * depth}{']' * depth}")
    with pytest.raises(ProtocolError, match=r"params cannot be written as JSON|nested too deeply"):
        parse_protocol(text, "mine.yaml")


def test_what_is_nested_less_deeply_travels_to_a_worker():
    protocol = parse_protocol(TEXT.replace("d: 3", f"d: {'[' * 50}{']' * 50}"), "mine.yaml")
    assert Protocol.model_validate_json(protocol.model_dump_json()) == protocol


@pytest.mark.parametrize("text", ["tasks: {", "- a\n- b\n", "", "a: b: c"])
def test_what_is_not_a_mapping_in_yaml_is_refused_in_one_line(text):
    with pytest.raises(ProtocolError, match=r"Protocol mine\.yaml is not") as error:
        parse_protocol(text, "mine.yaml")
    assert "\n" not in error.value.message


@pytest.mark.parametrize(
    ("old", "new", "task"),
    [
        (", worlds: {preserve: {}}", "", "gaussian"),
        (", worlds: {preserve: {}}", ", synthetic: 50, generations: 3", "gaussian"),
        (
            TEXT[TEXT.index("    worlds:") : TEXT.index("    start:")],
            "    synthetic: 32\n",
            "arithmetic",
        ),
    ],
)
def test_a_file_of_the_time_before_worlds_is_told_what_to_write(old, new, task):
    with pytest.raises(ProtocolError) as error:
        parse_protocol(TEXT.replace(old, new), "old.yaml")
    assert error.value.message == f"Protocol old.yaml: tasks.{task} has no `worlds`, as in files of an older version."
    assert "`worlds: {preserve: {}}`" in error.value.hint
    assert "`synthetic: M` is `preserve: {m: M}` now" in error.value.hint
    assert error.value.exit_code == 3


def test_the_average_is_over_generations_that_every_world_but_a_mix_has():
    mixed = TEXT.replace("worlds: {preserve: {}}", "worlds: {preserve: {}, mix: {}}")
    assert parse_protocol(mixed, "mine.yaml").world("gaussian", "mix").generations == 1
    with pytest.raises(ProtocolError, match="average_last: at most the number of generations, 1"):
        parse_protocol(mixed.replace("generations: 2", "generations: 1"), "mine.yaml")


def test_a_misspelt_key_is_named_rather_than_an_old_file_suspected():
    with pytest.raises(ProtocolError, match=r"tasks\.gaussian\.wolds: unknown key"):
        parse_protocol(TEXT.replace("worlds: {preserve: {}}", "wolds: {preserve: {}}"), "mine.yaml")


def test_a_protocol_without_tasks_is_refused():
    with pytest.raises(ProtocolError, match="name at least one task"):
        parse_protocol(TEXT.partition("tasks:")[0] + "tasks: {}", "mine.yaml")


def test_a_task_that_is_not_scored_gets_the_nearest_one():
    with pytest.raises(UsageError, match="Unknown task 'gausian' of protocol 'mine'") as error:
        parse_protocol(TEXT, "mine.yaml").rules("gausian")
    assert error.value.hint == "Did you mean 'gaussian'?"


def test_the_digest_depends_on_the_rules_and_not_on_words_or_layout():
    def digest(text):
        return parse_protocol(text, "mine.yaml").digest()

    same = TEXT.replace("A protocol of mine.", "Other words.").replace(
        "{n: 100, params: {d: 3}, ", "{params: {d: 3}, n: 100, "
    )
    assert digest(same) == digest(TEXT)
    changes = {
        "version: 2": "version: 3",
        "seeds: 3": "seeds: 4",
        "steps: 10": "steps: 11",
        "{d: 3}": "{d: 4}",
        "alpha: 0.1": "k: 5",
    }
    assert len({digest(TEXT.replace(*change)) for change in changes.items()} | {digest(TEXT)}) == 6


def test_the_rules_of_a_task_have_their_own_digest():
    protocol = parse_protocol(TEXT, "mine.yaml")
    renamed = parse_protocol(TEXT.replace("seeds: 3", "seeds: 9"), "mine.yaml")
    assert protocol.rules("gaussian").digest() == renamed.rules("gaussian").digest()
    assert protocol.rules("gaussian").digest() != protocol.rules("arithmetic").digest()
    dirtier = parse_protocol(TEXT.replace("alpha: 0.1", "alpha: 0.05"), "mine.yaml")  # worlds have digests of their own
    assert protocol.rules("arithmetic").digest() == dirtier.rules("arithmetic").digest()


def test_a_protocol_survives_the_trip_to_a_worker():
    protocol = parse_protocol(TEXT.replace("d: 3", "d: 3, limit: .inf"), "mine.yaml")
    back = Protocol.model_validate_json(protocol.model_dump_json())
    assert back == protocol
    assert back.digest() == protocol.digest()
    assert math.isinf(back.rules("gaussian").params["limit"])


def test_shipped_protocols_load_by_name():
    assert "quick" in shipped_protocols()
    for name in shipped_protocols():
        protocol = load_protocol(name)
        assert protocol.name == name
        assert all(protocol.rules(task).worlds for task in protocol.tasks)


def test_a_users_protocol_loads_by_path(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(TEXT)
    assert load_protocol(str(path)).name == "mine"


def test_an_unknown_protocol_gets_the_nearest_one(tmp_path):
    with pytest.raises(UsageError, match="Unknown protocol 'quik'") as error:
        load_protocol("quik")
    assert error.value.hint == "Did you mean 'quick'?"
    with pytest.raises(UsageError, match="Unknown protocol file"):
        load_protocol(str(tmp_path / "missing.yaml"))


def test_a_file_that_is_not_text_is_refused(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ProtocolError, match="is not"):
        load_protocol(str(path))


def test_what_lm_eval_measures_besides_changes_no_digest_of_rules():
    plain = parse_protocol(TEXT, "mine.yaml")
    besides = parse_protocol(TEXT.replace("n: 64", "n: 64\n    lm_eval: [piqa]\n    lm_eval_limit: 50"), "mine.yaml")

    assert besides.rules("arithmetic").lm_eval == ("piqa",)
    assert besides.digest() == plain.digest()
    assert besides.rules("arithmetic").digest() == plain.rules("arithmetic").digest()

    more = besides.with_lm_eval(["arithmetic"], ["boolq", "piqa"], None)
    assert (more.rules("arithmetic").lm_eval, more.rules("arithmetic").lm_eval_limit) == (("piqa", "boolq"), 50)
    assert more.rules("gaussian").lm_eval == ()


@pytest.mark.parametrize(
    ("rules", "problem"),
    [({"nn": 50}, "tasks.mine.nn: unknown key"), ({"seeds": "five"}, "seeds: "), ({"seeds": True}, "seeds: ")],
)
def test_rules_of_a_task_are_refused_as_those_of_a_protocol_are(rules, problem):
    with pytest.raises(ProtocolError, match=problem) as refused:
        own_protocol({"mine": rules, "other": {"seeds": 2}})
    assert refused.value.hint == "Mend `rules` in the task's file."
