"""A board of the toy tasks, run through the command line."""

import shutil
import sys
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from collapsebench.cli import app, main


class Ran:
    """What a command printed and how it ended."""

    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err


@pytest.fixture
def cli(monkeypatch, tmp_path, registries):
    """`cli("run", "--method", "replace", ...)` in an empty folder, by typer's own runner (no error handling)."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")

    def call(*words):
        result = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
        return Ran(result.exit_code, result.stdout, result.stderr)

    return call


@pytest.fixture
def console(monkeypatch, tmp_path, registries, capsys):
    """The console script itself, with its handling of errors."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")

    def call(*words):
        monkeypatch.setattr(sys, "argv", ["collapsebench", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        return Ran(ended.value.code or 0, captured.out, captured.err)

    return call


@pytest.fixture
def toys(tmp_path):
    """A protocol file over the toy tasks."""
    path = tmp_path / "toys.yaml"
    rules = {"n": 4, "budget": {"steps": 5, "batch": 2}, "params": {"noise": 0.1}, "worlds": {"preserve": {}}}
    text = {"name": "toys", "version": 1, "description": "Toys.", "generations": 2, "seeds": 2}
    path.write_text(yaml.safe_dump({**text, "tasks": {"toy": rules, "toy_sgd": rules}}))
    return path


@pytest.fixture
def run_toys(toys, toy_file):
    """The words of a run of the toy protocol in this process."""
    return ("run", "--protocol", toys, "--plugin", toy_file, "--workers", "0", "--store", "store", "--boards", "boards")


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """Where a board that was run once is kept for the other tests."""
    return tmp_path_factory.mktemp("kept") / "boards"


@pytest.fixture
def board(cli, run_toys, kept):
    """A board of both toy tasks, as a run leaves it."""
    if not kept.is_dir():
        assert cli(*run_toys, "--method", "toy_blend").code == 0
        shutil.copytree("boards", kept)
    elif not Path("boards").is_dir():
        shutil.copytree(kept, "boards")
    return Path("boards/toys")
