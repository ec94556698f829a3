"""Records held against the installed source, and a sample of cells run again."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from collapsebench.board.hidden import hidden_seed
from collapsebench.board.stats import student_t_interval
from collapsebench.core.method import references
from collapsebench.core.records import CellResult, to_line
from collapsebench.render.files import load_view
from collapsebench.results.rerun import sample

RECORDS = Path("boards/toys/records")


@pytest.fixture
def verify(toy, toys, toy_file):
    """The words that verify in this process, which knows the toys already."""
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
    again = [line for line in lines if ": run again: " in line]
    assert len(again) == len(["toy_blend", "take_newest", *references("preserve")]) * 2
    assert all(line.endswith("agrees to the byte") for line in again)
    every = cli(*verify, RECORDS / "take_newest.jsonl", "--cells", "99").out.splitlines()
    curves = [line for line in every if line.startswith("take_newest: run again: take_newest on toy_sgd/curve, seed ")]
    assert len(curves) == 2 and all(line.endswith("agrees to the byte") for line in curves)
    assert {path: path.read_bytes() for path in board.rglob("*") if path.is_file()} == before


FORGED = {
    "cell": ("0" * 64, "cell: is not the digest of its parts"),
    "protocol.digest": ("0" * 64, "protocol.digest: stale"),
    "protocol.generations": (7, "protocol.generations: must be 2, not 7"),
    "protocol.tasks": (["toy_sgd", "toy"], "protocol.tasks: must be"),
    "task.digest": ("0" * 64, "task.digest: stale"),
    "task.suite": ("language", "task.suite: must be"),
    "world.name": ("purify", "world.name: toy has no world 'purify' under these rules"),
    "world.missed": (0.0, "world.missed: must be 0.1, not 0.0"),
    "method.reference": (True, "method.reference: is true for first_teacher, "),
    "task.unit": ("points", "task.unit: must be 'distance', not 'points'"),
    "task.metrics.error.meaning": ("smaller is worse", "task.metrics: must be"),
    "method.digest": ("0" * 64, "method.digest: stale"),
    "method.track": ("blind", "method.track: is 'anchored' with access to history, not 'blind'"),
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


NUMBERS = {
    "metrics.error": (0.0, "error at generation 2 is recorded as 0; run again it is 1.42"),
    "metrics.rows": (5.0, "rows at generation 2 is recorded as 5; run again it is 4"),
    "log.pool_mean": (3.0, "pool_mean at generation 2 is recorded as 3; run again it is"),
    "costs.synthetic_examples": (9, "synthetic_examples at generation 2 is recorded as 9; run again it is"),
    "costs.trained_tokens": (10_000, "trained_tokens at generation 2 is recorded as 10000; run again it is"),
    "synthetic_share": (0.0, "synthetic_share at generation 2 is recorded as 0; run again it is"),
    "rows": (5, "rows at generation 2 is recorded as 5; run again it is 4"),
}


@pytest.mark.parametrize("field", NUMBERS)
def test_every_forged_number_is_found_when_its_cell_is_run_again(console, board, verify, field):
    value, said = NUMBERS[field]
    forge(RECORDS / "toy_blend.jsonl", 4, field, value)
    ran = console(*verify, RECORDS / "toy_blend.jsonl", "--cells", "4")
    assert ran.code == 3
    assert f"Error: {RECORDS / 'toy_blend.jsonl'}: toy_blend on toy/preserve, seed 0: {said}" in ran.err


def number(line, field):
    """A number of a line of the records of toy_blend."""
    content = json.loads((RECORDS / "toy_blend.jsonl").read_text().splitlines()[line - 1])
    for part in field.split("."):
        content = content[part]
    return content


@pytest.mark.parametrize(("by", "code"), [(1e-5, 3), (1e-8, 0)])
def test_a_closed_form_agrees_up_to_rounding_whatever_machine_a_record_names(console, board, verify, by, code):
    path = RECORDS / "toy_blend.jsonl"
    forge(path, 4, "metrics.error", number(4, "metrics.error") * (1 + by))
    forge(path, 1, "environment", {"machine": "another"})
    ran = console(*verify, path, "--cells", "4")
    assert ran.code == code
    assert ("agrees to rounding, error at t=2 by 0.01 of what it may" in ran.out) == (code == 0)


STEPPED = 12
"""The line of the last generation of toy_blend on toy_sgd with seed 0."""


def spread():
    """The half-width of the interval over two seeds of the last error on toy_sgd."""
    return student_t_interval([number(STEPPED + 4 * seed, "metrics.error") for seed in (0, 1)]).half_width


@pytest.mark.parametrize(("share", "code"), [(0.2, 3), (1e-4, 0)])
def test_a_trained_model_agrees_to_a_share_of_its_interval(console, board, verify, share, code):
    forge(RECORDS / "toy_blend.jsonl", STEPPED, "metrics.error", number(STEPPED, "metrics.error") + share * spread())
    ran = console(*verify, RECORDS / "toy_blend.jsonl", "--cells", "4")
    assert ran.code == code, ran.out + ran.err


def test_nobody_widens_the_interval_that_he_is_measured_by(console, board, verify):
    """Seeds that are made to lie far apart would otherwise allow as much in each of them."""
    for seed, far in ((0, 1e3), (1, -1e3)):
        for t in (1, 2):
            line = STEPPED - 2 + t + 4 * seed
            forge(RECORDS / "toy_blend.jsonl", line, "metrics.error", 1e4 + far + number(line, "metrics.error"))
    ran = console(*verify, RECORDS / "toy_blend.jsonl", "--cells", "4", "--tolerance", "0.9")
    assert ran.code == 3


# -- the draw ------------------------------------------------------------------------------------------


def drawn(out):
    """The cells of toy_blend that a command ran again."""
    return [line.partition("run again: ")[2].partition(" (")[0] for line in out.splitlines() if ": run again: " in line]


def test_the_system_draws_and_its_draw_can_be_repeated(cli, board, verify):
    path = RECORDS / "toy_blend.jsonl"
    outs = [cli(*verify, path, "--cells", "1").out for _ in range(12)]
    assert len({cell for out in outs for cell in drawn(out)}) > 1  # the content of the file decides nothing
    draw = re.search(r"\(draw (\w{32})\)", outs[0])[1]
    assert drawn(cli(*verify, path, "--cells", "1", "--draw", draw).out) == drawn(outs[0])


def test_a_draw_goes_over_all_tasks_before_one_stands_twice(cli, board, verify):
    for draw in range(8):
        cells = drawn(cli(*verify, RECORDS / "toy_blend.jsonl", "--cells", "2", "--draw", draw).out)
        assert {cell.split(" on ")[1].split("/")[0] for cell in cells} == {"toy", "toy_sgd"}


def test_no_content_of_a_file_changes_what_a_draw_takes(make_result):
    """Eight of nine cells are false, and thirteen numbers in a log are tried until the honest one is drawn."""
    cells = [make_result("toy_blend", seed=seed) for seed in range(9)]

    def with_log(value):
        return [CellResult(c.cell, tuple(g.changed(log={"x": value}) for g in c.generations)) for c in cells]

    taken = {sample(with_log(float(tried)), 1, "a draw")[0].place for tried in range(13)}
    assert len(taken) == 1
    assert len({sample(cells, 1, f"draw {number}")[0].place for number in range(60)}) == 9


def test_a_cell_that_was_refused_is_run_again_whatever_is_drawn(console, board, verify):
    path, note = RECORDS / "toy_blend.jsonl", board / "verified" / "toy_blend.json"
    content = path.read_bytes()
    forge(path, 4, "metrics.error", 0.0)
    assert console(*verify, path, "--cells", "4", "--sign").code == 3
    assert load_view(board).verified == {}
    (refusal,) = json.loads(note.read_text())["refused"]
    assert (refusal["task"], refusal["seed"]) == ("toy", 0)
    for draw in range(3):  # of four cells one is drawn, beside the one that is owed
        assert console(*verify, path, "--cells", "1", "--draw", draw, "--sign").code == 3
    path.write_bytes(content)
    ran = console(*verify, path, "--cells", "1", "--sign")
    assert ran.code == 0 and "toy_blend on toy/preserve, seed 0" in drawn(ran.out)
    assert "4 refused before" in (board / "README.md").read_text()
    assert load_view(board).verified.keys() == {"toy_blend"}


def test_floor_and_ceiling_run_again_beside_a_cell(cli, board, verify):
    ran = cli(*verify, RECORDS / "toy_blend.jsonl", "--cells", "1", "--sign")
    assert ran.code == 0
    assert "Run again: 3 cells" in ran.out
    (cell,) = json.loads((board / "verified" / "toy_blend.json").read_text())["cells"]
    assert cell["references"] == {"frozen": True, "replace": True}


def test_files_that_are_verified_together_share_their_references(cli, board, verify):
    names = ["toy_blend", "replace", "frozen"]
    ran = cli(*verify, *(RECORDS / f"{name}.jsonl" for name in names), "--cells", "2", "--draw", "1")
    assert ran.code == 0
    count = int(re.search(r"Run again: (\d+) cells", ran.out)[1])
    assert count <= 8  # of frozen some are learning curves


def test_workers_run_cells_side_by_side(cli, board, toys, toy_file):
    words = ("verify", "--protocol", toys, "--plugin", toy_file, RECORDS / "toy_blend.jsonl")
    ran = cli(*words, "--cells", "2", "--workers", "2")
    assert ran.code == 0
    assert len(drawn(ran.out)) == 2


# -- what is missing -----------------------------------------------------------------------------------


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


def test_a_signed_file_is_verified_until_a_byte_of_it_changes(cli, board, verify, run_toys):
    path = RECORDS / "toy_blend.jsonl"
    assert "toy_blend: signed: boards/toys/verified/toy_blend.json" in cli(*verify, path, "--sign").out.splitlines()
    note = json.loads((board / "verified" / "toy_blend.json").read_text())
    assert [cell["agreed"] for cell in note["cells"]] == ["to the byte"] * 2
    assert note["date"][:2] == "20"
    assert (note["ended"], note["drawn"]) == (4, "by the system")
    assert "verified: 2 of 4 cells ran again on 20" in (board / "README.md").read_text()
    assert load_view(board).verified.keys() == {"toy_blend"}

    cli(*run_toys, "--method", "toy_blend")  # finished: the same bytes
    content = path.read_bytes()
    for line, field, value in ((1, "environment.machine", "a faster one"), (4, "seconds.fit", 0.0)):
        assert load_view(board).verified.keys() == {"toy_blend"}
        forge(path, line, field, value)
        assert load_view(board).verified == {}
        path.write_bytes(content)


def test_a_note_of_an_older_form_gives_no_mark(board, verify, cli):
    cli(*verify, RECORDS / "toy_blend.jsonl", "--sign")
    path = board / "verified" / "toy_blend.json"
    kept = ("cells", "date", "environment", "method", "protocol", "records", "tolerance")
    path.write_text(json.dumps({key: json.loads(path.read_text())[key] for key in kept}))
    assert load_view(board).verified == {}


def test_a_mark_that_verify_did_not_write_is_refused(console, board):
    (board / "verified").mkdir()
    (board / "verified" / "frozen.json").write_text('{"method": "frozen", "records": true}')
    ran = console("leaderboard", "--boards", "boards")
    assert ran.code == 3
    assert "frozen.json: form: is missing" in ran.err


@pytest.mark.parametrize("tolerance", ["inf", "nan", "-0.1", "1", "1e300"])
def test_a_tolerance_that_accepts_everything_is_refused(tolerance, console, tmp_path):
    ran = console("verify", tmp_path / "any.jsonl", "--tolerance", tolerance)
    assert ran.code == 2
    assert ran.err.startswith(f"Error: --tolerance {float(tolerance)} does not lie in [0, 1).")


def test_what_nobody_ran_again_cannot_be_signed(console, board, verify):
    assert console(*verify, board, "--cells", "0", "--sign").code == 2


# -- hidden seeds --------------------------------------------------------------------------------------


@pytest.fixture
def secret(tmp_path):
    path = tmp_path / "secret"
    path.write_text("a secret of a maintainer")
    return path


def test_hidden_seeds_stand_beside_public_ones_and_are_told_nowhere(cli, board, verify, secret):
    before = {path: path.read_bytes() for path in (board / "records").iterdir()}
    ran = cli(*verify, RECORDS / "toy_blend.jsonl", "--hidden", "3", "--secret", secret, "--sign")
    assert ran.code == 0
    note = (board / "verified" / "toy_blend.json").read_text()
    found = json.loads(note)["hidden"]
    assert found["seeds"] == 3 and re.fullmatch("[0-9a-f]{64}", found["commitment"])
    protocol = json.loads((RECORDS / "toy_blend.jsonl").read_text().splitlines()[0])["protocol"]["digest"]
    seeds = [hidden_seed(secret.read_bytes(), protocol, "toy", number) for number in range(3)]
    assert all(str(seed) not in ran.out + ran.err + note for seed in seeds)
    assert {path: path.read_bytes() for path in (board / "records").iterdir()} == before


def test_hidden_seeds_are_no_public_ones_and_differ_between_secrets_tasks_and_protocols():
    seeds = {
        hidden_seed(secret, protocol, task, number)
        for secret in (b"a", b"b")
        for protocol in ("p", "q")
        for task in ("t", "u")
        for number in range(50)
    }
    assert len(seeds) == 400
    assert all(100_000 < seed <= 2**53 for seed in seeds)


@pytest.mark.parametrize("value", ["", "short"])
def test_a_secret_that_is_guessed_is_refused(console, board, verify, monkeypatch, value):
    monkeypatch.setenv("COLLAPSEBENCH_SECRET", value)
    ran = console(*verify, RECORDS / "toy_blend.jsonl", "--hidden", "2")
    assert ran.code == 2
    assert "--hidden needs a secret of at least 16 bytes" in ran.err


def test_no_process_finds_the_secret_in_its_environment(cli, board, verify, monkeypatch):
    monkeypatch.setenv("COLLAPSEBENCH_SECRET", "a secret of a maintainer")
    assert cli(*verify, RECORDS / "toy_blend.jsonl", "--hidden", "2").code == 0
    assert "COLLAPSEBENCH_SECRET" not in os.environ


# -- tasks that are not shipped ------------------------------------------------------------------------

STRANGE = """
import os
from dataclasses import dataclass
from pathlib import Path
from collapsebench import task, testing

with open("imported", "a") as file:
    print(os.getpid(), file=file)
if Path("silent").exists():
    os._exit(0)

@task("strange")
@dataclass(frozen=True)
class Strange(testing.Toy):
    '''Numbers.'''

    rules = {"n": 4, "seeds": 2, "generations": 2}
"""


@pytest.fixture
def strange(cli):
    """A board of a task that only a process of its own imports."""
    Path("strange.py").write_text(STRANGE)
    words = ("run", "--task", "strange", "--plugin", "strange.py", "--method", "replace", "--workers", "0")
    command = [sys.executable, "-m", "collapsebench", *words, "--boards", "boards"]
    subprocess.run(command, check=True, capture_output=True)
    Path("imported").unlink()
    return Path("boards/own-strange/records/replace.jsonl")


def test_a_task_that_is_not_shipped_is_judged_by_a_process_that_never_imports_it(console, strange):
    strange.write_text(strange.read_text().replace('"error":2.0', '"error":1.5', 1))  # of one seed
    ran = console("verify", strange, "--plugin", "strange.py", "--cells", "2")
    assert ran.code == 3
    assert "seed 0: error at generation 2 is recorded as 1.5; run again it is 2" in ran.err
    assert "replace on strange/preserve, seed 1 (0.0 s): agrees to the byte" in ran.out
    assert str(os.getpid()) not in Path("imported").read_text().split()


def test_a_task_that_ends_the_process_that_imports_it_is_no_success(console, strange):
    Path("silent").touch()
    ran = console("verify", strange, "--plugin", "strange.py")
    assert ran.code == 3
    assert "Task 'strange' gave no answer" in ran.err
