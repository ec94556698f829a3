import errno
import logging
import os

import pytest
from filelock import Timeout

from collapsebench.core.costs import Costs
from collapsebench.core.errors import StoreError
from collapsebench.core.files import sha256, write_atomic
from collapsebench.core.records import GenerationRecord
from collapsebench.loop.store import StageNote, Store

COSTS = Costs(real_examples=4).to_dict()
RECORD = GenerationRecord(
    t=0,
    metrics={"error": 0.5},
    costs=COSTS,
    rows=4,
    real_share=1.0,
    synthetic_share=0.0,
    log={},
    seconds={"fit": 0.1},
)


@pytest.fixture
def folder(store, make_cell):
    cell = make_cell()
    return store.cell(cell.task.name, cell.method.name, cell.seed, cell.storage_digest)


def failing(number):
    def fail(*args, **keywords):
        raise OSError(number, os.strerror(number))

    return fail


# -- writing -------------------------------------------------------------------------------------


def test_a_file_is_written_with_its_folders(tmp_path):
    write_atomic(tmp_path / "a" / "b", b"content")
    assert (tmp_path / "a" / "b").read_bytes() == b"content"
    assert os.listdir(tmp_path / "a") == ["b"]


@pytest.mark.parametrize("call", ["fsync", "replace"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_leaves_nothing_half_written_and_says_so(tmp_path, monkeypatch, call, number):
    path = tmp_path / "file"
    write_atomic(path, b"old")
    monkeypatch.setattr(os, call, failing(number))

    with pytest.raises(StoreError, match=rf"Cannot write {path}: the disk is full\.") as error:
        write_atomic(path, b"new")

    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]
    assert "Free some space" in error.value.hint
    assert error.value.exit_code == 1


def test_a_missing_permission_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr("pathlib.Path.open", failing(errno.EACCES))
    with pytest.raises(StoreError, match="Permission denied") as error:
        write_atomic(tmp_path / "file", b"")
    assert error.value.hint == "Check the permissions."


def test_a_store_where_no_folder_can_be_is_an_error_of_the_store(tmp_path, make_cell):
    (tmp_path / "file").write_text("not a folder")
    store = Store(tmp_path / "file" / "store")
    cell = store.cell("toy", "replace", 0, "0" * 64)
    for use in (
        lambda: cell.lock(0).__enter__(),
        lambda: cell.result(),
        lambda: store.stage_lock("fit", "key").__enter__(),
        lambda: store.stage_note("fit", "key"),
        lambda: store.load_payload("fit", "key", ""),
        lambda: store.save_stage("fit", "key", StageNote(), None),
    ):
        with pytest.raises(StoreError, match=r"Cannot (read|write) .*Not a directory"):
            use()


# -- stages --------------------------------------------------------------------------------------


def test_a_stage_round_trips(store):
    note = StageNote(sha256(b"payload"), {"real_examples": 3}, {"kept": 0.5}, {"nll": float("inf")}, 1.5)
    store.save_stage("fit", "key", note, b"payload")

    assert store.stage_note("fit", "key") == note
    assert store.load_payload("fit", "key", note.digest) == b"payload"
    assert store.stage_note("fit", "other") is None
    assert store.load_payload("fit", "other", note.digest) is None


def test_a_payload_without_its_note_does_not_count(store, monkeypatch):
    def no_json(path, content):
        if path.suffix == ".json":
            raise StoreError("The disk is full.")
        write_atomic(path, content)

    monkeypatch.setattr("collapsebench.loop.store.write_atomic", no_json)
    with pytest.raises(StoreError):
        store.save_stage("fit", "key", StageNote(sha256(b"payload")), b"payload")
    assert store.stage_note("fit", "key") is None


# -- cells ---------------------------------------------------------------------------------------


def test_the_life_of_a_cell(folder, store, make_cell):
    cell = make_cell()
    assert folder.result() is None
    assert folder.manifest() is None
    assert store.cells() == []

    folder.start(cell.record("running"), {"method": "replace"})
    assert folder.manifest()[0].status == "running"
    assert folder.manifest()[1] == {"method": "replace"}
    assert [found.path for found in store.cells()] == [folder.path]

    folder.save_records([RECORD])
    assert folder.unfinished_records() == [RECORD]
    assert folder.result() is None

    folder.finish(cell.record("done"), [RECORD])
    result = folder.result()
    assert (result.cell, result.generations) == (cell.record("done"), (RECORD,))


def test_a_failure_is_kept_until_the_cell_is_started_again(folder, make_cell):
    folder.start(make_cell().record("running"), {})
    folder.fail("Traceback: boom")
    assert (folder.path / "failure.txt").read_text() == "Traceback: boom"
    assert folder.result() is None

    folder.start(make_cell().record("running"), {})
    assert not (folder.path / "failure.txt").exists()


@pytest.mark.parametrize("name", ["records.jsonl", "DONE"])
def test_a_truncated_file_of_a_finished_cell_is_noticed_in_one_line(folder, make_cell, caplog, name):
    folder.finish(make_cell().record("done"), [RECORD, RECORD])
    path = folder.path / name
    path.write_bytes(path.read_bytes()[:-10])

    with caplog.at_level(logging.WARNING):
        assert folder.result() is None
    (record,) = caplog.records
    assert str(path) in record.getMessage() and "damaged" in record.getMessage()


def test_records_that_are_missing_count_as_damaged(folder, make_cell):
    folder.finish(make_cell().record("done"), [RECORD])
    (folder.path / "records.jsonl").unlink()
    assert folder.result() is None


def test_unfinished_records_are_read_as_far_as_they_are_whole(folder, caplog):
    assert folder.unfinished_records() == []
    content = folder.save_records([RECORD, RECORD])
    (folder.path / "records.jsonl").write_bytes(content[:-10])
    with caplog.at_level(logging.WARNING):
        assert folder.unfinished_records() == [RECORD]
    assert len(caplog.records) == 1


def test_one_process_at_a_time_holds_a_cell(folder):
    with folder.lock(0), pytest.raises(Timeout), folder.lock(0):
        pass
    with folder.lock(0):
        pass


def test_reading_makes_nothing(tmp_path, folder):
    folder.result()
    folder.manifest()
    assert os.listdir(tmp_path) == []
