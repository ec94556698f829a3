"""Records held against the installed source, and a sample of cells run again."""

import json
from pathlib import Path

import pytest

from collapsebench.core.method import references
from collapsebench.core.records import to_line
from collapsebench.render.files import load_view

RECORDS = Path("boards/toys/records")


@pytest.fixture
def verify(toys, toy_file):
    """The words that verify in this process."""
    return ("verify", "--protocol", toys, "--plugin", toy_file, "--workers", "0")


def forge(path, line, field, value):
    contents = [json.loads(text) for text in path.read_text().splitlines()]
    *parts, last = field.split(".")
    target = contents[line - 1]
    for part in parts:
        target = target[part]
    target[last] = value
    path.write_text("".join(to_line(content) + "\n" for content in contents))


def test_a_fresh_board_is_verified_to_the_byte_and_nothing_is_written(cli, board, verify):
    before = {path: path.read_bytes() for path in board.rglob("*") if path.is_file()}
    ran = cli(*verify, board, "--cells", "2")
    lines = ran.out.splitlines()
    assert ran.code == 0
    assert f"{RECORDS / 'toy_blend.jsonl'}: 4 cells, as the installed source writes them." in lines
    again = [line for line in lines if line.startswith("  run again: ")]
    assert len(again) == len(["toy_blend", "take_newest", *references("preserve")]) * 2
    assert all(line.endswith("equal to the byte") for line in again)
    every = cli(*verify, RECORDS / "take_newest.jsonl", "--cells", "99").out.splitlines()
    curves = [line for line in every if line.startswith("  run again: take_newest on toy_sgd/curve, seed ")]
    assert len(curves) == 2 and all(line.endswith("equal to the byte") for line in curves)
    assert {path: path.read_bytes() for path in board.rglob("*") if path.is_file()} == before


FORGED = {
    "cell": ("0" * 64, "cell: is not the digest of its parts"),
    "protocol.digest": ("0" * 64, "protocol.digest: stale"),
    "protocol.generations": (7, "protocol.generations: must be 2, not 7"),
    "protocol.tasks": (["toy_sgd", "toy"], "protocol.tasks: must be"),
    "task.digest": ("0" * 64, "task.digest: stale"),
    "task.n": (5, "task.n: must be 4, not 5"),
    "task.suite": ("language", "task.suite: must be"),
    "world.name": ("purify", "world.name: toy has no world 'purify' under these rules"),
    "world.arrivals": (8, "world.arrivals: must be 4, not 8"),
    "world.missed": (0.0, "world.missed: must be 0.1, not 0.0"),
    "method.reference": (True, "method.reference: must be False, not True"),
    "task.unit": ("points", "task.unit: must be 'distance', not 'points'"),
    "task.metrics.error": ("smaller is worse", "task.metrics: must be"),
    "method.digest": ("0" * 64, "method.digest: stale"),
    "method.track": ("blind", "method.track: must be 'anchored', not 'blind'"),
    "method.title": ("The best method", "method.title: must be 'Blend', not 'The best method'"),
    "method.description": ("<b>Wins</b>", "method.description: must be"),
    "method.params.share": (0.25, "method.digest: stale"),
    "method.params.speed": (9, "method: Unknown parameter 'speed'"),
    "theory": ({"error": [0.0, 0.0, 0.0]}, "theory.error: is not what the closed form gives"),
}


@pytest.mark.parametrize("field", FORGED)
def test_what_the_source_would_not_have_written_is_named(console, board, verify, field):
    value, message = FORGED[field]
    path = RECORDS / "toy_blend.jsonl"
    path.write_text("".join(path.read_text().splitlines(True)[:4]))  # one cell, so that the file agrees with itself
    forge(path, 1, field, value)
    ran = console(*verify, path, "--partial")
    assert ran.code == 3
    assert ran.err.startswith(f"Error: {path}:1: {message}")


def test_nobody_declares_a_task_out_of_reach(console, board, verify):
    path = RECORDS / "toy_blend.jsonl"
    cell = path.read_text().splitlines()[0]
    path.write_text(cell + "\n")
    forge(path, 1, "status", "unsupported")
    forge(path, 1, "reason", "needs luck, which toy does not have")
    ran = console(*verify, path, "--partial")
    assert ran.code == 3
    assert f"{path}:1: status: this cell can be run" in ran.err


def test_forged_numbers_are_found_when_their_cell_is_run_again(console, board, verify):
    path = RECORDS / "toy_blend.jsonl"
    forge(path, 4, "metrics.error", 0.0)
    ran = console(*verify, path, "--cells", "4")
    assert ran.code == 3
    assert "toy_blend on toy/preserve, seed 0: error differs by 2" in ran.err


def test_a_forged_share_of_generated_rows_is_found_when_its_cell_is_run_again(console, board, verify):
    path = RECORDS / "toy_blend.jsonl"
    forge(path, 4, "synthetic_share", 0.0)
    ran = console(*verify, path, "--cells", "4")
    assert ran.code == 3
    assert "toy_blend on toy/preserve, seed 0: synthetic_share differs by 1" in ran.err


@pytest.mark.parametrize(("machine", "factor", "code"), [("this", 1.01, 3), ("another", 1.01, 0), ("another", 1.2, 3)])
def test_small_differences_pass_between_machines_only(
    console, cli, run_toys, verify, monkeypatch, machine, factor, code
):
    monkeypatch.setattr("collapsebench.loop.environment.environment", lambda: {"machine": "this", "dirty": False})
    cli(*run_toys, "--task", "toy", "--seeds", "1")
    path = RECORDS / "replace.jsonl"
    path.write_text(path.read_text().replace('"machine":"this"', f'"machine":"{machine}"'))
    last = json.loads(path.read_text().splitlines()[3])["metrics"]["error"]
    forge(path, 4, "metrics.error", last * factor)
    ran = console(*verify, path, "--partial")
    assert ran.code == code
    assert f"error differs by {1 - 1 / factor:.2g}" in ran.out + ran.err


def test_a_file_that_lacks_cells_is_refused_unless_that_is_accepted(console, board, verify):
    path = RECORDS / "toy_blend.jsonl"
    path.write_text("".join(path.read_text().splitlines(True)[:4]))
    ran = console(*verify, path)
    assert ran.code == 3
    assert "lacks seed 1 on toy/preserve; toy_blend lacks seeds 0, 1 on toy_sgd/preserve" in ran.err
    assert "collapsebench run --method toy_blend" in ran.err
    assert console(*verify, path, "--partial").code == 0


def test_each_entry_of_a_file_gets_the_command_that_completes_it(console, cli, run_toys, board, verify, toys):
    cli(*run_toys, "--method", "toy_blend", "--set", "share=0.25", "--task", "toy")
    error, hint = console(*verify, RECORDS / "toy_blend.jsonl").err.splitlines()
    assert error.endswith("is not complete: toy_blend(share=0.25) lacks seeds 0, 1 on toy_sgd/preserve.")
    command = "collapsebench run --method 'toy_blend(share=0.25)' --task toy_sgd --protocol"
    assert f"{command} {toys};" in hint


def test_a_protocol_or_plug_in_that_is_not_here_is_asked_for(console, board, toys):
    path = RECORDS / "replace.jsonl"
    ran = console("verify", path)
    assert ran.code == 3
    assert "protocol.name: 'toys' is not shipped" in ran.err


def test_a_signed_file_is_verified_until_its_records_change(cli, board, verify, run_toys):
    path = RECORDS / "toy_blend.jsonl"
    assert "  signed: boards/toys/verified/toy_blend.json" in cli(*verify, path, "--sign").out.splitlines()
    note = json.loads((board / "verified" / "toy_blend.json").read_text())
    assert [cell["equal"] for cell in note["cells"]] == [True]
    assert note["date"][:2] == "20"
    assert load_view(board).verified == {"toy_blend"}

    cli(*run_toys, "--method", "toy_blend")  # the same records, though another day
    assert load_view(board).verified == {"toy_blend"}
    forge(path, 4, "metrics.error", 0.0)
    assert load_view(board).verified == set()


def test_a_mark_that_verify_did_not_write_is_refused(console, board):
    (board / "verified").mkdir()
    (board / "verified" / "frozen.json").write_text('{"method": "frozen", "records": true}')
    ran = console("leaderboard", "--boards", "boards")
    assert ran.code == 3
    assert "frozen.json: records: " in ran.err


@pytest.mark.parametrize("tolerance", ["inf", "nan", "-0.1", "1", "1e300"])
def test_a_tolerance_that_accepts_everything_is_refused(tolerance, console, tmp_path):
    ran = console("verify", tmp_path / "any.jsonl", "--tolerance", tolerance)
    assert ran.code == 2
    assert ran.err.startswith(f"Error: --tolerance {float(tolerance)} does not lie in [0, 1).")


def test_what_nobody_ran_again_cannot_be_signed(console, board, verify):
    assert console(*verify, board, "--cells", "0", "--sign").code == 2
