"""Dishonest methods, run by the command line on a tiny protocol: each is prevented, found, or known to score."""

import os
import re
import socket
import subprocess
import sys
from dataclasses import astuple
from typing import NamedTuple

import pytest
import yaml
from dishonest.cheats import CHEATS, Detected, Fails, Refused, Same, method
from dishonest.table import PAGE, written

from collapsebench.arm import sandbox
from collapsebench.results.reader import read_results

SMALL = {"n": 24, "params": {"d": 3}, "limits": {"corpus_bytes": 2**20}}
SETTINGS = {
    "gaussian": {**SMALL, "worlds": {"preserve": {}}},
    "gaussian in a stream": {**SMALL, "worlds": {"purify": {"k": 24}}},
    "categorical": {"n": 60, "params": {"contexts": 3, "tokens": 8, "support": 6}},
    "kde": {"n": 24, "params": {"heldout": 16}, "cell": {"hours": 0.005, "memory": "2 GiB"}},
    "arithmetic": {"n": 48, "budget": {"steps": 20, "batch": 16}, "params": {"max_operand": 2, "heldout": 8}},
}
"""Small tasks, by a name that begins with theirs. On `kde` a cell may take 18 seconds and 2 GiB."""

RUN = {name: cheat for name, cheat in CHEATS.items() if not cheat.files and not isinstance(cheat.outcome, Refused)}
REFUSED = {name: cheat for name, cheat in CHEATS.items() if isinstance(cheat.outcome, Refused)}
CHANGED = {name: cheat for name, cheat in CHEATS.items() if cheat.files}

HONEST = {}
"""What the cheats are compared with: body, hooks and card -> a name."""
for _cheat in RUN.values():
    _same = _cheat.outcome if isinstance(_cheat.outcome, Same) else Same()
    HONEST.setdefault((_same.honest, _same.hooks, _cheat.card if _same.hooks else ""), f"honest_{len(HONEST)}")


class Ran(NamedTuple):
    """How a command ended, and what is told by method of the cells that it has left: world, status, numbers."""

    code: int
    said: str
    told: dict[str, list[tuple[object, ...]]]


def command(folder, *words, environment=()):
    """The command line in a folder, with its records in `boards`."""
    setting = {**os.environ, "CHEAT_SECRET": "hunter2", "HOME": str(folder / "home"), "COLUMNS": "200"}
    ran = subprocess.run(
        [sys.executable, "-m", "collapsebench", *words],
        cwd=folder,
        env={**setting, **dict(environment)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    told = {path.stem: list(map(told_by, read_results(path))) for path in folder.glob("boards/tiny/records/*.jsonl")}
    return Ran(ran.returncode, ran.stdout + ran.stderr, told)


def told_by(result):
    numbers = [(g.metrics, g.costs, g.rows, g.real_share, g.synthetic_share) for g in result.generations]
    return result.cell.world.name, result.cell.status, result.cell.reason, numbers


def write(folder, name, text, port=0):
    """A file of a plug-in that knows where it is run."""
    for word, meant in {"SECRET_FILE": folder / "home" / ".netrc", "FOLDER": folder, "PORT": port}.items():
        text = text.replace(word, str(meant))
    (folder / "plugins").mkdir(exist_ok=True)  # else `torch.py` would hide torch
    (folder / "plugins" / name).write_text(text)


def run(folder, task, names, environment=()):
    rules = {"name": "tiny", "version": 1, "description": "Tiny.", "generations": 3, "seeds": 1}
    tasks = {task.split()[0]: {"worlds": {"preserve": {}}, **SETTINGS[task]}}
    (folder / "tiny.yaml").write_text(yaml.safe_dump({**rules, "tasks": tasks}))
    plugins = [word for name in names for word in ("--plugin", f"plugins/{name}.py")]
    words = ("--method", ",".join(names), "--workers", "0", "--store", "store", "--boards", "boards")
    return command(folder, "run", "--protocol", "tiny.yaml", *plugins, *words, environment=environment)


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """`both(task)`: honest methods alone, and beside them all cheats of the task in one run; each made once."""
    made = {}

    def make(task):
        if task not in made:
            folders = [tmp_path_factory.mktemp(f"{task.split()[0]}_{kind}") for kind in ("honest", "dishonest")]
            made[task] = [None, None, folders[1]]
            with socket.create_server(("127.0.0.1", 0)) as server:
                server.settimeout(0)
                for place, folder in enumerate(folders):
                    (folder / "home").mkdir()
                    (folder / "home" / ".netrc").write_text("password hunter2")
                    names = []
                    for (body, hooks, card), name in HONEST.items():
                        if "site_weights" not in hooks or task == "arithmetic":
                            write(folder, f"{name}.py", method(name, body, hooks=hooks, card=card))
                            names.append(name)
                    for name, cheat in RUN.items() if place else ():
                        if cheat.task == task:
                            write(folder, f"{name}.py", cheat.source(name), server.getsockname()[1])
                            names.append(name)
                    made[task][place] = run(folder, task, names)
                with pytest.raises(BlockingIOError):  # nobody connected
                    server.accept()
        return made[task]

    return make


sandboxed = pytest.mark.skipif(not sandbox.available(), reason="there is no sandbox here")


@sandboxed
@pytest.mark.parametrize("name", RUN)
def test_a_dishonest_method_is_prevented_or_found_or_known(both, name):
    cheat, outcome = CHEATS[name], CHEATS[name].outcome
    clean, ran, folder = both(cheat.task)
    cells = ran.told[name]
    if isinstance(outcome, Fails):
        assert ran.code == 1
        assert {status for _, status, _, _ in cells} == {"failed"}
        assert all(re.search(outcome.said, reason) for _, _, reason, _ in cells), cells
        return
    same = outcome if isinstance(outcome, Same) else Same()
    honest = clean.told[HONEST[same.honest, same.hooks, cheat.card if same.hooks else ""]]
    assert (cells == honest) == isinstance(outcome, Same), [reason for _, _, reason, _ in cells]
    if isinstance(outcome, Detected):
        checked = command(folder, "check", f"plugins/{name}.py", "--task", cheat.task.split()[0])
        assert checked.code == 3
        assert re.search(f"method {name}: failed: .*{outcome.said}", checked.said)
        judged = ("verify", "--protocol", "tiny.yaml", "--plugin", f"plugins/{name}.py", "--cells", "0", "--partial")
        verified = command(folder, *judged, f"boards/tiny/records/{name}.jsonl")
        assert verified.code == 3
        assert re.search("audits find|reads what is hidden", verified.said)


@sandboxed
@pytest.mark.parametrize("task", SETTINGS)
def test_no_other_method_is_touched(both, task):
    clean, ran, _ = both(task)
    assert clean.code == 0, clean.said
    others = {name: cells for name, cells in ran.told.items() if name not in CHEATS}
    assert others == clean.told
    assert {status for cells in others.values() for _, status, _, _ in cells} <= {"done", "unsupported", "skipped"}


@sandboxed
@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_imported_is_refused_by_name(tmp_path, name):
    write(tmp_path, f"{name}.py", CHEATS[name].source(name))
    ran = run(tmp_path, "gaussian", [name])
    assert (ran.code, ran.told) == (3, {})
    assert CHEATS[name].outcome.said in ran.said and name in ran.said and "Traceback" not in ran.said


@sandboxed
@pytest.mark.parametrize("name", CHANGED)
def test_a_result_of_other_code_is_not_used_again(tmp_path, name):
    """The result of the first rows is not that of the second ones, though the cheat's file is the same."""
    cheat, ((beside, texts),) = CHEATS[name], CHEATS[name].files.items()
    results = []
    for text in texts:
        write(tmp_path, f"{name}.py", cheat.source(name).replace("BESIDE_TEXT", text))
        write(tmp_path, beside, text)
        results.append(run(tmp_path, "gaussian", [name], environment={"CHEAT_ASIDE": text}).told[name])
    if isinstance(cheat.outcome, Fails):
        assert all(cheat.outcome.said in reason for cells in results for _, _, reason, _ in cells), results
    elif cheat.outcome.honest == "return arrivals":
        assert results[0] == results[1]
    else:
        assert results[0] != results[1]


def test_the_page_has_the_table():
    assert PAGE.read_text() == written(PAGE.read_text()), "run python tests/dishonest/table.py"


def test_every_cheat_says_what_becomes_of_it():
    assert len(CHEATS) > 46
    assert all(all(astuple(cheat)[:2]) and cheat.outcome.how for cheat in CHEATS.values())
