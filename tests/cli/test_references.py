"""`run` takes references from verified records, says so, and trains them where it is told to."""

import re
import shutil
from pathlib import Path

import pytest
import torch

from collapsebench.core.method import references as names_of
from collapsebench.core.records import CellResult, write_results
from collapsebench.loop.store import Store
from collapsebench.results import references
from collapsebench.results.reader import read_results
from collapsebench.results.signature import Draw, sign

DRAW = Draw(draw="1", drawn="by hand")
BOARD = Path("boards/toys")
BLEND = ("--method", "toy_blend")


@pytest.fixture
def signed(board):
    """The board with a note of verification beside the records of every reference."""
    for path in (board / "records").glob("*.jsonl"):
        if path.stem != "toy_blend":
            sign(board, read_results(path), DRAW, [])
    shutil.rmtree("store", ignore_errors=True)
    return board


@pytest.fixture
def published(signed, tmp_path, monkeypatch):
    """The published board, which is not the user's."""
    folder = tmp_path / "published-leaderboards"
    shutil.move("boards", folder)
    monkeypatch.setattr(references, "builtin_folder", lambda name: tmp_path / f"published-{name}")
    return folder / "toys"


def states(ran):
    """How each cell of a dry run stands: by what is said of it, the methods that it is said of."""
    found = {}
    for line in ran.out.splitlines():
        if matched := re.match(r"(.*): (\w+)(\(.*\))? on \S+, seed \d+$", line):
            found.setdefault(matched[1], set()).add(matched[2])
    return found


def trained():
    """The methods that have cells in the store."""
    return {folder.path.parent.name for folder in Store(Path("store")).cells()}


def records(folder=BOARD):
    return {path.name: path.read_bytes() for path in (folder / "records").iterdir()}


def nudge(folder, by=1e-7):
    """Another machine's records, signed: the losses of the references are a little larger."""
    for path in sorted((folder / "records").glob("*.jsonl")):
        if path.stem == "toy_blend":
            continue
        theirs = []
        for result in read_results(path):
            made = [
                g.changed(
                    metrics={**g.metrics, "error": g.metrics["error"] * (1 + by)},
                    log={**g.log, "elsewhere": by} if g.t else {},
                )
                for g in result.generations
            ]
            environment = {**result.cell.environment, "machine": "Another CPU", "git": "0123456789abcdef"}
            theirs.append(CellResult(result.cell.changed(environment=environment), tuple(made)))
        path.write_text(write_results(theirs))
        sign(folder, theirs, DRAW, [])


ALL = {"take_newest", *names_of("preserve")}


def test_references_come_from_the_verified_records_of_the_board(cli, run_toys, signed):
    before = records()
    assert states(cli(*run_toys, *BLEND, "--dry-run")) == {"verified on boards/toys": ALL, "to run": {"toy_blend"}}
    assert "verified on boards/toys: frozen" in cli(*run_toys, *BLEND, "--explain").out
    ran = cli(*run_toys, *BLEND)
    said = f"{2 * 2 * (len(ALL) - 1)} reference cells and 4 learning curves come from verified records of boards/toys, "
    assert [line for line in ran.out.splitlines() if line.startswith(f"{said}run at commit ")] != []
    assert trained() == {"toy_blend"}
    assert records() == before


def test_references_come_from_the_published_board_where_ones_own_has_none(cli, run_toys, published):
    nudge(published)
    ran = cli(*run_toys, *BLEND)
    assert f"verified records of {published}, run at commit 0123456; --own-references trains them here." in ran.out
    assert trained() == {"toy_blend"}
    theirs = records(published)
    assert {name: content for name, content in records().items() if name != "toy_blend.jsonl"} == {
        name: content for name, content in theirs.items() if name != "toy_blend.jsonl"
    }
    page = (BOARD / "README.md").read_text()
    assert "[toy_blend](#entry-toy-blend) †" in page
    assert f"References ran on Another CPU, torch {torch.__version__}" in page
    again = records()
    assert f"verified records of {published}" in cli(*run_toys, *BLEND).out
    assert records() == again


def test_one_file_without_a_note_is_trained_and_the_others_are_taken(cli, run_toys, signed):
    (signed / "verified" / "replace.json").unlink()
    plan = states(cli(*run_toys, *BLEND, "--dry-run"))
    assert plan == {"verified on boards/toys": ALL - {"replace"}, "to run": {"replace", "toy_blend"}}


def test_a_tampered_record_is_trained_here_and_the_run_says_why(cli, run_toys, published):
    path = published / "records" / "replace.jsonl"
    path.write_text(re.sub(r'"metrics":{"error":[\d.e+-]+', '"metrics":{"error":3.5', path.read_text(), count=1))
    ran = cli(*run_toys, *BLEND)
    assert f"{path} is not what {published / 'verified' / 'replace.json'} was written for" in ran.err
    assert trained() == {"replace", "toy_blend"}
    assert read_results(BOARD / "records" / "replace.jsonl") != read_results(path)


def test_other_sizes_of_a_task_have_every_reference_trained(cli, run_toys, published, toys):
    assert states(cli(*run_toys, "--dry-run")) == {f"verified on {published}": ALL}
    toys.write_text(toys.read_text().replace("noise: 0.1", "noise: 0.2"))
    assert states(cli(*run_toys, "--dry-run")) == {"to run": ALL}


def test_own_references_are_trained_and_equal_ones_change_no_byte(cli, run_toys, signed):
    before = records()
    ran = cli(*run_toys, *BLEND, "--own-references")
    assert "verified records" not in ran.out + ran.err
    assert trained() == {*ALL, "toy_blend"}
    assert records() == before


def test_a_board_keeps_verified_references_that_differ_by_rounding(cli, run_toys, signed):
    nudge(signed)
    before = records()
    ran = cli(*run_toys, *BLEND, "--own-references")
    assert (
        f"{2 * 2 * len(ALL)} reference cells made here differ from verified records by up to 1e-07, relatively"
        in ran.out
    )
    assert "boards/toys keeps the verified ones. --boards FOLDER takes these." in ran.out
    assert records() == before

    mine = [*run_toys[:-1], "mine"]  # they are in the store: nothing trains again
    assert states(cli(*mine, *BLEND, "--dry-run", "--own-references")) == {"done": {*ALL, "toy_blend"}}
    assert cli(*mine, *BLEND, "--own-references").code == 0
    assert records(Path("mine/toys")).keys() == before.keys()
    assert "Another CPU" not in "".join(map(bytes.decode, records(Path("mine/toys")).values()))


def test_own_references_take_the_place_of_published_ones_and_say_so(cli, run_toys, published):
    nudge(published)
    theirs = records(published)
    cli(*run_toys, *BLEND)
    ran = cli(*run_toys, *BLEND, "--own-references")
    said = f"Replaced {2 * 2 * len(ALL)} records of the same cells, from which those made here differ by up to 1e-07"
    assert said in ran.out
    own = records()
    assert all(own[name] != theirs[name] for name in own if name != "toy_blend.jsonl")
    assert records(published) == theirs

    third = [*run_toys[:-1], "third"]  # what is in the store comes before what is published
    assert states(cli(*third, *BLEND, "--dry-run")) == {"done": {*ALL, "toy_blend"}}
    shutil.rmtree("store")  # the next run trains them again rather than mix the two
    assert states(cli(*run_toys, *BLEND, "--dry-run")) == {"to run": {*ALL, "toy_blend"}}
    assert "Replaced" not in cli(*run_toys, *BLEND).out
    assert records() == own


def test_a_submission_takes_references_where_the_run_took_them(cli, run_toys, published, toys, toy_file):
    cli(*run_toys, *BLEND)
    options = ("--protocol", toys, "--plugin", toy_file, "--store", "store", "--boards", "shared")
    ran = cli("submit", "toy_blend", *options)
    assert f"The board lacked reference cells, which were added: {', '.join(sorted(ALL))}." in ran.out
    assert records(Path("shared/toys")) == records()
