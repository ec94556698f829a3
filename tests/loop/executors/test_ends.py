"""How cells end that a plug-in, a limit or a signal ends, in this process and in a worker; and who waits for whom."""

import os
import signal
import subprocess
import sys

import psutil
import pytest

from collapsebench.core.registry import load_plugins
from collapsebench.core.stop import listening
from collapsebench.loop.executors import worker
from collapsebench.loop.executors.executor import Options, Silent
from collapsebench.loop.executors.local import Here, Local
from collapsebench.loop.plan import build_cell
from collapsebench.loop.runner import cell_folder
from collapsebench.loop.store import Store

ENDS = '''
import os, time
from collapsebench import Method, MethodCard, method


@method("ends")
class Ends(Method):
    """End in a way."""

    how: str = "exit"
    card = MethodCard(title="Ends")

    def curate(self, arrivals, ctx):
        if self.how == "exit":
            os._exit(7)
        elif self.how == "signal":
            os.kill(os.getpid(), 40)
        elif self.how == "silent":
            os.closerange(3, 256)
            time.sleep(600)
        elif self.how == "interrupt":
            raise KeyboardInterrupt
        elif self.how == "sleep":
            time.sleep(600)
        elif self.how == "eat":
            hoard = []
            while True:
                hoard.append(bytearray(os.urandom(1 << 20)) * 16)
        elif self.how == "swallow":
            try:
                os.kill(os.getpid(), 15)
                time.sleep(600)
            except BaseException:
                pass
        return arrivals
'''


@pytest.fixture
def ends(tmp_path, make_spec):
    """A cell of a method that ends in a way, in the process that runs the cell."""
    file = tmp_path / "ends" / "task.py"  # what stands in a task's file is not run at arm's length
    file.parent.mkdir()
    file.write_text(ENDS)
    load_plugins([file])

    def make(how, **limits):
        spec = make_spec("ends", how=how, rules={"cell": {"hours": 1.0, "memory": "64 GiB", **limits}})
        return build_cell(type(spec)(**{**vars(spec), "plugins": (*spec.plugins, str(file))}))

    return make


@pytest.mark.skipif(sys.platform != "linux", reason="signals that have no name")
def test_a_death_is_told_as_it_was(ends, make_cell, tmp_path, monkeypatch):
    monkeypatch.setattr(worker, "_PATIENCE", 0.5)
    cells = [*map(ends, ("exit", "signal", "silent", "interrupt")), make_cell("replace")]

    results = list(Local(1).run(cells, Options(tmp_path / "store"), Silent()))

    said = {r.cell.method.params.get("how", "replace"): r.cell.reason.partition("seed 0")[2] for r in results}
    assert said == {
        "exit": ": its worker process ended with exit code 7",
        "signal": ": its worker process ended by signal 40",
        "silent": said["silent"],
        "interrupt": ", generation 1: KeyboardInterrupt",
        "replace": "",
    }
    assert "its worker process ended by SIGKILL" in said["silent"]


def test_what_a_plug_in_raises_is_no_ctrl_c_where_somebody_listens(ends, make_cell, tmp_path):
    cells = [ends("interrupt"), make_cell("replace")]
    with listening():
        results = list(Here().run(cells, Options(tmp_path / "store"), Silent()))
    assert [result.cell.status for result in results] == ["failed", "done"]
    with pytest.raises(KeyboardInterrupt):
        list(Here().run(cells, Options(tmp_path / "store"), Silent()))


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_signal_that_a_plug_in_swallows_still_ends_the_command(ends, tmp_path):
    with pytest.raises(SystemExit) as ended, listening():
        list(Here().run([ends("swallow")], Options(tmp_path / "store"), Silent()))
    assert ended.value.code == 128 + signal.SIGTERM


@pytest.mark.skipif(sys.platform == "win32", reason="SIGHUP")
def test_what_nohup_ignores_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with listening():
            os.kill(os.getpid(), signal.SIGHUP)
        with pytest.raises(SystemExit) as ended, listening(always=True):
            signal.raise_signal(signal.SIGHUP)
        assert ended.value.code == 128 + signal.SIGHUP
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timers")
@pytest.mark.parametrize(
    ("how", "limits", "reason"),
    [
        ("sleep", lambda: {"hours": 0.5 / 3600}, "took longer than 0.000138889 h, the protocol's limit for a cell"),
        (
            "eat",
            lambda: {"memory": f"{psutil.Process().memory_info().rss // 2**20 + 200} MiB"},
            "the protocol's limit for a cell",
        ),
    ],
)
def test_a_limit_holds_in_this_process_too(how, limits, reason, ends, make_cell, tmp_path):
    cells = [ends(how, **limits()), make_cell("replace")]
    bad, good = Here().run(cells, Options(tmp_path / "store"), Silent())
    assert (bad.cell.status, good.cell.status) == ("failed", "done")
    assert bad.cell.reason.endswith(reason)
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0


class Waits(Silent):
    """Progress that remembers what was waited for, and lets it end."""

    def __init__(self, holder):
        self.holder, self.said = holder, []

    def waiting(self, cell, holder):
        self.said.append(holder)
        self.holder.kill()
        self.holder.wait()


@pytest.mark.parametrize("executor", [Here, lambda: Local(1)])
def test_a_cell_that_another_process_runs_says_which(executor, make_cell, tmp_path):
    cell, store = make_cell("replace"), Store(tmp_path / "store")
    lock = cell_folder(cell, store).path / "lock"
    code = "import sys, time; from pathlib import Path; from collapsebench.core.files import locked\n"
    code += "with locked(Path(sys.argv[1])): print('held', flush=True); time.sleep(30)"
    holder = subprocess.Popen([sys.executable, "-c", code, str(lock)], stdout=subprocess.PIPE)
    assert holder.stdout.readline() == b"held\n"
    progress = Waits(holder)

    (result,) = executor().run([cell], Options(store.root), progress)

    holder.stdout.close()
    assert result.cell.status == "done"
    assert progress.said[0].startswith(f"process {holder.pid} on ")


def test_what_a_killed_process_left_in_a_cells_folder_goes_when_the_cell_runs(make_cell, tmp_path):
    cell, store = make_cell("replace"), Store(tmp_path / "store")
    left = cell_folder(cell, store).path / ".manifest.json.0123456789ab"
    left.parent.mkdir(parents=True)
    left.write_text("half")
    list(Here().run([cell], Options(store.root), Silent()))
    assert not left.exists()
