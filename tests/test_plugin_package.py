"""A package that somebody else wrote, and this one's own wheel, are really installed and really run."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from collapsebench.core.method import QUESTIONS, references

ROOT = Path(__file__).parents[1]
PLUGIN_PACKAGE = ROOT / "tests" / "plugin_package"

RUN_CELLS = """
import json, sys
from pathlib import Path
import collapsebench
from collapsebench.loop.plan import enumerate_cells
from collapsebench.loop.plugins import make_method
from collapsebench.loop.protocol import single_task
from collapsebench.core.method import METHODS
from collapsebench.core.task import TASKS
from collapsebench.core.shipped import builtin_folder
from collapsebench.loop.runner import run_cell
from collapsebench.loop.store import Store
from collapsebench.results.references import published_board

def run(task, method):
    cells = enumerate_cells(single_task(task, 3, n=50), [make_method(method, {})])
    [cell] = [cell for cell in cells if cell.method.name == method]
    result = run_cell(cell, Store(Path("store")))
    return {"status": result.cell.status, "generations": len(result.generations), "theory": result.cell.theory}

print(json.dumps({
    "package": collapsebench.__file__,
    "builtin": str(builtin_folder("methods")),
    "board": str(published_board("quick")),
    "methods": {name: METHODS.origin(name) for name in METHODS.names()},
    "tasks": {name: TASKS.origin(name) for name in TASKS.names()},
    "unavailable": {**METHODS.unavailable(), **TASKS.unavailable()},
    "cells": {pair: run(*pair.split("/")) for pair in sys.argv[1:]},
}))
"""

CHECK = """
import sys
from collapsebench.cli import main

for words in (["example_drift"], ["example_window", "--task", "example_drift"]):
    sys.argv = ["collapsebench", "check", *words]
    try:
        main()
    except SystemExit as end:
        assert not end.code, (words, end.code)
"""


def pip(*words: object) -> None:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "-q", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PIP_NO_INDEX": "1"})
    assert done.returncode == 0, done.stderr


def build(source: Path, folder: Path) -> Path:
    """The wheel of a project, built offline with the hatchling that is installed."""
    pytest.importorskip("hatchling")
    pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, source)
    [wheel] = folder.glob("*.whl")
    return wheel


def install(wheel: Path, target: Path) -> Path:
    pip("install", "--no-deps", "--no-compile", "--target", target, wheel)
    return target


def python(code: str, *arguments: str, path: list[Path], folder: Path) -> str:
    """What a new process that finds `path` first prints."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, path))}
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def plugin_target(tmp_path_factory):
    """A folder into which the third-party package is installed."""
    folder = tmp_path_factory.mktemp("plugin")
    return install(build(PLUGIN_PACKAGE, folder / "wheel"), folder / "site")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel of collapsebench."""
    return build(ROOT, tmp_path_factory.mktemp("own") / "wheel")


def test_an_installed_package_is_discovered_and_run(plugin_target, tmp_path):
    pairs = ["example_drift/example_window", "example_drift/replace", "gaussian/example_window"]
    found = json.loads(python(RUN_CELLS, *pairs, path=[plugin_target], folder=tmp_path))
    assert found["unavailable"] == {}
    assert found["methods"]["example_window"].startswith(str(plugin_target))
    assert found["tasks"]["example_drift"].startswith(str(plugin_target))
    assert [(cell["status"], cell["generations"]) for cell in found["cells"].values()] == [("done", 4)] * 3
    theory = found["cells"]["example_drift/replace"]["theory"]
    assert theory == {"error": [0, 2, 4, 6]}


def test_its_plugins_pass_the_checks(plugin_target, tmp_path):
    printed = python(CHECK, path=[plugin_target], folder=tmp_path)
    assert "task example_drift: all checks passed" in printed
    assert "method example_window: all checks passed" in printed


def test_the_wheel_holds_every_built_in_plugin_and_template(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    for folder in ("methods", "tasks"):
        sources = [path for path in (ROOT / folder).rglob("*") if path.suffix in {".py", ".yaml"}]
        assert sources
        missing = {f"collapsebench/builtin/{path.relative_to(ROOT)}" for path in sources} - names
        assert not missing, f"The wheel lacks {sorted(missing)}."
    shipped = {"cli/templates/method.py.txt", "loop/protocols/quick.yaml", "py.typed"}
    assert {f"collapsebench/{name}" for name in shipped} <= names
    assert not [name for name in names if "__pycache__" in name or name.startswith("tests/")]


def test_the_wheel_holds_the_verified_references_of_every_published_board_and_no_more_of_it(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if "/leaderboards/" in name}
    labels = {label for question in (*QUESTIONS, "curve") for label in references(question)}
    wanted = [f"*/records/{label}.jsonl" for label in labels] + [f"*/verified/{label}.json" for label in labels]
    boards = ROOT / "leaderboards"
    files = {path.relative_to(boards).as_posix() for pattern in wanted for path in boards.glob(pattern)}
    assert len(files) >= len(labels)
    assert names == {f"collapsebench/builtin/leaderboards/{name}" for name in files}


def test_an_editable_install_finds_the_sources(tmp_path):
    builder = pytest.importorskip("hatchling.builders.wheel").WheelBuilder(str(ROOT))
    (built,) = builder.build(directory=str(tmp_path), versions=["editable"])
    with zipfile.ZipFile(built) as archive:
        [name] = [name for name in archive.namelist() if name.endswith(".pth")]
        assert archive.read(name).decode().split() == [str(ROOT / "src")]


def test_an_installed_wheel_finds_its_own_plugins(wheel, plugin_target, tmp_path):
    target = install(wheel, tmp_path / "site")
    found = json.loads(python(RUN_CELLS, "gaussian/example_window", path=[target, plugin_target], folder=tmp_path))
    own = target / "collapsebench"
    assert Path(found["package"]) == own / "__init__.py"
    assert Path(found["builtin"]) == own / "builtin" / "methods"
    assert Path(found["board"]) == own / "builtin" / "leaderboards" / "quick"
    for folder, pattern in (("methods", "*.py"), ("tasks", "*/task.py")):
        files = {str(path.relative_to(ROOT)) for path in (ROOT / folder).glob(pattern)}
        origins = {origin.rpartition(":")[0] for origin in found[folder].values()}
        assert {str(own / "builtin" / file) for file in files} <= origins
    assert found["unavailable"] == {}
    assert found["cells"]["gaussian/example_window"]["status"] == "done"
