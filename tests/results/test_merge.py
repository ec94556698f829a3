import os
from dataclasses import replace

import pytest

from collapsebench.core.errors import RecordError, StoreError
from collapsebench.core.records import CellResult
from collapsebench.results.merge import merge_records
from collapsebench.results.reader import read_results


def contents(folder):
    return {path.name: path.read_bytes() for path in (folder / "records").glob("*")}


def test_each_method_has_one_file(make_result, tmp_path):
    merge_records([make_result("replace"), make_result("frozen"), make_result("replace", seed=1)], tmp_path)
    assert set(contents(tmp_path)) == {"replace.jsonl", "frozen.jsonl"}
    assert [r.cell.seed for r in read_results(tmp_path / "records" / "replace.jsonl")] == [0, 1]


def test_the_same_result_keeps_its_bytes(make_result, tmp_path):
    merge_records([make_result(seconds=1.0)], tmp_path)
    before = contents(tmp_path)
    merge_records([make_result(seconds=2.0)], tmp_path)
    assert contents(tmp_path) == before


def test_a_changed_result_replaces_the_old_one_and_leaves_the_others(make_result, tmp_path):
    merge_records([make_result(seed=0), make_result(seed=1)], tmp_path)
    merge_records([make_result(seed=1, error=0.75)], tmp_path)
    found = read_results(tmp_path / "records" / "replace.jsonl")
    assert [r.generations[0].metrics["error"] for r in found] == [0.5, 0.75]


def test_a_run_without_lm_eval_does_not_drop_its_metrics(make_result, tmp_path):
    plain = make_result()
    asked = CellResult(
        plain.cell.changed(task=plain.cell.task.changed(lm_eval={"tasks": ["piqa"], "limit": None, "sources": {}})),
        tuple(g.changed(metrics={**g.metrics, "piqa/acc": 0.6}) for g in plain.generations),
    )
    merge_records([plain], tmp_path)
    merge_records([asked], tmp_path)
    before = contents(tmp_path)
    assert b"piqa/acc" in before["replace.jsonl"]
    merge_records([plain], tmp_path)
    assert contents(tmp_path) == before
    merge_records([make_result(error=0.75)], tmp_path)
    assert b"piqa/acc" not in contents(tmp_path)["replace.jsonl"]


def test_the_order_of_results_does_not_matter(make_result, tmp_path):
    results = [make_result("replace"), make_result("frozen"), make_result("replace", seed=1)]
    merge_records(results, tmp_path / "a")
    for one in reversed(results):
        merge_records([one], tmp_path / "b")
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


def of_another(part, result):
    """The result as it would be under another version of its protocol, task or method."""
    changed = getattr(result.cell, part).changed(digest="0" * 64)
    return replace(result, cell=result.cell.changed(**{part: changed}))


@pytest.mark.parametrize(
    ("part", "known", "seeds"),
    [
        ("protocol", ["replace"], (0, 1)),  # even if the run would replace all
        ("task", ["replace", "frozen"], (0, 1)),
        ("method", ["replace"], (0,)),
    ],
)
def test_a_record_of_another_version_that_no_result_replaces_is_refused_and_stays(
    make_result, tmp_path, part, known, seeds
):
    merge_records([of_another(part, make_result(name, seed=seed)) for name in known for seed in (0, 1)], tmp_path)
    before = contents(tmp_path)
    with pytest.raises(RecordError, match=rf"records.{known[-1]}\.jsonl: {part}\.digest: ") as caught:
        merge_records([make_result("replace", seed=seed) for seed in seeds], tmp_path)
    assert "pass another folder with --boards" in caught.value.hint
    assert contents(tmp_path) == before


@pytest.mark.parametrize("part", ["task", "method"])
def test_a_run_of_every_cell_of_another_version_replaces_them(make_result, tmp_path, part):
    merge_records([of_another(part, make_result(seed=seed)) for seed in (0, 1)], tmp_path)
    merge_records([make_result(seed=seed) for seed in (0, 1)], tmp_path)
    found = read_results(tmp_path / "records" / "replace.jsonl")
    assert [r.cell for r in found] == [make_result(seed=seed).cell for seed in (0, 1)]


def test_a_failure_does_not_replace_what_the_same_cell_gave_before(make_result, tmp_path):
    failed = make_result(status="failed", finished=1)
    merge_records([failed], tmp_path)
    merge_records([make_result()], tmp_path)
    before = contents(tmp_path)
    merge_records([failed], tmp_path)
    assert contents(tmp_path) == before


def test_files_of_methods_that_a_run_has_nothing_of_stay(make_result, tmp_path):
    merge_records([make_result("frozen")], tmp_path)
    before = contents(tmp_path)
    merge_records([make_result("replace")], tmp_path)
    assert {**contents(tmp_path), **before} == contents(tmp_path)


def test_a_disk_that_is_full_half_way_leaves_every_file_whole(make_result, tmp_path, monkeypatch):
    merge_records([make_result("frozen"), make_result("replace")], tmp_path)
    before, written = contents(tmp_path), []

    def full(handle):
        written.append(handle)
        if len(written) > 1:
            raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match="the disk is full"):
        merge_records([make_result("frozen", error=0.75), make_result("replace", error=0.75)], tmp_path)
    after = contents(tmp_path)
    assert set(after) == set(before)
    assert after["replace.jsonl"] == before["replace.jsonl"]
    (frozen,) = read_results(tmp_path / "records" / "frozen.jsonl")
    assert frozen.generations[0].metrics["error"] == 0.75


def test_nothing_new_changes_nothing(tmp_path):
    merge_records([], tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_seeds_beyond_the_protocols_stay_off_the_board(make_result, tmp_path):
    merge_records([make_result(seed=seed) for seed in (0, 1, 2)], tmp_path)
    assert [r.cell.seed for r in read_results(tmp_path / "records" / "replace.jsonl")] == [0, 1]


def test_nothing_is_written_that_could_not_be_read(make_result, tmp_path):
    whole = make_result("frozen")
    odd = make_result("replace")
    odd = replace(odd, generations=tuple(g.changed(metrics={**g.metrics, "gold": 1.0}) for g in odd.generations))
    with pytest.raises(RecordError, match=r"replace\.jsonl:2: metrics\.gold: "):
        merge_records([whole, odd], tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_file_stops_publishing_and_stays(make_result, tmp_path):
    merge_records([make_result("frozen")], tmp_path)
    path = tmp_path / "records" / "frozen.jsonl"
    path.write_bytes(path.read_bytes()[:-5])
    before = contents(tmp_path)
    with pytest.raises(RecordError, match=r"frozen\.jsonl:5: line: "):
        merge_records([make_result("replace")], tmp_path)
    assert contents(tmp_path) == before
