import json
import os
import re
import subprocess
import sys
import time

import psutil
import pytest

from collapsebench.core.errors import ExecutorError, UsageError
from collapsebench.loop.executors import make_executor, ray
from collapsebench.loop.executors.executor import Options, Silent
from collapsebench.loop.executors.resources import ExecutorConfig
from collapsebench.loop.runner import finished
from collapsebench.loop.runs import Run
from collapsebench.loop.store import Store
from collapsebench.results.reader import read_results
from tests.clusters.conftest import by_place
from tests.conftest import TOY

pytestmark = pytest.mark.cluster


class After(Silent):
    """Progress that does something once, when so many cells are finished."""

    def __init__(self, count, act):
        self.left, self.act = count, act

    def finished(self, cell, result):
        self.left -= 1
        if self.left == 0:
            self.act()


def executor(name, address=None, **config):
    return make_executor(name, None, address, ExecutorConfig(**config))


def assert_equal(results, expected):
    """Every cell once, with the records of the local executor to the byte, timings aside."""
    results = list(results)
    assert len(results) == len({result.place for result in results}) == len(expected)
    assert {result.cell.status for result in results} == {"done"}
    assert all(result.same_result(expected[result.place]) for result in results)


# -- Ray -------------------------------------------------------------------------------------------


def test_ray_gives_the_records_of_local_also_when_a_node_dies(ray_cluster, sixty, expected, tmp_path):
    at = ray_cluster.address
    assert_equal(executor("ray", at).run(sixty, Options(tmp_path / "store"), Silent()), expected)

    lost = After(20, lambda: ray_cluster.kill_node("second"))
    assert_equal(executor("ray", at).run(sixty, Options(tmp_path / "other"), lost), expected)
    assert lost.left <= 0


def test_what_ray_cannot_do_is_one_message(ray_cluster, sixty, tmp_path, monkeypatch):
    at, options = ray_cluster.address, Options(tmp_path / "store")

    def refused(**config):
        with pytest.raises(ExecutorError) as error:
            list(executor("ray", at, **config).run(sixty[:2], options, Silent()))
        assert error.value.message.startswith("--executor ray: ") or "store" in error.value.message
        return error.value.message

    assert "asks for 1 CPU, 2 GiB memory, 4 GPU; none of the 2 nodes has that" in refused(defaults={"gpus": 4})
    (tmp_path / "broken" / "collapsebench").mkdir(parents=True)
    (tmp_path / "broken" / "collapsebench" / "__init__.py").write_text("raise ImportError('not installed here')")
    broken = {"runtime_env": {"env_vars": {"PYTHONPATH": str(tmp_path / "broken")}}}
    assert "cannot import what a cell needs" in refused(ray=broken)
    monkeypatch.setattr(ray, "share_token", lambda store: "written nowhere")
    assert f"does not see the store {tmp_path / 'store'}" in refused()
    assert not any(finished(cell, Store(options.store)) for cell in sixty)


def test_a_run_whose_ray_head_dies_ends_and_goes_on_by_the_same_command(ray_cluster, tmp_path):
    run = [sys.executable, "-m", "collapsebench", "run", "--method", "real_mix", "--task", "gaussian,regression"]
    run += ["--own-references", "--store", str(tmp_path / "store"), "--boards", str(tmp_path / "boards")]
    command = [*run, "--executor", "ray", "--address", ray_cluster.address]
    environment = {**os.environ, "RAY_gcs_rpc_server_reconnect_timeout_s": "5"}  # else a driver hopes for a minute
    driver = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment)
    until = time.monotonic() + 90
    while len(list((tmp_path / "store").rglob("DONE"))) < 10:
        assert driver.poll() is None and time.monotonic() < until
        time.sleep(0.05)
    ray_cluster.kill_node("head")
    said = driver.communicate(timeout=120)[0]
    assert driver.returncode != 0, said

    again = subprocess.run([*run, "--executor", "ray"], capture_output=True, text=True, timeout=200)  # its own Ray
    assert again.returncode == 0, again.stderr
    alone = [*run[: run.index("--store")], "--store", str(tmp_path / "s"), "--boards", str(tmp_path / "b")]
    assert subprocess.run([*alone, "--workers", "1"], capture_output=True, timeout=200).returncode == 0
    one, other = (by_place(collected(tmp_path / folder)) for folder in ("boards", "b"))
    assert one.keys() == other.keys() and all(one[place].same_result(other[place]) for place in one)


def test_a_detached_run_that_is_cancelled_leaves_nothing_on_ray(ray_cluster, tmp_path):
    where = ["--store", str(tmp_path / "store")]

    def call(*words):
        ran = subprocess.run(
            [sys.executable, "-m", "collapsebench", *words, *where], capture_output=True, text=True, timeout=120
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return ran.stdout

    rules = {"n": 4, "budget": {"steps": 5, "batch": 2}, "worlds": {"preserve": {}}}
    toys = {"name": "toys", "version": 1, "description": "Toys.", "generations": 2, "seeds": 1, "tasks": {"toy": rules}}
    (tmp_path / "toys.yaml").write_text(json.dumps(toys))
    run = ["run", "--method", "toy_blend(pause=500)", "--plugin", str(TOY), "--protocol", str(tmp_path / "toys.yaml")]
    run += ["--boards", str(tmp_path / "boards"), "--executor", "ray", "--address", ray_cluster.address, "--detach"]
    run = Run(tmp_path / "store" / "runs" / re.search(r"Run (\w+) goes on", call(*run))[1])

    def workers():
        return [one for one in ray_cluster.processes() if "multiprocessing.spawn" in " ".join(one.cmdline())]

    until = time.monotonic() + 90
    while not (run.finished() == run.note().cells - 1 and workers()):  # the last cell would take a quarter of an hour
        assert time.monotonic() < until and run.state() == "running"
        time.sleep(0.1)
    left = run.note().cells - 1
    assert f"{left} of {left + 1} cells are finished and kept" in call("cancel", run.id)
    assert psutil.wait_procs(workers(), timeout=15)[1] == []


def collected(boards):
    return [result for path in boards.glob("quick/records/*.jsonl") for result in read_results(path)]


def test_no_ray_at_the_address_is_one_message():
    with pytest.raises(ExecutorError, match=r"no Ray head answers at --address 127.0.0.1:1"):
        executor("ray", "127.0.0.1:1")


# -- SLURM -----------------------------------------------------------------------------------------

FAST = {"bundle_minutes": 1.0, "workers": 2}


def test_slurm_gives_the_records_of_local(slurm, sixty, expected, tmp_path):
    assert_equal(executor("slurm", slurm=FAST).run(sixty, Options(tmp_path / "store"), Silent()), expected)
    assert not slurm.jobs()


def test_a_job_that_is_cancelled_is_submitted_again(slurm, sixty, expected, tmp_path):
    def cancel():
        for job in slurm.jobs():
            os.system(f"scancel {job}")

    lost = After(5, cancel)
    assert_equal(executor("slurm", slurm=FAST).run(sixty, Options(tmp_path / "store"), lost), expected)
    assert lost.left <= 0
    assert not slurm.jobs()


def test_a_run_that_is_closed_leaves_nothing_in_the_queue(slurm, sixty, tmp_path):
    running = executor("slurm", slurm={"bundle_minutes": 0.1}).run(sixty, Options(tmp_path / "store"), Silent())
    next(running)
    running.close()
    until = time.monotonic() + 30
    while slurm.jobs() and time.monotonic() < until:
        time.sleep(0.2)
    assert not slurm.jobs()


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"slurm": {"partition": "nowhere"}}, "SLURM refuses a job (partition nowhere"),
        ({"defaults": {"memory": "999 GiB"}}, "SLURM refuses a job"),
        ({"slurm": {"python": "/usr/bin/python3"}}, "cannot import collapsebench"),
        ({"slurm": {"partition": "short"}, "defaults": {"hours": 9}}, "can never start"),
    ],
)
def test_what_slurm_refuses_is_one_message_and_nothing_is_left(slurm, sixty, tmp_path, config, message):
    with pytest.raises(ExecutorError) as error:
        list(executor("slurm", **config).run(sixty[:2], Options(tmp_path / "store"), Silent()))
    assert error.value.message.startswith("--executor slurm: ")
    assert message in error.value.message
    assert "--executor-config" in error.value.hint
    assert not slurm.jobs()


def test_a_detached_run_leaves_nothing_in_the_queue_when_it_is_cancelled_or_lost(slurm, tmp_path):
    def call(*words, code=0):
        command = [sys.executable, "-m", "collapsebench", *words, "--store", str(tmp_path / "store")]
        ran = subprocess.run(command, capture_output=True, text=True, timeout=120)
        assert ran.returncode == code, ran.stdout + ran.stderr
        return ran.stdout + ran.stderr

    def start(config, code=0):
        (tmp_path / "slurm.yaml").write_text(config)
        run = ["run", "--method", "real_mix", "--task", "gaussian,regression", "--boards", str(tmp_path / "boards")]
        engine = ["--own-references", "--executor", "slurm", "--executor-config", str(tmp_path / "slurm.yaml")]
        return call(*run, *engine, "--detach", code=code)

    assert "SLURM refuses a job (partition nowhere" in start("slurm: {partition: nowhere}", code=2)
    assert not (tmp_path / "store" / "runs").exists() and not slurm.jobs()

    first = Run(tmp_path / "store" / "runs" / re.search(r"Run (\w+) goes on", start("slurm: {bundle_minutes: 0.1}"))[1])
    assert len(slurm.jobs()) > 5
    assert "running" in call("status", first.id)
    assert f"Run {first.id} is cancelled: " in call("cancel", first.id)
    assert not slurm.jobs()

    lost = Run(tmp_path / "store" / "runs" / re.search(r"Run (\w+) goes on", start("slurm: {bundle_minutes: 0.1}"))[1])
    driver = psutil.Process(lost.note().pid)
    driver.kill()
    driver.wait(10)
    assert "lost" in call("status", lost.id) and slurm.jobs()
    assert f"Run {lost.id} is cancelled: " in call("cancel", lost.id)
    assert not slurm.jobs() and lost.state() == "cancelled"


def test_a_store_that_the_node_does_not_share_is_one_message(slurm, sixty, tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules["collapsebench.loop.executors.slurm"], "share_token", lambda store: "nowhere")
    with pytest.raises(ExecutorError, match="does not see the store"):
        list(executor("slurm").run(sixty[:2], Options(tmp_path / "store"), Silent()))
    assert not slurm.jobs()


def test_a_machine_without_slurm_and_an_unknown_setting_are_one_message(monkeypatch):
    with pytest.raises(UsageError, match=r"slurm.queue: unknown key"):
        executor("slurm", slurm={"queue": "x"})
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ExecutorError, match="there is no SLURM on this machine"):
        executor("slurm")
