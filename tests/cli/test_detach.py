"""Runs that outlive the terminal: real processes, toy cells that take a second each."""

import contextlib
import json
import os
import pty
import re
import shlex
import signal
import subprocess
import sys
import time

import psutil
import pytest

from collapsebench.loop.runs import Run
from collapsebench.results.reader import read_results

STUBBORN = """
import subprocess, sys, time
from collapsebench import Method, MethodCard, method


@method("stubborn")
class Stubborn(Method):
    \"\"\"Never ends, starts a process, and takes no notice of Ctrl-C.\"\"\"

    card = MethodCard(title="Stubborn")

    def curate(self, arrivals, ctx):
        subprocess.Popen(["sleep", "1000"])
        while True:
            try:
                time.sleep(1000)
            except KeyboardInterrupt:
                pass
"""


@pytest.fixture
def words(toys, toy_file, tmp_path):
    """The words of a run of the toys, elsewhere or in `store` and `boards`."""

    def make(*more, where="."):
        folder = tmp_path / where
        run = ["run", "--protocol", toys, "--plugin", toy_file, "--workers", "1", *more]
        return [*map(str, run), "--store", str(folder / "store"), "--boards", str(folder / "boards")]

    return make


@pytest.fixture
def called(tmp_path, monkeypatch):
    """A command in a process of its own; at the end no run of the store is left."""
    monkeypatch.setenv("COLUMNS", "200")

    def call(*words, code=0):
        ran = subprocess.run(command(words), capture_output=True, text=True, cwd=tmp_path, timeout=300)
        assert ran.returncode == code, ran.stdout + ran.stderr
        return ran

    yield call
    for path in tmp_path.glob("store/runs/*/run.json"):
        with contextlib.suppress(psutil.NoSuchProcess):
            family(Run(path.parent)).pop().kill()


def command(words):
    return [sys.executable, "-m", "collapsebench", *map(str, words)]


def family(run):
    """The processes of a run, its own one last."""
    process = psutil.Process(run.note().pid)
    return [*process.children(recursive=True), process]


def the_run(tmp_path, said):
    """The run that a command says it started."""
    run = re.search(r"Run (\w{8}) goes on without this terminal:", said)[1]
    assert [f"collapsebench {name} {run}" in said for name in ("status", "attach", "cancel")] == [True] * 3
    return Run(tmp_path / "store" / "runs" / run)


def wait(happened):
    until = time.monotonic() + 120
    while not happened():
        assert time.monotonic() < until
        time.sleep(0.05)


def gone(processes):
    alive = psutil.wait_procs(processes, timeout=10)[1]
    return [one for one in alive if one.status() != psutil.STATUS_ZOMBIE] == []


def records(folder):
    """What stands on the board, by place, without what no two runs share."""
    return {one.place: one for path in folder.glob("boards/toys/records/*.jsonl") for one in read_results(path)}


def assert_equal(folder, other):
    ours, theirs = records(folder), records(other)
    assert len(ours) > 10 and ours.keys() == theirs.keys()
    assert all(ours[place].same_result(theirs[place]) for place in ours)


SLOW = "toy_blend(pause=0.4)"


@pytest.fixture(scope="module")
def kept_plain(tmp_path_factory):
    """Where a run of the same cells is kept that kept its terminal."""
    return tmp_path_factory.mktemp("plain")


@pytest.fixture
def plain(called, words, kept_plain):
    """The folder of a run of the same cells that kept its terminal."""
    if not (kept_plain / "boards").is_dir():
        called(*words("--method", SLOW, where=kept_plain))
    return kept_plain


def test_a_run_goes_on_when_the_terminal_closes(words, called, plain, tmp_path):
    typed = shlex.join(command(words("--method", SLOW, "--detach")))
    shell, terminal = pty.fork()
    if shell == 0:
        os.chdir(tmp_path)
        signal.signal(signal.SIGHUP, signal.SIG_DFL)  # also where the tests run under nohup
        os.execv("/bin/sh", ["sh", "-c", f"{typed}; sleep 1000"])
    said = ""
    while "collapsebench cancel" not in said:
        said += os.read(terminal, 10_000).decode()
    run = the_run(tmp_path, said)
    process = family(run)[-1]
    assert process.terminal() is None and os.getsid(process.pid) == process.pid

    os.close(terminal)  # the system hangs up on all that belongs to it
    assert os.WTERMSIG(os.waitpid(shell, 0)[1]) == signal.SIGHUP
    assert run.state() == "running"
    assert "running" in called("status", "--store", "store").stdout
    followed = called("attach", run.id[:5], "--store", "store")
    assert re.search(r"\[\d+/\d+\] .*toy_blend", followed.stdout)
    assert followed.stderr.endswith(f"Run {run.id}: finished, exit code 0.\n")
    assert run.finished() == run.note().cells == len(records(plain))
    assert_equal(tmp_path, plain)
    again = called("attach", run.id, "--store", "store")
    assert "Board: " in again.stdout and "finished, exit code 0" in again.stderr
    assert called("cancel", run.id, "--store", "store").stdout == f"Run {run.id} is over: finished.\n"

    ended = called(*words("--method", SLOW, "--detach"))  # all is finished: nothing is left to go on with
    assert "Board: " in ended.stderr and "goes on" not in ended.stdout
    assert list((tmp_path / "store" / "runs").iterdir()) == [run.folder]


def test_a_run_that_is_killed_is_lost_and_the_same_command_resumes_it(words, called, plain, tmp_path):
    typed = words("--method", SLOW, "--detach")
    run = the_run(tmp_path, called(*typed).stdout)
    wait(lambda: 0 < run.finished() < run.note().cells)
    processes = family(run)
    processes[-1].kill()
    assert gone(processes)
    told = called("status", run.id, "--store", "store").stdout
    assert "lost" in told and "generations" not in told
    assert "lost, exit code 1" in called("attach", run.id, "--store", "store", code=1).stderr

    resumed = the_run(tmp_path, called(*typed).stdout)
    assert resumed.note().ready > 0
    called("attach", resumed.id, "--store", "store")
    assert_equal(tmp_path, plain)
    listed = called("status", "--store", "store").stdout
    assert listed.index("lost") < listed.index("finished")


def test_a_run_of_another_machine_is_cancelled_and_the_same_command_resumes_it(words, called, plain, tmp_path):
    typed = words("--method", SLOW, "--detach")
    run = the_run(tmp_path, called(*typed).stdout)
    wait(lambda: 0 < run.finished() < run.note().cells)
    processes = family(run)
    file = run.folder / "run.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "host": "elsewhere"}))
    assert re.search(r"elsewhere\s+running", called("status", run.id, "--store", "store").stdout)

    said = called("cancel", run.id, "--store", "store").stdout
    assert gone(processes)
    kept = run.finished()
    assert 0 < kept < run.note().cells
    assert f"Run {run.id} is cancelled: {kept} of {run.note().cells} cells are finished and kept." in said
    assert shlex.join(["collapsebench", *typed]) in said
    assert "cancelled, exit code 130" in called("attach", run.id, "--store", "store", code=130).stderr
    assert "is over: cancelled" in called("cancel", run.id, "--store", "store").stdout

    called(*(word for word in typed if word != "--detach"))
    assert_equal(tmp_path, plain)


def test_a_run_that_does_not_end_by_itself_is_killed_with_all_that_it_started(
    words, called, cli, monkeypatch, tmp_path
):
    (tmp_path / "stubborn.py").write_text(STUBBORN)
    more = ("--method", "stubborn", "--task", "toy", "--plugin", "stubborn.py", "--workers", "0", "--detach")
    run = the_run(tmp_path, called(*words(*more)).stdout)
    wait(lambda: len(family(run)) > 1)
    processes = family(run)
    told = called("status", run.id, "--store", "store").stdout
    assert re.search(r"runs     s\d-\w{16} in .*toy/stubborn: 0 generations", told)
    monkeypatch.setattr(sys.modules["collapsebench.cli.cancel"], "PATIENCE", 2.0)
    assert "is cancelled" in cli("cancel", run.id, "--store", "store").out
    assert gone(processes)
    assert run.state() == "cancelled"


def test_attach_leaves_a_run_going_and_ends_with_its_exit_code(words, called, tmp_path):
    slow = ("--method", "toy_fail", "--method", "toy_blend(pause=4)", "--task", "toy", "--detach")
    run = the_run(tmp_path, called(*words(*slow)).stdout)
    attached = subprocess.Popen(
        command(["attach", run.id, "--store", "store"]),
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    attached.stdout.readline()
    attached.send_signal(signal.SIGINT)
    said = attached.communicate(timeout=30)[1]
    assert (attached.returncode, run.state()) == (130, "running")
    assert f"Run {run.id} goes on; `collapsebench cancel {run.id} --store store` ends it." in said

    followed = called("attach", run.id, "--store", "store", code=1)
    assert "boom" in followed.stdout and "failed, exit code 1" in followed.stderr
    assert "failed (1)" in called("status", "--store", "store").stdout


@pytest.mark.parametrize(
    "wrong",
    [
        ("--method", "toy_blnd"),
        ("--method", "toy_blend", "--executor-config", "broken.yaml"),
        ("--method", "toy_blend", "--set", "share=much"),
    ],
)
def test_what_is_wrong_is_said_before_anything_goes_on(words, called, tmp_path, wrong):
    (tmp_path / "broken.yaml").write_text("defaults: {cpus: many}")
    typed = words(*wrong)
    plain = subprocess.run(command(typed), capture_output=True, text=True, cwd=tmp_path, timeout=60)
    assert plain.returncode > 0
    assert called(*typed, "--detach", code=plain.returncode).stderr == plain.stderr
    assert not (tmp_path / "store").exists()


def test_an_unknown_run_and_a_launcher_are_one_message(console, tmp_path, words, monkeypatch):
    asked = console("attach", "abc", "--store", "store")
    assert (asked.code, asked.err) == (2, "Error: Unknown run 'abc' of store.\nHint: Known: none.\n")
    assert console("status", "--store", "store").out == "No run of `collapsebench run --detach` in store.\n"
    for name, value in {
        "WORLD_SIZE": "2",
        "RANK": "0",
        "LOCAL_RANK": "0",
        "MASTER_ADDR": "x",
        "MASTER_PORT": "1",
    }.items():
        monkeypatch.setenv(name, value)
    refused = console(*words("--detach"))
    assert refused.code == 2 and "--detach does not work below a launcher of several processes." in refused.err
