"""Fixtures of the core: toy plug-ins, a protocol, cells and a store, all tiny."""

import os

os.environ["OMP_NUM_THREADS"] = "1"
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ.pop("COLLAPSEBENCH_DEBUG", None)

import json
import lzma
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import pytest
import torch

from collapsebench.core import files
from collapsebench.core.costs import Costs
from collapsebench.core.method import METHODS
from collapsebench.core.records import CellResult, GenerationRecord
from collapsebench.core.registry import REGISTRIES, judge, load_file
from collapsebench.core.task import TASKS
from collapsebench.data import FOLDER
from collapsebench.loop.cell import CellSpec
from collapsebench.loop.plan import build_cell
from collapsebench.loop.protocol import Protocol
from collapsebench.loop.store import Store
from collapsebench.loop.world import CURVE
from collapsebench.testing import Toy
from collapsebench.testing.toy import Mean, SteppedMean

torch.set_num_threads(1)

TOY = Path(__file__).parent / "toy.py"


@pytest.fixture(scope="session", autouse=True)
def cache_of_this_session():
    """Fixed classifiers are trained once per session (and process), and nothing is put in the user's cache."""
    with tempfile.TemporaryDirectory(prefix="collapsebench-tests-") as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv(files.CACHE_VARIABLE, folder)
        yield


@pytest.fixture(scope="session")
def sandbox():
    """Bubblewrap that works here; without it tests are skipped, or fail where COLLAPSEBENCH_SANDBOX is `required`."""
    command = ["bwrap", "--unshare-all", "--ro-bind", "/", "/", "true"]
    try:
        tried = subprocess.run(command, capture_output=True, text=True)
        lacking = tried.stderr if tried.returncode else ""
    except FileNotFoundError:
        lacking = "it is not installed (`make sandbox`)"
    if lacking:
        required = os.environ.get("COLLAPSEBENCH_SANDBOX") == "required"
        (pytest.fail if required else pytest.skip)(f"no bubblewrap: {lacking}")
    return "bwrap"


@pytest.fixture(autouse=True)
def no_judge():
    """A command that judges imports less; the process of the tests goes on as it was."""
    yield
    judge(False)


@pytest.fixture
def registries():
    """Plug-ins that a test registers are forgotten at its end."""
    kinds = dict(REGISTRIES)
    for registry in (METHODS, TASKS):
        registry.names()  # discover the built-in plug-ins, so that they are not forgotten
    before = {registry: (dict(registry._classes), dict(registry._unavailable)) for registry in (METHODS, TASKS)}
    modules = set(sys.modules)
    yield
    REGISTRIES.update(kinds)
    for registry, (classes, unavailable) in before.items():
        registry._classes, registry._unavailable = classes, unavailable
    for name in set(sys.modules) - modules:
        if name.startswith("collapsebench_plugins"):
            del sys.modules[name]


@pytest.fixture
def toy(registries, monkeypatch):
    """The toy plug-ins, all in this process."""
    monkeypatch.setattr("collapsebench.core.registry.is_shipped", lambda path: True)
    return load_file(TOY)


@pytest.fixture
def calls(monkeypatch):
    """How often the toy task's stages are really computed."""
    counted = Counter()

    def count(cls, name):
        original = getattr(cls, name)

        def counting(*arguments, **keywords):
            counted[name] += 1
            return original(*arguments, **keywords)

        monkeypatch.setattr(cls, name, counting)

    for cls, name in ((Toy, "real"), (Toy, "evaluate"), (Mean, "fit"), (SteppedMean, "fit"), (Mean, "sample")):
        count(cls, name)
    return counted


@pytest.fixture
def toy_file():
    """The plug-in file that `--plugin` names."""
    return TOY


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


@pytest.fixture
def make_protocol():
    """A protocol over the toy tasks; keywords replace its keys, `rules` those of every task."""

    def make(rules=None, **keys):
        rules = {"n": 4, "budget": {"steps": 5, "batch": 2}, "worlds": {"preserve": {}}, **(rules or {})}
        default = {
            "name": "toys",
            "version": 1,
            "description": "Toys.",
            "generations": 3,
            "seeds": 2,
            "tasks": dict.fromkeys(("toy", "toy_sgd", "toy_finite"), rules),
        }
        return Protocol.model_validate({**default, **keys})

    return make


@pytest.fixture
def make_spec(toy, make_protocol):
    """A cell in plain data: `make_spec("replace", "toy", generations=3, rules={...}, param=...)`.

    A world is the name of a kind or `{name: what a protocol file writes below it}`.
    """

    def make(method="replace", task="toy", seed=0, world="preserve", generations=3, rules=None, **params):
        worlds = world if isinstance(world, dict) else {"preserve": {}} if world == CURVE else {world: {}}
        text = make_protocol({"worlds": worlds, **(rules or {})}, generations=generations).model_dump_json()
        name = world if isinstance(world, str) else next(iter(world))
        return CellSpec(text, task, name, method, params, seed, (str(TOY),))

    return make


@pytest.fixture
def make_cell(make_spec):
    """The cell of `make_spec`."""
    return lambda *args, **keywords: build_cell(make_spec(*args, **keywords))


@pytest.fixture
def make_result(make_cell):
    """A whole result without running it: the error of generation t is `error` + t, and its rows are model-made."""

    def make(method="replace", task="toy", seed=0, error=0.5, seconds=1.0, finished=4, status="done", **params):
        reason, made = "" if status == "done" else "it is a test", 0 if params.get("world") == CURVE else 4
        generations = [
            GenerationRecord(
                t=t,
                metrics={"error": error + t, "rows": 4.0},
                costs=Costs(real_examples=4, synthetic_examples=made * t, trained_tokens=4 * (t + 1)).to_dict(),
                rows=4,
                real_share=0.0 if made and t else 1.0,
                synthetic_share=1.0 if made and t else 0.0,
                log={},
                seconds={"fit": seconds},
            )
            for t in range(finished)
        ]
        return CellResult(make_cell(method, task, seed, **params).record(status, reason), tuple(generations))

    return make


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder of real data."""
    monkeypatch.setenv(FOLDER, str(tmp_path))
    return tmp_path


@pytest.fixture
def put(folder):
    """Writes a file into it: `put("a/b.jsonl.xz", records or text)`; packed by its suffix."""

    def write(path, what):
        text = what if isinstance(what, str) else "".join(json.dumps(record) + "\n" for record in what)
        content = lzma.compress(text.encode()) if path.endswith(".xz") else text.encode()
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        return file

    return write


@pytest.fixture
def real_data(monkeypatch):
    """The folder of real data that `COLLAPSEBENCH_DATA` names, or `../shared/data`."""
    path = Path(os.environ.get(FOLDER) or Path(__file__).parents[2] / "shared" / "data")
    if not path.is_dir():
        pytest.skip(f"no real data: {FOLDER} is not set and ../shared/data is not there")
    monkeypatch.setenv(FOLDER, str(path))
    return path
