import pytest

from collapsebench import MethodCard, PluginError
from collapsebench.core.method import METHODS
from collapsebench.testing import Toy, tiny_run
from collapsebench.testing.tiny import has_data, tiny_cell, tiny_cells


def numbers(corpora):
    return [sorted(corpus["x"].tolist()) for corpus in corpora]


def test_a_run_by_hand():
    # D_0 = 1, 2, 3, 4 has mean 2.5; with S_1 = 2, 3, 4, 5 the mean is 3, so that S_2 begins at 2.5.
    run = tiny_run(METHODS.get("accumulate")(), n=4)
    assert numbers(run.history) == [[1, 2, 3, 4], [2, 3, 4, 5], [2.5, 3.5, 4.5, 5.5]]
    assert numbers(run.corpora)[1] == [1, 2, 2, 3, 3, 4, 4, 5]
    assert [record.metrics["error"] for record in run.records] == pytest.approx([0, 0.5, 5 / 6])
    assert [record.real_share for record in run.records] == pytest.approx([1, 1 / 2, 1 / 3])


def test_generations_seed_and_rules_are_the_callers():
    rules = {"n": 5, "worlds": {"preserve": {"m": 6}}}
    runs = [tiny_run(METHODS.get("replace")(), Toy(noise=1.0), 3, seed, **rules) for seed in (0, 0, 1)]
    assert [len(corpus) for corpus in runs[0].corpora] == [5, 6, 6, 6]
    assert numbers(runs[0].corpora) == numbers(runs[1].corpora) != numbers(runs[2].corpora)


def test_the_world_is_the_callers():
    run = tiny_run(METHODS.get("take_newest")(), Toy(drift=100), generations=1, n=4, world="purify")
    assert numbers(run.history)[1] == [1, 2, 102, 103]  # a half of the four are new real rows


def test_a_method_is_tried_in_the_worlds_that_it_is_made_for():
    def tried(name, tasks):
        cells = tiny_cells(METHODS.get(name)(), tasks)
        return [(cell.task.name, cell.world_name) for cell in cells]

    kinds = ["preserve", "purify", "purify-outside", "grow"]
    assert tried("frozen", ["gaussian"]) == [(task, kind) for task in ("toy", "toy", "gaussian") for kind in kinds]
    assert tried("take_newest", [])[:2] == [("toy", "purify"), ("toy", "purify-outside")]


def test_a_task_that_takes_seconds_is_tried_in_one_world_if_others_were_tried_in_all(toy):
    def worlds(method):
        cells = tiny_cells(method, ["arithmetic"])
        return [cell.world_name for cell in cells if cell.task.name == "arithmetic"]

    assert worlds(toy.Blend()) == ["grow"]

    class OnTokens(toy.Blend):
        card = MethodCard(title="On tokens", needs={"tokens"})

    assert worlds(OnTokens()) == ["preserve", "purify", "purify-outside", "grow"]


def test_worlds_are_as_large_as_the_data_allow():
    few = Toy(population=40)  # 32 + 4 * 16 do not fit
    assert not has_data(tiny_cell(METHODS.get("take_newest")(), few, "purify"))
    assert has_data(tiny_cell(METHODS.get("replace")(), few, "preserve"))
    assert has_data(tiny_cell(METHODS.get("take_newest")(), Toy(population=112), "purify-outside"))
    assert not has_data(tiny_cell(METHODS.get("take_newest")(), Toy(population=111), "purify-outside"))


def test_an_outside_generator_is_sampled_at_a_temperature_only_where_there_is_one():
    cells = [tiny_cell(METHODS.get("take_newest")(), Toy(bare=bare), "purify-outside") for bare in (False, True)]
    assert [cell.world.temperature for cell in cells] == [0.8, 1.0]


def test_the_log_is_that_of_the_last_generation():
    method = METHODS.get("fresh_mix")(alpha=0.0, draws="counts")
    assert tiny_run(method, n=4, world="purify").log == {"fresh": 0.0}


def test_what_a_run_would_skip_or_refuse_is_an_error():
    verify = METHODS.get("verify_filter")()
    with pytest.raises(PluginError, match="Method 'verify_filter' cannot run on task 'toy': needs verifier"):
        tiny_run(verify, Toy(bare=True))
    with pytest.raises(PluginError, match="gives no examples"):
        tiny_run(METHODS.get("fresh_mix")(size=0.1), n=4, world="purify")
