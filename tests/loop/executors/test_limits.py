"""A method that never ends, eats memory, starts processes or finds no memory ends its own cell and nothing else."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time

import psutil
import pytest

from collapsebench.arm.host import arm
from collapsebench.core.registry import load_plugins
from collapsebench.loop.executors.executor import Options, Silent
from collapsebench.loop.executors.local import Here, Local
from collapsebench.loop.plan import build_cell

GREEDY = '''
import multiprocessing, os, subprocess, sys, time
from pathlib import Path
from collapsebench import Method, MethodCard, method


@method("greedy")
class Greedy(Method):
    """Do one bad thing."""

    what: str = "sleep"
    folder: str = ""
    card = MethodCard(title="Greedy")

    def curate(self, arrivals, ctx):
        if self.what == "sleep":
            time.sleep(600)
        elif self.what == "eat":
            hoard = []
            while True:
                hoard.append(bytearray(os.urandom(1 << 20)) * 16)
                time.sleep(0.005)
        elif self.what == "multiply":
            command = [sys.executable, "-c", "import time; time.sleep(600)", self.folder]
            started = [subprocess.Popen(command) for _ in range(5)]
            time.sleep(600)
        elif self.what == "daemon" and ctx.t == 1:
            code = "import os, sys, time; print(os.getpid(), file=open(sys.argv[1], 'a'), flush=True); time.sleep(600)"
            command = [sys.executable, "-c", code, str(Path(self.folder) / "pids")]
            starts = "import subprocess, sys; subprocess.Popen(sys.argv[1:], start_new_session=True)"
            subprocess.run([sys.executable, "-c", starts, *command])  # it ends, and nobody is the daemon's parent
            while not (Path(self.folder) / "pids").is_file() or not (Path(self.folder) / "pids").read_text():
                time.sleep(0.01)
        elif self.what == "nap":
            (Path(self.folder) / "napping").write_text("")
            time.sleep(1.5)
            (Path(self.folder) / "napping").unlink()
        elif self.what in ("scarce", "killed", "never"):
            tries = Path(self.folder) / self.what
            first = not tries.is_file()
            assert first or not (Path(self.folder) / "napping").exists(), "not alone"
            tries.write_text("x")
            if self.what == "killed" and first:
                os.kill(os.getpid(), 9)
            if self.what == "never" or (self.what == "scarce" and first):
                raise MemoryError("none left")
        return arrivals


if "GREEDY_SLEEPS" in os.environ and multiprocessing.parent_process():
    time.sleep(600)
'''


@pytest.fixture
def greedy(tmp_path, make_spec):
    """A cell of the bad method under limits of half a second upwards."""
    file = tmp_path / "greedy" / "task.py"  # what stands in a task's file runs in the worker itself
    file.parent.mkdir()
    file.write_text(textwrap.dedent(GREEDY))
    load_plugins([file])

    def make(what, seed=0, **limits):
        cell = {"hours": 600 / 3600, "memory": "2 GiB", "processes": 4, **limits}
        spec = make_spec("greedy", what=what, folder=str(tmp_path), seed=seed, rules={"cell": cell})
        return build_cell(type(spec)(**{**vars(spec), "plugins": (*spec.plugins, str(file))}))

    return make


def run(cells, store, workers=2):
    results = list(Local(workers).run(cells, Options(store), Silent()))
    return {(r.cell.method.name, r.cell.seed): r for r in results}


@pytest.mark.parametrize(
    ("what", "limits", "reason"),
    [
        ("sleep", {"hours": 0.5 / 3600}, "took longer than 0.000138889 h, the protocol's limit for a cell"),
        ("eat", {"memory": "1500 MiB"}, "more than 1.46 GiB, the protocol's limit for a cell"),
        ("multiply", {}, " processes, more than 4, the protocol's limit for a cell"),
    ],
)
def test_a_cell_that_exceeds_a_limit_fails_alone_and_what_it_started_ends(
    what, limits, reason, greedy, make_cell, tmp_path
):
    bad, good = greedy(what, **limits), make_cell("replace")
    arm().close()  # of other tests of this process

    ended = run([bad, good], tmp_path / "store")

    assert ended["replace", 0].cell.status == "done"
    assert ended["greedy", 0].cell.status == "failed"
    assert reason in ended["greedy", 0].cell.reason
    left = [" ".join(child.cmdline()) for child in psutil.Process().children(recursive=True)]
    assert all("resource_tracker" in command for command in left)  # Python's own, of this process
    orphans = [one for one in psutil.process_iter(["cmdline"]) if str(tmp_path) in (one.info["cmdline"] or ())]
    for one in orphans:
        one.kill()
    assert not orphans
    assert bad.name in next((tmp_path / "store").rglob("failure.txt")).read_text()


def test_a_process_that_a_method_leaves_behind_ends_with_its_cell(greedy, make_cell, tmp_path):
    ended = run([greedy("daemon"), make_cell("replace")], tmp_path / "store", workers=1)

    assert {result.cell.status for result in ended.values()} == {"done"}
    (left,) = map(int, (tmp_path / "pids").read_text().split())
    assert not psutil.pid_exists(left) or psutil.Process(left).status() == psutil.STATUS_ZOMBIE


def test_a_cell_without_memory_is_tried_once_more_when_no_other_runs(greedy, make_cell, tmp_path):
    cells = [
        greedy("scarce"),
        greedy("killed", seed=1),
        greedy("never", seed=2),
        *map(make_cell, ["replace", "frozen"]),
        greedy("nap", seed=4),
    ]

    ended = run(cells, tmp_path / "store")

    status = {place: result.cell.status for place, result in ended.items()}
    assert status == {
        ("greedy", 0): "done",
        ("greedy", 1): "done",
        ("greedy", 2): "failed",
        ("greedy", 4): "done",
        ("replace", 0): "done",
        ("frozen", 0): "done",
    }
    reason = ended["greedy", 2].cell.reason
    assert "MemoryError: none left, also when no other cell ran; its processes were seen to use" in reason
    assert reason.endswith("GiB is free now")
    (here,) = Here().run([greedy("never", seed=2)], Options(tmp_path / "here"), Silent())
    assert here.cell.status == "failed"


DRIVER = """
import json
import sys
from pathlib import Path
from collapsebench.loop.cell import CellSpec
from collapsebench.loop.executors.executor import Options, Silent
from collapsebench.loop.executors.local import Local
from collapsebench.loop.plan import build_cell

if __name__ == "__main__":
    cell = build_cell(CellSpec(**json.loads(sys.argv[1])))
    list(Local(1).run([cell], Options(Path(sys.argv[2])), Silent()))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
@pytest.mark.parametrize("importing", [True, False])
def test_a_worker_does_not_outlive_a_parent_that_is_killed(greedy, tmp_path, importing):
    (tmp_path / "driver.py").write_text(DRIVER)
    spec = json.dumps(vars(greedy("sleep").spec))
    command = [sys.executable, str(tmp_path / "driver.py"), spec, str(tmp_path / "store")]
    driver = subprocess.Popen(command, env={**os.environ, **({"GREEDY_SLEEPS": "1"} if importing else {})})
    mine = psutil.Process(driver.pid)
    deadline = time.monotonic() + 60
    while not (mine.children() if importing else list((tmp_path / "store").rglob("manifest.json"))):
        assert time.monotonic() < deadline and driver.poll() is None
        time.sleep(0.05)
    time.sleep(0.2)  # the cell lies in the pipe
    family = mine.children(recursive=True)
    assert family

    os.kill(driver.pid, signal.SIGKILL)
    driver.wait()

    _, alive = psutil.wait_procs(family, timeout=30)
    assert not alive
