import json
import os
import socket
import subprocess
import sys
import time
from dataclasses import asdict, replace

import psutil
import pytest

from collapsebench.core.files import LEASE, locked
from collapsebench.loop.runs import Note, Run, all_runs, find_run


@pytest.fixture
def note():
    """What this very process would say of its run."""
    process = psutil.Process()
    born = process.create_time() - psutil.boot_time()
    return Note(["run"], "/", socket.gethostname(), os.getpid(), born, "2026-01-01T00:00:00+00:00")


@pytest.fixture
def run(tmp_path):
    run = Run(tmp_path / "runs" / "0a1b2c3d")
    run.folder.mkdir(parents=True)
    return run


def test_a_run_of_this_machine_lives_by_its_pid_and_start(run, note):
    run.write(note)
    assert run.state() == "running"
    run.write(replace(note, born=note.born - 100))  # another process has its number now
    assert run.state() == "lost"
    run.write(replace(note, pid=2**22 + 1))
    assert run.state() == "lost"


def test_a_run_of_another_machine_lives_by_its_heartbeat(run, note):
    run.write(replace(note, host="elsewhere"))
    assert run.state() == "lost"
    with locked(run.lock):
        assert run.state() == "running"
        silent = time.time() - LEASE - 1
        os.utime(run.lock, (silent, silent))
        assert run.state() == "lost"


def test_how_a_run_ended(run, note):
    for code, state in ((0, "finished"), (1, "failed"), (130, "cancelled")):
        run.write(replace(note, ended="2026-01-01T01:00:00+00:00", exit_code=code))
        assert run.state() == state
    run.write(replace(note, pid=2**22 + 1))
    run.cancel.touch()
    assert run.state() == "cancelled"


def test_what_is_finished_is_read_from_the_store(run, note, tmp_path):
    run.write(note)
    cells = [tmp_path / "cells" / "a", tmp_path / "cells" / "b"]
    run.plan(5, [cell.relative_to(tmp_path) for cell in cells])
    assert (run.finished(), run.note().cells) == (5, 7)
    cells[1].mkdir(parents=True)
    (cells[1] / "DONE").touch()
    assert (run.finished(), run.under_way()) == (6, [])
    with locked(cells[0] / "lock"):
        assert run.under_way() == [cells[0]]


def test_runs_are_found_by_what_their_ids_begin_with_and_a_damaged_one_is_said(run, note, tmp_path, caplog):
    run.write(note)
    other = Run(tmp_path / "runs" / "0aff0000")
    other.folder.mkdir()
    (other.folder / "run.json").write_text(json.dumps({**asdict(note), "started": "2025-01-01T00:00:00+00:00"}))
    assert [one.id for one in all_runs(tmp_path)] == [other.id, run.id]
    assert find_run(tmp_path, "0a1").id == run.id
    for wanted in ("0a", "9", ""):
        with pytest.raises(Exception, match="Unknown run"):
            find_run(tmp_path, wanted)
    (other.folder / "run.json").write_text('{"command": ')
    assert (other.note(), other.state()) == (None, "lost")
    assert f"{other.folder / 'run.json'} cannot be read." in caplog.text


@pytest.mark.parametrize(
    ("command", "wish", "code"),
    [
        ("time.sleep(60)", "terminate", 130),
        ("time.sleep(60)", "cancel", 130),
        ("1 / 0", "", 1),
        ("sys.exit(3)", "", 3),
        ("None", "", 0),
    ],
)
def test_the_exit_code_of_a_run_is_kept_also_where_its_shell_ignores_ctrl_c(run, command, wish, code):
    program = "import sys, time, pathlib; from collapsebench.loop.runs import drive; "
    program += f"drive(pathlib.Path({str(run.folder)!r}), lambda: {command})"
    with run.log.open("wb") as log:
        shell = ["sh", "-c", 'trap "" INT; exec "$@"', "sh", sys.executable, "-c", program]
        process = subprocess.Popen(shell, stdout=log, stderr=log)
    until = time.monotonic() + 30
    while wish and run.note() is None and time.monotonic() < until:
        time.sleep(0.02)
    if wish == "cancel":
        run.cancel.touch()
    elif wish:
        process.terminate()
    assert process.wait(30) == code
    assert (run.note().exit_code, run.state()) == (code, {0: "finished", 130: "cancelled"}.get(code, "failed"))
    assert ("ZeroDivisionError" in run.log.read_text()) == (command == "1 / 0")
    assert not run.lock.exists()
