"""Records that make a board, and records that do not."""

from dataclasses import replace as changed

import fabricate
import pytest

from collapsebench.board import load_board
from collapsebench.board.load import read_board
from collapsebench.core.errors import RecordError, StoreError


def test_no_records(tmp_path):
    with pytest.raises(StoreError, match="No records"):
        load_board(tmp_path)


def test_a_file_under_another_name_is_refused(tmp_path):
    fabricate.board(tmp_path, fabricate.cells("replace"))
    (tmp_path / "records" / "copy.jsonl").write_text((tmp_path / "records" / "replace.jsonl").read_text())
    with pytest.raises(RecordError, match=r"copy\.jsonl:1: method\.name: is 'replace' in a file .* named 'copy'"):
        load_board(tmp_path)


@pytest.mark.parametrize(
    ("part", "field", "forged"),
    [
        ("protocol", "average_last", 1),
        ("protocol", "tasks", ["gaussian"]),
        ("task", "primary", "trace"),
        ("world", "missed", 0.2),
    ],
)
def test_one_file_cannot_change_what_others_say_of_the_rules(tmp_path, part, field, forged):
    results = [
        changed(r, cell=r.cell.changed(**{part: getattr(r.cell, part).changed(**{field: forged})}))
        for r in fabricate.cells("accumulate", ["gaussian/preserve"])
    ]
    fabricate.board(tmp_path, fabricate.cells("replace", ["gaussian/preserve"]) + results)
    with pytest.raises(RecordError, match=rf"accumulate\.jsonl:1: {part}\.{field}: differs .*replace\.jsonl"):
        load_board(tmp_path)


@pytest.mark.parametrize("part", ["protocol", "task"])
def test_records_of_different_versions_are_not_mixed(tmp_path, part):
    old = [
        changed(r, cell=r.cell.changed(**{part: getattr(r.cell, part).changed(digest="feedbeef" * 8)}))
        for r in fabricate.cells("frozen")
    ]
    fabricate.board(tmp_path, fabricate.cells("replace") + old)
    with pytest.raises(
        RecordError, match=rf"replace\.jsonl:1: {part}\.digest: is .*another version of .*frozen\.jsonl"
    ):
        load_board(tmp_path)


def test_seeds_of_one_entry_share_their_source(tmp_path):
    results = fabricate.cells("replace")
    newer = results[0].cell.method.changed(digest="feedbeef" * 8)
    results[0] = changed(results[0], cell=results[0].cell.changed(method=newer))
    fabricate.board(tmp_path, results)
    with pytest.raises(RecordError, match=r"replace\.jsonl:37: method\.digest: differs from line 1"):
        load_board(tmp_path)


SETTINGS = ["gaussian/preserve"]


def aside(folder):
    """What the board says of the files that it does not show."""
    board, files = read_board(folder)
    return [entry.label for entry in board.entries], [file.error.message.partition("records/")[2] for file in files]


def test_one_damaged_file_is_put_aside_and_the_others_are_shown(tmp_path):
    fabricate.board(tmp_path, fabricate.references(SETTINGS) + fabricate.cells("accumulate", SETTINGS))
    path = tmp_path / "records" / "accumulate.jsonl"
    path.write_bytes(path.read_bytes()[:-30])
    labels, told = aside(tmp_path)
    assert labels == ["fresh_real", "frozen", "replace"]
    assert told == ["accumulate.jsonl:18: line: the last line is cut off."]


def test_an_early_name_puts_no_reference_aside(tmp_path):
    forged = [
        changed(r, cell=r.cell.changed(task=r.cell.task.changed(digest="feedbeef" * 8)))
        for r in fabricate.cells("accumulate", SETTINGS, name="aardvark")
    ]
    fabricate.board(tmp_path, fabricate.references(SETTINGS) + forged)
    labels, told = aside(tmp_path)
    assert labels == ["fresh_real", "frozen", "replace"]
    assert told[0].startswith(
        "aardvark.jsonl:1: task.digest: is feedbeef, another version of task 'gaussian' than the "
    )


@pytest.mark.parametrize("field", ["metrics.w2_squared", "metrics.trace", "costs.trained_tokens"])
def test_all_lineages_of_a_task_and_seed_begin_with_one_model(tmp_path, field):
    kind, name = field.split(".")

    def forged(result):
        cell = result.cell.changed(task=result.cell.task.changed(budget="", steps=None))
        costs = [{**g.costs, "optimizer_steps": 0} for g in result.generations]
        generations = [g.changed(costs=cost) for g, cost in zip(result.generations, costs, strict=True)]
        if cell.method.name == "accumulate" and cell.seed == 1:
            there = getattr(generations[0], kind)
            value = there[name] - 1 if kind == "costs" else there[name] * (1 + 1e-5)
            generations[0] = generations[0].changed(**{kind: {**there, name: value}})
        return changed(result, cell=cell, generations=tuple(generations))

    results = fabricate.references(SETTINGS) + fabricate.cells("accumulate", SETTINGS)
    fabricate.board(tmp_path, [forged(result) for result in results])
    labels, told = aside(tmp_path)
    assert "accumulate" not in labels
    assert told[0].startswith(f"accumulate.jsonl:8: {field}: is ")


def test_a_first_model_that_was_trained_in_steps_may_round_on_another_machine(tmp_path):
    def rounded(result, by):
        first, *others = result.generations
        first = first.changed(metrics={name: value * (1 + by) for name, value in first.metrics.items()})
        return changed(result, generations=(first, *others))

    for by, shown in ((1e-3, True), (0.1, False)):
        own = [rounded(result, by) for result in fabricate.cells("accumulate", SETTINGS)]
        fabricate.board(tmp_path, fabricate.references(SETTINGS) + own)
        assert ("accumulate" in aside(tmp_path)[0]) is shown


def test_a_board_without_a_sound_file_says_why(tmp_path):
    fabricate.board(tmp_path, fabricate.cells("accumulate", SETTINGS))
    (tmp_path / "records" / "accumulate.jsonl").write_bytes(b"{}")
    with pytest.raises(RecordError, match=r"accumulate\.jsonl:1: line: the last line is cut off"):
        read_board(tmp_path)
