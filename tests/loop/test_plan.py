from dataclasses import replace

import pytest

from collapsebench.core.errors import PluginError, ProtocolError, UsageError
from collapsebench.loop.plan import build_cell, check_start, enumerate_cells
from collapsebench.loop.plugins import make_method


def test_a_run_has_the_references_once_and_every_seed(toy, make_protocol):
    methods = [make_method("toy_blend", {}), make_method("replace", {}), make_method("toy_blend", {"share": "0.25"})]
    cells = enumerate_cells(make_protocol(), methods, ["toy"])

    lineup = [cell.method.label for cell in cells if (cell.seed, cell.world_name) == (0, "preserve")]
    assert lineup == [*references("preserve"), "toy_blend", "toy_blend(share=0.25)"]
    assert [cell.seed for cell in cells if cell.method.name == "replace"] == [0, 1]
    assert {cell.task.name for cell in cells} == {"toy"}


def test_all_tasks_of_the_protocol_and_its_seeds_are_the_default(toy, make_protocol):
    assert {cell.task.name for cell in enumerate_cells(make_protocol(), [])} == {"toy", "toy_sgd", "toy_finite"}
    assert len(enumerate_cells(make_protocol(), [], ["toy"], seeds=5)) == 3 * 5


def test_a_parameter_at_its_default_is_the_same_method(toy, make_protocol):
    same = [make_method("toy_blend", {}), make_method("toy_blend", {"share": "0.5"})]
    cells = enumerate_cells(make_protocol(), same, ["toy"], seeds=1)
    assert [cell.method.label for cell in cells] == [*REFERENCES, "toy_blend"]


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


def test_a_method_is_asked_whether_its_parameters_work_with_the_size(make_spec, toy):
    assert build_cell(make_spec("fresh_mix", size=0.2, rules={"n": 4})).method.size == 0.2
    with pytest.raises(PluginError, match=r"size = 0\.1 of n = 4"):
        build_cell(make_spec("fresh_mix", size=0.1, rules={"n": 4}))
