"""From finished cells to the records of a pull request."""

import shutil
from pathlib import Path

import pytest

from collapsebench.core.method import references
from collapsebench.results.reader import read_results

BOARD = Path("shared/toys")


@pytest.fixture
def submit_blend(toys, toy_file):
    """The words that submit the toy method to a board of its own."""
    options = ("--protocol", toys, "--plugin", toy_file, "--store", "store", "--boards", "shared")
    return ("submit", "toy_blend", *options)


def files(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_complete_method_becomes_records_and_pages(cli, run_toys, submit_blend):
    cli(*run_toys, "--method", "toy_blend")
    ran = cli(*submit_blend)
    beside = sorted(["take_newest", *references("preserve")])
    assert ran.out.splitlines() == [
        "toy_blend: 4 cells are complete.",
        f"Records: {BOARD / 'records' / 'toy_blend.jsonl'}",
        f"Board: {BOARD / 'README.md'}",
        f"The board lacked reference cells, which were added: {', '.join(beside)}.",
    ]
    assert len(read_results(BOARD / "records" / "toy_blend.jsonl")) == 2 * 2  # tasks, seeds
    assert files(BOARD) == files(Path("boards/toys"))  # a run's own board says the same
    again = files(BOARD)
    assert "lacked" not in cli(*submit_blend).out
    assert files(BOARD) == again


def test_what_is_missing_is_said_with_the_command_that_runs_it(console, cli, run_toys, submit_blend, toys, toy_file):
    cli(*run_toys, "--method", "toy_blend", "--task", "toy", "--seeds", "1")
    ran = console(*submit_blend)
    assert ran.code == 3
    error, hint = ran.err.splitlines()
    assert "toy_blend lacks seed 1 on toy/preserve; toy_blend lacks seeds 0, 1 on toy_sgd/preserve" in error
    assert "replace lacks seed 1 on toy/preserve" in error
    assert "take_newest lacks seed 1 on toy/curve" in error
    command = hint.partition("by: ")[2].split()
    assert command[:4] == ["collapsebench", "run", "--method", "toy_blend"]
    assert command[4:] == ["--task", "toy,toy_sgd", "--protocol", str(toys), "--plugin", str(toy_file)]
    assert not BOARD.exists()


def test_a_failed_cell_is_a_missing_one(console, cli, run_toys, submit_blend):
    cli(*run_toys, "--method", "toy_fail")
    ran = console("submit", "toy_fail", *submit_blend[2:])
    assert ran.code == 3
    assert "toy_fail lacks seeds 0, 1 on toy/preserve" in ran.err


def test_references_of_the_board_stay_as_they_are(cli, run_toys, submit_blend):
    """Another machine's references would move every entry of the board."""
    cli(*run_toys, "--method", "toy_blend")
    shutil.copytree("boards", "shared")
    path = BOARD / "records" / "replace.jsonl"
    path.write_text(path.read_text().replace('"machine":"', '"machine":"Another '))
    (BOARD / "records" / "toy_blend.jsonl").unlink()
    before = path.read_bytes()
    cli(*submit_blend)
    assert path.read_bytes() == before
    assert (BOARD / "records" / "toy_blend.jsonl").is_file()


def test_a_board_of_another_version_is_left_alone(console, cli, run_toys, submit_blend, toys):
    cli(*run_toys, "--method", "toy_blend")
    shutil.copytree("boards", "shared")
    before = files(Path("shared"))
    toys.write_text(toys.read_text().replace("version: 1", "version: 2"))
    ran = console(*submit_blend)
    assert ran.code == 3
    first = references("preserve")[0]
    assert f"{first}.jsonl: protocol.digest: the board holds version 1 of protocol 'toys'" in ran.err
    assert files(Path("shared")) == before


def test_a_plug_in_file_is_copied_under_its_own_name(console, cli, run_toys, submit_blend, toy_file):
    cli(*run_toys, "--method", "toy_blend")
    Path("methods").mkdir()
    assert f"Copied toy.py to {Path('methods/toy.py')}" in cli(*submit_blend).out
    assert Path("methods/toy.py").read_bytes() == toy_file.read_bytes()
    cli(*submit_blend)  # the same file may stand there
    Path("methods/toy.py").write_text("another")
    ran = console(*submit_blend)
    assert ran.code == 2
    assert "exists already and is another file" in ran.err
    assert Path("methods/toy.py").read_text() == "another"


def test_an_unknown_method_is_a_mistake(console, submit_blend):
    ran = console("submit", "toy_bend", *submit_blend[2:])
    assert ran.code == 2
    assert ran.err.splitlines()[1] == "Hint: Did you mean 'toy_blend'?"
