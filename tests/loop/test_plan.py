from dataclasses import replace

import pytest

from collapsebench import MethodCard
from collapsebench.core.errors import PluginError, ProtocolError, UsageError
from collapsebench.core.method import references
from collapsebench.loop.plan import build_cell, check_start, enumerate_cells
from collapsebench.loop.plugins import make_method


def lineup(cells, world):
    """Labels of the first seed in a world, in order."""
    return [cell.method.label for cell in cells if (cell.seed, cell.world_name) == (0, world)]


def test_a_run_has_the_learning_curve_the_references_of_each_world_once_and_every_seed(toy, make_protocol):
    methods = [make_method("toy_blend", {}), make_method("replace", {}), make_method("toy_blend", {"share": "0.25"})]
    worlds = {"preserve": {}, "dirty": {"kind": "purify", "alpha": 0.25}}
    cells = enumerate_cells(make_protocol({"worlds": worlds}), methods, ["toy"])

    asked = ["toy_blend", "toy_blend(share=0.25)"]
    assert list(dict.fromkeys(cell.world_name for cell in cells)) == ["curve", "preserve", "dirty"]
    assert lineup(cells, "curve") == ["take_newest"]
    assert lineup(cells, "preserve") == [*references("preserve"), *asked]
    assert lineup(cells, "dirty") == [*references("purify"), *asked]  # in which `replace` is no reference
    assert [cell.seed for cell in cells if cell.place[:3] == ("replace", "toy", "preserve")] == [0, 1]
    assert {cell.task.name for cell in cells} == {"toy"}


def test_all_tasks_of_the_protocol_their_worlds_and_its_seeds_are_the_default(toy, make_protocol):
    protocol = make_protocol({"worlds": {"preserve": {}, "grow": {"m": 2}}})
    assert {cell.task.name for cell in enumerate_cells(protocol, [])} == {"toy", "toy_sgd", "toy_finite"}
    cells = enumerate_cells(protocol, [], ["toy"], seeds=5, worlds=["grow"])
    assert {cell.world_name for cell in cells} == {"curve", "grow"}
    assert [cell.seed for cell in cells if cell.method.name == "frozen"] == [0, 1, 2, 3, 4]


def test_a_parameter_at_its_default_is_the_same_method(toy, make_protocol):
    same = [make_method("toy_blend", {}), make_method("toy_blend", {"share": "0.5"})]
    cells = enumerate_cells(make_protocol(), same, ["toy"], seeds=1)
    assert lineup(cells, "preserve") == [*references("preserve"), "toy_blend"]


def test_a_world_that_no_task_has_gets_the_nearest_one(toy, make_protocol):
    with pytest.raises(UsageError, match="Unknown world 'perserve' of protocol 'toys' on these tasks") as error:
        enumerate_cells(make_protocol(), [], worlds=["perserve"])
    assert error.value.hint == "Did you mean 'preserve'?"
    with pytest.raises(UsageError, match="Unknown world 'grow' of task 'toy' of protocol 'toys'"):
        make_protocol().world("toy", "grow")


@pytest.mark.parametrize(
    ("methods", "tasks", "said", "hint"),
    [
        ([("toy_blent", {})], None, "Unknown method 'toy_blent'.", "Did you mean 'toy_blend'?"),
        ([], ["toi"], "Unknown task 'toi' of protocol 'toys'.", "Did you mean 'toy'?"),
        ([("toy_blend", {"shar": "1"})], None, "Unknown parameter 'shar' of method 'toy_blend'.", "'share'"),
        ([("toy_blend", {"share": "much"})], None, "Parameter share='much' of method 'toy_blend'", ""),
    ],
)
def test_unknown_names_are_a_users_mistake_with_the_nearest_name(toy, make_protocol, methods, tasks, said, hint):
    with pytest.raises(UsageError) as error:
        enumerate_cells(make_protocol(), [make_method(name, params) for name, params in methods], tasks)
    assert said in error.value.message
    assert hint in error.value.hint
    assert error.value.exit_code == 2


def test_a_broken_plugin_file_stops_the_plan(make_spec, tmp_path):
    path = tmp_path / "broken.py"
    path.write_text("1 / 0")
    with pytest.raises(PluginError, match=r"broken\.py"):
        build_cell(replace(make_spec(), plugins=(str(path),)))


def test_a_start_that_is_not_the_tasks_own_is_refused(make_spec, toy, registries):
    with pytest.raises(ProtocolError, match=r"tasks\.toy\.start is 'pretrained', but"):
        build_cell(make_spec(rules={"start": "pretrained"}))

    class Base(toy.Toy):
        pretrained = True

    with pytest.raises(ProtocolError, match=r"tasks\.toy\.start is 'scratch', but its params name a pretrained"):
        check_start(Base(), "scratch")
    check_start(Base(), "pretrained")
    check_start(Base(), "previous")


def test_a_method_is_asked_whether_its_parameters_work_with_the_size(make_spec, toy, monkeypatch):
    def check(self, n):
        if self.share * n < 1:
            raise ValueError(f"share = {self.share} of n = {n}")

    monkeypatch.setattr(toy.Blend, "check", check)
    assert build_cell(make_spec("toy_blend", share=0.25)).method.share == 0.25
    with pytest.raises(PluginError, match=r"Method 'toy_blend' cannot be used: ValueError: share = 0\.1 of n = 4"):
        build_cell(make_spec("toy_blend", share=0.1))


# -- what a method of somebody else's may not be ------------------------------------------------


@pytest.mark.parametrize(
    ("card", "said"),
    [
        ({"reference": {"preserve"}}, "Method 'toy_blend' calls itself a reference; only methods of this package are."),
        ({"access": {"fresh"}}, "Method 'toy_blend' declares access 'fresh'"),
    ],
)
def test_what_only_references_may_be_or_have_is_refused_of_others(make_spec, toy, monkeypatch, card, said):
    monkeypatch.setattr(toy.Blend, "card", MethodCard(title="Blend", **card))
    with pytest.raises(PluginError, match=said) as error:
        build_cell(make_spec("toy_blend"))
    assert error.value.exit_code == 3


# -- worlds that a task cannot have --------------------------------------------------------------

OUTSIDE = {"generator": {"rows": 4, "temperature": 1.0}}


@pytest.mark.parametrize(
    ("worlds", "field", "needed"),
    [
        # 10 real numbers, 4 of them in D_0
        ({"purify": {"k": 5, "alpha": 0.6, "generations": 3}}, "purify.k", "13 real examples are needed (4 for D_0, 3"),
        ({"grow": {"m": 7, "generations": 1}}, "grow.m", "11 real examples are needed (4 for D_0, 7 in each of 1"),
        ({"web": {"kind": "purify-outside", "k": 4, "generations": 2, **OUTSIDE}}, "web.generator.rows", "12 real"),
        ({"mix": {"N": 10, **OUTSIDE}}, "mix.generator.rows", "13 real examples are needed"),
    ],
)
def test_a_world_larger_than_the_data_is_refused_by_task_and_field(make_protocol, toy, worlds, field, needed):
    with pytest.raises(ProtocolError) as error:
        enumerate_cells(make_protocol({"worlds": worlds}), [], ["toy_finite"])
    assert error.value.message.startswith(f"tasks.toy_finite.worlds.{field}: {needed}")
    assert error.value.message.endswith("but toy_finite has 10.")
    assert error.value.exit_code == 3
    enumerate_cells(make_protocol({"worlds": worlds}), [], ["toy"])  # whose numbers never run out


def test_a_world_of_just_all_the_data_is_allowed(make_protocol, toy):
    worlds = {
        "purify": {"k": 4, "generations": 3},
        "grow": {"m": 3, "generations": 2},
        "mix": {"N": 4, **OUTSIDE},
        "preserve": {"m": 100, "generations": 50},  # no new real row
    }
    enumerate_cells(make_protocol({"worlds": worlds}), [], ["toy_finite"])


def test_an_outside_generator_at_a_temperature_is_refused_where_the_model_has_none(make_protocol, toy):
    rules = {"params": {"bare": True}, "worlds": {"purify-outside": {}}}
    with pytest.raises(
        ProtocolError, match=r"tasks\.toy\.worlds\.purify-outside\.generator\.temperature is 0\.8, but toy samples"
    ):
        enumerate_cells(make_protocol(rules), [], ["toy"])
    rules["worlds"] = {"purify-outside": {"generator": {"temperature": 1.0}}}
    enumerate_cells(make_protocol(rules), [], ["toy"])


def test_a_task_too_small_for_a_learning_curve_is_refused(make_protocol, toy):
    with pytest.raises(ProtocolError, match=r"tasks\.toy_finite\.n is 2: of 3 real examples no other size") as error:
        enumerate_cells(make_protocol({"n": 2, "params": {"population": 3}}), [], ["toy_finite"])
    assert error.value.exit_code == 3
    enumerate_cells(make_protocol({"n": 2, "params": {"population": 4}}), [], ["toy_finite"])
