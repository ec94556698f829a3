from dataclasses import replace

import pytest

from collapsebench.publish import publish
from collapsebench.records import CellResult, GenerationRecord, read_results


@pytest.fixture
def result(make_cell):
    def make(method="replace", seed=0, error=0.5, seconds=1.0, **changes):
        cell = replace(make_cell(method, seed=seed).record("done"), **changes)
        return CellResult(cell, (GenerationRecord(0, {"error": error}, {}, 4, 1.0, {}, {"fit": seconds}),))

    return make


def contents(folder):
    return {path.name: path.read_bytes() for path in (folder / "records").glob("*")}


def test_each_method_has_one_file(result, tmp_path):
    publish([result("replace"), result("frozen"), result("replace", seed=1)], tmp_path)
    assert set(contents(tmp_path)) == {"replace.jsonl", "frozen.jsonl"}
    assert [r.cell.seed for r in read_results(tmp_path / "records" / "replace.jsonl")] == [0, 1]


def test_the_same_result_keeps_its_bytes(result, tmp_path):
    publish([result(seconds=1.0)], tmp_path)
    before = contents(tmp_path)
    publish([result(seconds=2.0)], tmp_path)
    assert contents(tmp_path) == before


def test_a_changed_result_replaces_the_old_one_and_leaves_the_others(result, tmp_path):
    publish([result(seed=0), result(seed=1)], tmp_path)
    publish([result(seed=1, error=0.75)], tmp_path)
    found = read_results(tmp_path / "records" / "replace.jsonl")
    assert [r.generations[0].metrics["error"] for r in found] == [0.5, 0.75]


def test_a_run_without_lm_eval_does_not_drop_its_metrics(result, tmp_path):
    plain = result()
    (generation,) = plain.generations
    asked = CellResult(
        replace(plain.cell, task={**plain.cell.task, "lm_eval": {"tasks": ["piqa"], "limit": None}}),
        (replace(generation, metrics={**generation.metrics, "piqa/acc": 0.6}),),
    )
    publish([plain], tmp_path)
    publish([asked], tmp_path)
    before = contents(tmp_path)
    assert b"piqa/acc" in before["replace.jsonl"]
    publish([plain], tmp_path)
    assert contents(tmp_path) == before
    publish([result(error=0.75)], tmp_path)
    assert b"piqa/acc" not in contents(tmp_path)["replace.jsonl"]


def test_the_order_of_results_does_not_matter(result, tmp_path):
    results = [result("replace"), result("frozen"), result("replace", seed=1)]
    publish(results, tmp_path / "a")
    for one in reversed(results):
        publish([one], tmp_path / "b")
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


def test_records_of_another_protocol_are_removed(result, tmp_path):
    old = result("frozen")
    publish([replace(old, cell=replace(old.cell, protocol={**old.cell.protocol, "digest": "older"}))], tmp_path)
    publish([result("replace")], tmp_path)
    assert set(contents(tmp_path)) == {"replace.jsonl"}


def test_nothing_new_changes_nothing(tmp_path):
    publish([], tmp_path)
    assert list(tmp_path.iterdir()) == []
