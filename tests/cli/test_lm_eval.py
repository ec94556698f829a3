"""`collapsebench run --lm-eval`."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from collapsebench.results.reader import read_results
from collapsebench.scoring.lm_eval.sets import SETS

TOY_TEXT = Path(__file__).parents[1] / "toy_text.py"


@pytest.fixture
def run_text(tmp_path, monkeypatch, toy_file):
    """The words of a run of a text task and another one, with one lm-eval task at hand."""
    event = {"query": "It rained, therefore", "choices": ["it was wet.", "it was dry."], "gold": 0}
    text = json.dumps(event) + "\n"
    (tmp_path / "lm_eval_sets").mkdir()
    (tmp_path / "lm_eval_sets" / "copa.jsonl").write_text(text)
    monkeypatch.setenv("COLLAPSEBENCH_DATA", str(tmp_path))
    monkeypatch.setitem(SETS, "copa", replace(SETS["copa"], sha256=hashlib.sha256(text.encode()).hexdigest()))
    rules = {"n": 4, "budget": {"steps": 2, "batch": 2}, "worlds": {"preserve": {}}}
    path = tmp_path / "texts.yaml"
    keys = {"name": "texts", "version": 1, "description": "", "generations": 1, "seeds": 1}
    path.write_text(yaml.safe_dump({**keys, "tasks": {"toy_text": rules, "toy": rules}}))
    plugins = ("--plugin", TOY_TEXT, "--plugin", toy_file)
    return ("run", "--protocol", path, *plugins, "--workers", "0", "--store", "store", "--boards", "boards")


def test_text_tasks_are_scored_and_others_are_left_alone(cli, run_text, tmp_path):
    ran = cli(*run_text, "--lm-eval", "copa")
    assert ran.code == 0
    for result in read_results(tmp_path / "boards" / "texts" / "records" / "replace.jsonl"):
        named = {name for generation in result.generations for name in generation.metrics if "/" in name}
        assert named == ({"copa/acc"} if result.cell.task.name == "toy_text" else set())
    assert "copa/acc" in cli("show", "toy_text/replace/0", "--store", "store").out


def test_without_a_text_task_it_is_refused(console, run_text):
    ran = console(*run_text, "--task", "toy", "--lm-eval", "copa")
    assert ran.code == 2
    assert "lm-eval's tasks cannot be scored on toy:" in ran.err


def test_damaged_data_end_the_run_before_anything_is_trained(console, run_text, tmp_path):
    (tmp_path / "lm_eval_sets" / "copa.jsonl").write_text("{}\n")
    ran = console(*run_text, "--lm-eval", "copa")
    assert ran.code == 2
    assert "Dataset 'copa': 'copa.jsonl' has the SHA-256" in ran.err
    assert not (tmp_path / "store").exists()
