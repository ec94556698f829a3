"""Locks among processes: one holder at a time, whoever dies, stands still or forks."""

import json
import logging
import os
import signal
import subprocess
import sys
import time

import pytest
from filelock import Timeout

from collapsebench.core import files
from collapsebench.core.files import locked
from collapsebench.core.method import METHODS
from collapsebench.core.registry import load_file
from collapsebench.loop.executors.executor import Options, Silent
from collapsebench.loop.executors.local import Here
from collapsebench.loop.plan import build_cell
from collapsebench.loop.runner import Busy, finished, run_cell

HOLDER = """
import sys, time
from pathlib import Path
from collapsebench.core import files
files.LEASE = float(sys.argv[2])
with files.locked(Path(sys.argv[1])) as held:
    print("held", flush=True)
    for line in sys.stdin:
        print(held(), flush=True)
"""


@pytest.fixture
def holder(tmp_path):
    """A process that holds `tmp_path / lock` for as long as its input is open."""
    running = []

    def start(lease=60.0):
        command = [sys.executable, "-c", HOLDER, str(tmp_path / "lock"), str(lease)]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        running.append(process)
        assert process.stdout.readline() == "held\n"
        return process

    yield start
    for process in running:
        process.kill()
        process.wait()


def test_another_process_waits_until_the_holder_lets_go(holder, tmp_path):
    process = holder()
    with pytest.raises(Timeout), locked(tmp_path / "lock", 0):
        pass
    process.stdin.close()
    with locked(tmp_path / "lock", 30) as held:
        assert held()
    assert not (tmp_path / "lock").exists()


def test_a_holder_that_was_killed_here_is_noticed_at_once(holder, tmp_path):
    process = holder()
    process.kill()
    process.wait()
    with locked(tmp_path / "lock", 5) as held:
        assert held()


def test_a_holder_that_stands_still_loses_its_lock_and_knows_it(holder, tmp_path, monkeypatch):
    monkeypatch.setattr(files, "LEASE", 1.0)
    process = holder(lease=1.0)
    os.kill(process.pid, signal.SIGSTOP)
    deadline = time.monotonic() + 30
    while True:  # tries of no patience: what earlier ones saw counts
        try:
            with locked(tmp_path / "lock", 0):
                os.kill(process.pid, signal.SIGCONT)
                process.stdin.write("?\n")
                process.stdin.flush()
                assert process.stdout.readline() == "False\n"
            break
        except Timeout:
            assert time.monotonic() < deadline
            time.sleep(0.1)


def test_a_holder_on_another_machine_is_noticed_when_its_heart_stops(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "LEASE", 1.0)
    with locked(tmp_path / "lock"):
        record = (tmp_path / "lock").read_text()
    assert "duration=1.0" in record
    elsewhere = [line if not line.startswith("host=") else "host=elsewhere" for line in record.splitlines()]
    (tmp_path / "lock").write_text("\n".join(elsewhere) + "\n")
    began = time.monotonic()
    with locked(tmp_path / "lock", 30) as held:
        assert held()
    assert time.monotonic() - began >= 1.0  # by the clock of who waits, however old the file says it is


def test_a_folder_in_place_of_a_lock_is_set_aside(tmp_path, caplog):
    (tmp_path / "lock" / "inside").mkdir(parents=True)
    with caplog.at_level(logging.WARNING), locked(tmp_path / "lock", 5) as held:
        assert held()
    assert "is not a file; it is called lock.damaged-" in caplog.text
    (aside,) = tmp_path.glob("lock.damaged-*")
    assert (aside / "inside").is_dir()


def test_an_empty_lock_file_of_an_earlier_release_holds_nobody_up(tmp_path):
    lock = tmp_path / "lock"
    lock.touch()
    with pytest.raises(Timeout), locked(lock, 0):
        pass  # a new one may be that of a process that is about to write its name
    os.utime(lock, (time.time() - 2 * files.LEASE,) * 2)
    with locked(lock, 0) as held:
        assert held()
    assert not list(tmp_path.iterdir())


def test_a_process_that_waits_sees_an_empty_lock_file_grow_old(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "LEASE", 1.0)
    (tmp_path / "lock").touch()  # its holder was killed before it wrote its name
    with locked(tmp_path / "lock", 60) as held:
        assert held()


def test_a_lock_that_was_taken_in_place_of_an_empty_one_stays_held(tmp_path, holder, monkeypatch):
    lock = tmp_path / "lock"
    lock.touch()
    os.utime(lock, (time.time() - 2 * files.LEASE,) * 2)
    rename = type(lock).rename

    def late(path, target):
        if path == lock:
            (tmp_path / "kept").hardlink_to(lock)  # so that the new file has another number
            lock.unlink()
            holder()
        return rename(path, target)

    monkeypatch.setattr(type(lock), "rename", late)
    with pytest.raises(Timeout), locked(lock, 0):
        pass
    assert lock.stat().st_size > 0


# -- cells -----------------------------------------------------------------------------------------

FORKING = '''
import os, time
from pathlib import Path
from collapsebench import Method, MethodCard, method

CHILDREN = []

@method("forking")
class Forking(Method):
    """Fork, and let the child come back, or raise."""

    raises: bool = False
    card = MethodCard(title="Forking")

    def curate(self, arrivals, ctx):
        if ctx.t == 1:
            CHILDREN.append(os.fork())
            if self.raises and CHILDREN[-1] == 0:
                raise RuntimeError("the child")
        elif ctx.t == 2:
            os.waitpid(CHILDREN[-1], 0)  # the child is at its end before the parent is
        return arrivals

@method("witness")
class Witness(Method):
    """Say which process runs."""

    folder: str
    card = MethodCard(title="Witness")

    def curate(self, arrivals, ctx):
        if ctx.t == 1:
            with (Path(self.folder) / "ran").open("a") as file:
                print(ctx.rng.initial_seed(), os.getpid(), file=file)
            time.sleep(0.05)
        return arrivals
'''


@pytest.fixture(scope="module")
def plugin(tmp_path_factory):
    """The file of the methods above, loaded; under this name they run in the harness's own processes."""
    file = tmp_path_factory.mktemp("plugin") / "task.py"
    file.write_text(FORKING)
    module = load_file(file)
    yield file
    METHODS.forget(module.__name__)  # other tests of this process ask what ships


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
@pytest.mark.parametrize("raises", [False, True])
def test_a_child_that_a_method_forks_writes_nothing_and_its_cell_fails(plugin, make_spec, store, raises):
    spec = make_spec("forking", raises=raises)
    cell = build_cell(type(spec)(**{**vars(spec), "plugins": (str(plugin), *spec.plugins)}))

    result = run_cell(cell, store)

    assert result.cell.status == "failed"
    assert "Method 'forking' forked, and the child came back" in result.cell.reason
    assert finished(cell, store) is None
    assert "the child" not in "".join(p.read_text() for p in store.root.rglob("failure.txt")).replace(
        "the child came", ""
    )


def test_a_cell_whose_lock_was_lost_is_not_written_as_finished(make_cell, store):
    cell = make_cell("toy_blend", "toy_sgd")

    def lose(t):
        if t == 1:
            (lock,) = store.root.rglob("lock")
            lock.unlink()
            lock.write_text("somebody else")

    with pytest.raises(Busy):
        run_cell(cell, store, on_generation=lose)
    assert finished(cell, store) is None


def test_this_process_runs_a_cell_again_whose_lock_it_lost(make_cell, store):
    cell = make_cell("toy_blend", "toy_sgd")
    lost = []

    class Losing(Silent):
        def generation(self, cell, t):
            if not lost:
                (lock,) = store.root.rglob("lock")
                lost.append(lock.unlink())

    (result,) = Here().run([cell], Options(store.root), Losing())
    assert result.same_result(finished(cell, store))
    assert lost and result.cell.status == "done"


def test_two_drivers_on_one_store_share_the_work(plugin, tmp_path, make_protocol):
    protocol = make_protocol(seeds=12, tasks={"gaussian": {"n": 8, "worlds": {"preserve": {}}}})
    (tmp_path / "p.yaml").write_text(json.dumps(json.loads(protocol.model_dump_json(exclude_none=True))))
    command = [sys.executable, "-m", "collapsebench", "run", "--protocol", str(tmp_path / "p.yaml"), "--workers", "1"]
    command += ["--plugin", str(plugin), "--method", f"witness(folder={tmp_path})", "--store", str(tmp_path / "store")]
    drivers = [
        subprocess.Popen([*command, "--boards", str(tmp_path / name)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        for name in ("one", "other")
    ]
    said = [driver.communicate(timeout=120)[0] for driver in drivers]

    assert [driver.returncode for driver in drivers] == [0, 0], said
    ran = [line.split() for line in (tmp_path / "ran").read_text().splitlines()]
    assert len(ran) == len({seed for seed, _ in ran}) == 12  # each cell once
    assert len({process for _, process in ran}) == 2  # by both
    one, other = ({p.name: p.read_bytes() for p in (tmp_path / d).rglob("*.jsonl")} for d in ("one", "other"))
    assert one and one == other
