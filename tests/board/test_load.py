"""Records that make a board, and records that do not."""

from dataclasses import replace as changed

import fabricate
import pytest

from collapsebench.board import load_board
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
