import os
import subprocess
import sys

import psutil
import pytest

from collapsebench.core.errors import UsageError
from collapsebench.core.resources import Resources
from collapsebench.loop.executors import devices, machine, make_executor
from collapsebench.loop.executors.devices import Slot, dry, slots
from collapsebench.loop.executors.resources import ExecutorConfig, load_config, request_of

GIB = 2**30


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="affinity is Linux's")
def test_cores_are_those_of_the_affinity():
    code = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
    code += "from collapsebench.loop.executors import machine; print(machine.cores())"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout == b"1\n"


def test_memory_is_what_the_tightest_control_group_leaves(tmp_path):
    root, own = tmp_path / "cgroup", tmp_path / "own"
    (root / "user" / "job").mkdir(parents=True)
    (root / "user" / "job" / "memory.max").write_text("max\n")
    (root / "user" / "memory.max").write_text(f"{GIB}\n")
    (root / "user" / "memory.current").write_text(f"{GIB // 4}\n")
    own.write_text("0::/user/job\n")

    assert machine.memory(root, own) == GIB * 3 // 4
    own.write_text("0::/\n")
    free = psutil.virtual_memory().available
    assert abs(machine.memory(root, own) - free) < GIB
    assert abs(machine.memory(root, tmp_path / "nothing") - free) < GIB


def test_a_request_is_what_task_method_and_configuration_say(make_cell, monkeypatch):
    cell = make_cell("replace", rules={"cell": {"hours": 3.0}})
    assert request_of(cell, ExecutorConfig()) == (1, 0.0, 2 * GIB, 3.0)

    monkeypatch.setattr(type(cell.task), "resources", Resources(memory="3 GiB", gpus=0.5))
    monkeypatch.setattr(type(cell.method), "resources", Resources(memory="5 GiB", gpus=0.25))
    assert request_of(cell, ExecutorConfig()) == (1, 0.5, 5 * GIB, 3.0)

    said = {
        "defaults": {"memory": "1 GiB", "cpus": 2},
        "tasks": {"toy": {"cpus": 3}},
        "methods": {"other": {"cpus": 9}},
    }
    assert request_of(cell, ExecutorConfig(**said)) == (3, 0.5, GIB, 3.0)


def test_limits_of_a_cell_are_inherited_and_in_no_digest(make_protocol):
    usual, changed = make_protocol(), make_protocol(cell={"hours": 1.0}, rules={"cell": {"memory": "1 GiB"}})

    assert (usual.rules("toy").cell.hours, changed.rules("toy").cell.memory) == (12.0, GIB)
    assert make_protocol(cell={"hours": 1.0}).rules("toy").cell.hours == 1.0
    assert usual.digest() == changed.digest()
    assert usual.rules("toy").digest() == changed.rules("toy").digest()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("defaults: {memory: lots}", "defaults.memory: could not parse value"),
        ("defaults: {cores: 2}", "defaults.cores: unknown key"),
        ("defaults: {gpus: -1}", "defaults.gpus: Input should be greater than or equal to 0"),
        ("tasks: [", "cannot be read as YAML"),
        ("- 1", "the file: Input should be a valid dictionary"),
    ],
)
def test_a_configuration_that_says_something_else_is_one_message(text, message, tmp_path):
    (tmp_path / "c.yaml").write_text(text)
    with pytest.raises(UsageError) as error:
        load_config(tmp_path / "c.yaml")
    assert message in error.value.message and "c.yaml" in error.value.message
    with pytest.raises(UsageError, match=r"missing.*cannot be read"):
        load_config(tmp_path / "missing.yaml")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("lokal", None, None), "Unknown executor 'lokal'"),
        (("local", None, "here:1"), "--address is of --executor ray"),
        (("slurm", 3, None), "--workers is of --executor local"),
    ],
)
def test_an_option_of_another_executor_is_refused(options, message):
    with pytest.raises(UsageError, match=message):
        make_executor(*options, ExecutorConfig())


def test_workers_are_as_many_as_cores_and_memory_hold(make_cell, monkeypatch):
    cells = [make_cell("replace", seed=seed) for seed in range(9)]
    monkeypatch.setattr(machine, "gpus", list)
    monkeypatch.setattr(machine, "cores", lambda: 6)
    monkeypatch.setattr(machine, "memory", lambda: 9 * GIB)

    assert slots(cells, None, ExecutorConfig()) == [Slot(None)] * 4
    assert len(slots(cells, None, ExecutorConfig(defaults={"memory": "1 GiB"}))) == 6
    assert len(slots(cells, None, ExecutorConfig(defaults={"memory": "1 GiB", "cpus": 3}))) == 2
    assert len(slots(cells, None, ExecutorConfig(defaults={"memory": "99 GiB"}))) == 1
    assert len(slots(cells, 8, ExecutorConfig())) == 8
    assert len(slots(cells[:2], 8, ExecutorConfig())) == 2


def test_workers_share_gpus_by_what_is_asked_for_or_by_a_dry_run(make_cell, monkeypatch):
    cells = [make_cell("replace", seed=seed) for seed in range(9)]
    monkeypatch.setattr(machine, "gpus", lambda: ["0", "3"])
    monkeypatch.setattr(machine, "cores", lambda: 16)
    monkeypatch.setattr(machine, "memory", lambda: 64 * GIB)
    half = ExecutorConfig(defaults={"gpus": 0.5})
    assert slots(cells, None, half) == [Slot("0"), Slot("3"), Slot("0"), Slot("3")]
    assert slots(cells, None, ExecutorConfig(defaults={"gpus": 1})) == [Slot("0"), Slot("3")]

    monkeypatch.setattr(devices, "_memory_of", _third)
    assert len(slots(cells, None, ExecutorConfig())) == 4


def test_a_dry_run_takes_two_steps_and_the_same_rows(make_cell):
    cell = make_cell("replace", "toy_sgd")
    assert (dry(cell).rules.budget.steps, dry(cell).rules.budget.batch) == (2, cell.rules.budget.batch)
    assert dry(cell).rules.n == cell.rules.n


def _third(specs):
    """A dry run on a card of which a cell takes two fifths: two have room beside each other."""
    assert specs and os.environ["CUDA_VISIBLE_DEVICES"] == "0"
    return 40, 100
