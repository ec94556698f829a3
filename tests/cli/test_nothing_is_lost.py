"""No command takes a record, a page, a curve or a picture from a board without a word."""

import os
import re
import shutil
import threading
from pathlib import Path

import pytest
import torch

from collapsebench.core.method import references
from collapsebench.render.sheet import png
from collapsebench.results.merge import board_lock

BOARD = Path("boards/toys")


@pytest.fixture
def board(board):
    """The board with a picture beside it; the store of its run is not here."""
    picture = board / "samples" / "toy-toy_blend.png"
    if not picture.exists():
        picture.parent.mkdir()
        picture.write_bytes(png(torch.zeros(9, 9, dtype=torch.uint8), "a cell of another day"))
        shutil.rmtree("store", ignore_errors=True)
    return board


def files():
    return {path: path.read_bytes() for path in BOARD.rglob("*") if path.is_file()}


def assert_refused(ran, before, where):
    """One message and one hint, before any cell runs, and nothing is changed."""
    assert ran.code == 3
    error, hint = ran.err.splitlines()
    assert error.startswith(f"Error: {BOARD / 'records' / where}")
    assert hint.startswith("Hint: ")
    assert not Path("store").exists()
    assert files() == before


@pytest.mark.parametrize(("old", "new"), [("seeds: 2", "seeds: 1"), ("noise: 0.1", "noise: 0.2")])
def test_a_protocol_of_the_same_name_with_other_rules(console, run_toys, board, toys, old, new):
    before = files()
    toys.write_text(toys.read_text().replace(old, new))
    ran = console(*run_toys, "--method", "toy_blend")
    first = references("preserve")[0]
    assert_refused(ran, before, f"{first}.jsonl: protocol.digest: the board holds version 1 of protocol 'toys'")
    assert "Give the protocol another name, or pass another folder with --boards." in ran.err


def test_a_run_of_fewer_seeds_tasks_and_methods(cli, run_toys, board):
    before = files()
    assert cli(*run_toys, "--task", "toy", "--seeds", "1").code == 0
    assert files() == before


def of_another(part):
    """Let a board's records say that they were made by another version of the task `toy` or of `toy_blend`."""
    before = {
        "task": r'("digest":")[0-9a-f]{64}(",(?:(?!"digest").)*?"n":4,"name":"toy",)',
        "method": r'(")[0-9a-f]{64}(","label":"toy_blend")',
    }
    for path in (BOARD / "records").glob("*.jsonl"):
        text, changes = re.subn(before[part], rf"\g<1>{'0' * 64}\g<2>", path.read_text())
        assert changes or part == "method"
        path.write_text(text)
    return files()


def test_another_version_of_a_task(console, cli, run_toys, board):
    before = of_another("task")
    ran = console(*run_toys)
    assert_refused(ran, before, "toy_blend.jsonl: task.digest: the board holds toy_blend on toy/preserve, seed 0, of")
    ran = console(*run_toys, "--method", "toy_blend", "--seeds", "1")
    first = references("preserve")[0]
    assert_refused(ran, before, f"{first}.jsonl: task.digest: the board holds {first} on toy/preserve, seed 1, of")
    assert cli(*run_toys, "--method", "toy_blend").code == 0  # replaces all cells of the task
    assert files().keys() == before.keys()


def test_another_version_of_a_method(console, cli, run_toys, board):
    before = of_another("method")
    ran = console(*run_toys, "--method", "toy_blend", "--task", "toy")
    assert_refused(
        ran, before, "toy_blend.jsonl: method.digest: the board holds toy_blend on toy_sgd/preserve, seed 0,"
    )
    assert cli(*run_toys).code == 0  # says nothing of that method
    assert cli(*run_toys, "--method", "toy_blend").code == 0  # replaces all cells of the method
    assert files().keys() == before.keys()


def test_a_damaged_file(console, run_toys, board):
    path = board / "records" / "toy_blend.jsonl"
    path.write_bytes(path.read_bytes()[:-30])
    assert_refused(console(*run_toys), files(), "toy_blend.jsonl:16: line: ")


def test_a_disk_that_is_full_once_cells_have_run(console, run_toys, board, monkeypatch):
    rename = os.replace

    def full(source, target):
        if BOARD in Path(target).parents:
            raise OSError(28, os.strerror(28))
        rename(source, target)

    of_another("method")
    before = files()
    monkeypatch.setattr(os, "replace", full)
    ran = console(*run_toys, "--method", "toy_blend")
    assert (ran.code, files()) == (1, before)
    assert "the disk is full" in ran.err


def test_two_commands_that_write_one_board_take_turns(cli, run_toys, board):
    (board / "README.md").unlink()
    ended = []
    with board_lock(board):
        other = threading.Thread(target=lambda: ended.append(cli("leaderboard", "--boards", "boards").code))
        other.start()
        other.join(0.5)
        assert not ended and not (board / "README.md").exists()
    other.join(30)
    assert ended == [0] and (board / "README.md").exists()


@pytest.mark.parametrize("part", ["task", "method"])
def test_a_submission_to_a_board_of_another_version(console, cli, run_toys, board, toys, toy_file, part):
    cli(*run_toys[:-1], "elsewhere", "--method", "toy_blend", "--method", "accumulate")
    before = of_another(part)
    options = ("--protocol", toys, "--plugin", toy_file, "--store", "store", "--boards", "boards")
    ran = console("submit", "accumulate", *options)
    if part == "task":
        assert ran.code == 3
        assert "toy_blend.jsonl: task.digest: the board holds toy_blend on toy/preserve, seed 0, of another" in ran.err
        assert files() == before
    else:  # of the other method nothing is said
        assert ran.code == 0
        stay = {path: what for path, what in before.items() if path.suffix in (".jsonl", ".png")}
        assert files().items() >= stay.items()


def test_the_pages_and_the_marks_that_a_board_has(cli, board, toys, toy_file):
    before = files()
    assert cli("leaderboard", "--boards", "boards").code == 0
    assert files() == before
    verify = ("verify", "--protocol", toys, "--plugin", toy_file, "--workers", "0")
    assert cli(*verify, board / "records" / "toy_blend.jsonl", "--sign").code == 0
    pages = {path for path in before if path.suffix == ".md"}
    assert {path: what for path, what in files().items() if path in before.keys() - pages} == {
        path: what for path, what in before.items() if path not in pages
    }
    assert pages < files().keys()
