import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from lm_eval.tasks import TaskManager

from collapsebench import Learner, PluginError
from collapsebench.core.errors import DataError, ProtocolError, UsageError
from collapsebench.core.registry import load_file
from collapsebench.loop.cell import CellSpec
from collapsebench.loop.plan import build_cell
from collapsebench.loop.protocol import single_task
from collapsebench.loop.runner import run_cell
from collapsebench.scoring.lm_eval import named as lm_eval_named
from collapsebench.scoring.lm_eval.named import NamedTasks, check, source
from collapsebench.scoring.lm_eval.sets import SETS
from collapsebench.testing.toy import Mean

TOY_TEXT = Path(__file__).parents[2] / "toy_text.py"

EVENTS = [
    {"query": "It rained, therefore", "choices": ["the ground was wet.", "the ground was dry."], "gold": 0},
    {"query": "The ground was dry, because", "choices": ["it rained.", "it shone."], "gold": 1},
    {"query": "It shone, therefore", "choices": ["the ground was wet.", "the ground was dry."], "gold": 1},
]


@pytest.fixture
def copa(folder, monkeypatch):
    """A folder of real data with three causes and effects."""
    text = "".join(json.dumps(event) + "\n" for event in EVENTS)
    (folder / "lm_eval_sets").mkdir()
    (folder / "lm_eval_sets" / "copa.jsonl").write_text(text)
    known = replace(SETS["copa"], sha256=hashlib.sha256(text.encode()).hexdigest())
    monkeypatch.setitem(SETS, "copa", known)
    return known


@pytest.fixture
def toy_text(registries):
    return load_file(TOY_TEXT)


@pytest.fixture
def make(toy_text):
    """A cell on the toy text: `make(lm_eval=["copa"], method="replace")`."""

    def cell(method="replace", **rules):
        protocol = single_task("toy_text", 2, n=4, budget={"steps": 2, "batch": 2}, **rules)
        text, plugins = protocol.model_dump_json(), (str(TOY_TEXT),)
        return build_cell(CellSpec(text, "toy_text", "preserve", method, {}, 0, plugins))

    return cell


# -- in the loop ---------------------------------------------------------------------------------


def test_every_generation_is_scored_and_the_score_is_what_it_was(make, copa, store):
    alone, besides = run_cell(make(), store), run_cell(make(lm_eval=["copa"]), store)

    assert [set(g.metrics) for g in besides.generations] == [{"nll", "copa/acc"}] * 3
    assert [g.metrics["nll"] for g in besides.generations] == [g.metrics["nll"] for g in alone.generations]
    assert all(g.metrics["copa/acc"] in (0, 1 / 3, 2 / 3, 1) for g in besides.generations)
    assert alone.cell.task.lm_eval is None
    assert besides.cell.task.lm_eval.sources == {"copa": copa.sha256}
    assert (besides.cell.task.lm_eval.tasks, besides.cell.task.lm_eval.limit) == (("copa",), None)
    assert besides.cell.cell == alone.cell.cell
    assert besides.cell.protocol.digest == alone.cell.protocol.digest


def test_stored_results_without_it_are_not_mistaken_and_models_are_not_trained_again(make, copa, store):
    run_cell(make(), store)
    fits = set((store.root / "stages" / "fit").rglob("*"))
    keys = {make().storage_digest, make(lm_eval=["copa"]).storage_digest}
    keys |= {make(lm_eval=["copa"], lm_eval_limit=2).storage_digest, make(lm_eval=["piqa"]).storage_digest}

    run_cell(make(lm_eval=["copa"]), store)

    assert len(keys) == 4
    assert set((store.root / "stages" / "fit").rglob("*")) == fits


def test_a_limit_takes_that_many_items(make, copa, store):
    result = run_cell(make(lm_eval=["copa"], lm_eval_limit=2), store)
    assert {g.metrics["copa/acc"] for g in result.generations} <= {0, 0.5, 1}


def test_a_set_up_for_one_model_scores_another_as_a_fresh_one_does(make, copa):
    task = make().task
    first, second = (task.learner(torch.Generator().manual_seed(seed)) for seed in (0, 1))
    kept = NamedTasks(["copa"], None, first)
    kept.score(first)
    assert kept.score(second) == NamedTasks(["copa"], None, second).score(second)


def test_what_cannot_be_scored_fails_before_training(make, copa, store, monkeypatch):
    monkeypatch.setattr("collapsebench.learners.lm.causal_lm.CausalLM.language_model", Learner.language_model)
    result = run_cell(make(lm_eval=["copa"]), store)
    assert (result.cell.status, result.generations) == ("failed", ())
    assert "CausalLM has no 'lm_eval'" in result.cell.reason


def test_a_learner_without_a_language_model_says_so():
    with pytest.raises(PluginError, match="Mean has no 'lm_eval'"):
        NamedTasks(["copa"], None, Mean())


# -- names and data ------------------------------------------------------------------------------


@pytest.fixture
def lm_evals_tasks(tmp_path, monkeypatch):
    """An lm-eval that knows two tasks, whose data nobody has; its own index takes seconds to make."""
    for name in ("piqa", "my_task"):
        (tmp_path / f"{name}.yaml").write_text(
            f"task: {name}\ndataset_path: {tmp_path / 'nowhere'}\ntest_split: test\ndoc_to_text: x\n"
            "doc_to_target: y\noutput_type: loglikelihood\n"
        )
    index = TaskManager(include_path=str(tmp_path), include_defaults=False)
    monkeypatch.setattr(lm_eval_named, "_index", lambda: index)


def test_an_unknown_task_gets_the_nearest_name(folder, lm_evals_tasks):
    with pytest.raises(UsageError, match="Unknown lm-eval task 'hellaswagg'") as error:
        check(["hellaswagg"])
    assert error.value.hint == "Did you mean 'hellaswag'?"


def test_no_data_and_no_network_name_the_set_the_variable_and_the_file(folder, lm_evals_tasks):
    with pytest.raises(
        DataError, match=r"lm-eval task 'piqa' has no data: .* and COLLAPSEBENCH_DATA does not"
    ) as error:
        check(["piqa"])
    assert "set COLLAPSEBENCH_DATA to a folder with lm_eval_sets/piqa.jsonl" in error.value.hint
    with pytest.raises(DataError) as error:
        check(["my_task"])
    assert "arc_challenge, arc_easy" in error.value.hint


def test_data_at_hand_are_checked_and_named_by_their_checksum(copa):
    check(["copa"])
    assert source("copa") == copa.sha256
    assert source("piqa").startswith("lm-eval ")


def test_a_task_that_lm_eval_loads_is_scored_on_the_same_items_each_time(make, tmp_path, monkeypatch):
    rows = "".join(json.dumps({"q": f"{i} is", "a": str(i)}) + "\n" for i in range(9))
    (tmp_path / "rows.jsonl").write_text(rows)
    (tmp_path / "count.yaml").write_text(
        f"task: count\ndataset_path: json\ndataset_kwargs: {{data_files: {{test: {tmp_path / 'rows.jsonl'}}}}}\n"
        "test_split: test\noutput_type: loglikelihood\ndoc_to_text: q\ndoc_to_target: a\n"
        "metric_list: [{metric: perplexity, aggregation: perplexity, higher_is_better: false}]\n"
    )
    index = TaskManager(include_path=str(tmp_path), include_defaults=False)
    monkeypatch.setattr(lm_eval_named, "_index", lambda: index)
    learner = make().task.learner(torch.Generator().manual_seed(0))

    whole, some = NamedTasks(["count"], None, learner), NamedTasks(["count"], 4, learner)

    assert set(whole.score(learner)) == {"count/perplexity"}
    assert whole.score(learner) == whole.score(learner)
    assert some.score(learner) == NamedTasks(["count"], 4, learner).score(learner) != whole.score(learner)


# -- protocols and the command line --------------------------------------------------------------


def test_a_task_without_a_language_model_refuses_it(make_spec):
    with pytest.raises(ProtocolError, match=r"tasks\.toy\.lm_eval names piqa, but the task has no language model"):
        build_cell(make_spec(rules={"lm_eval": ["piqa"]}))
