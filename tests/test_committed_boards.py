"""The boards in the repository are what this code gives."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from collapsebench.core.files import sha256
from collapsebench.core.records import to_line, write_results
from collapsebench.loop.plan import enumerate_cells
from collapsebench.loop.protocol import load_protocol
from collapsebench.render.files import stale_pages, write_board
from collapsebench.results.audit import check_source
from collapsebench.results.reader import read_located, read_results
from collapsebench.results.references import verified_references

ROOT = Path(__file__).parents[1]
BOARDS = sorted(path.parent for path in ROOT.glob("leaderboards/*/records"))

SCORED = {
    "classic": "d45f41ae3758a36e7462d7a401cef70a234111719353cbe1c31561b4cf23eebb",
    "quick": "4b3a5b5ad3aabab50033a630332fed80db84a9d5a2dcfe97ecbc325f4a25d0ef",
    "standard": "d5cab92bd3418ac53092cf6d8fdbdc0489bbb3256cbcdf0d7113977d9bc4f0c3",
}
"""SHA-256 over all that is scored or counted in the records of a board (see `scored`).

Tidying, new digests and new sentences leave these alone. A change that is meant to move a number bumps a version, and
puts the new digest here in the same commit.
"""


def scored(folder):
    """Of every cell: how it ended, and each generation but for the seconds that it took."""
    return sorted(
        to_line(
            [
                *(result.place, result.cell.status, result.cell.theory),
                *({**vars(g), "seconds": {}} for g in result.generations),
            ]
        )
        for path in folder.glob("records/*.jsonl")
        for result in read_results(path)
    )


@pytest.mark.parametrize("folder", BOARDS, ids=lambda folder: folder.name)
def test_no_number_of_a_board_has_moved(folder):
    digest = sha256("\n".join(scored(folder)).encode())
    assert digest == SCORED[folder.name], f"A number of the board {folder.name} has moved: {digest}."


def test_every_board_is_watched():
    assert {folder.name for folder in BOARDS} == set(SCORED)


@pytest.mark.parametrize("folder", BOARDS, ids=lambda folder: folder.name)
def test_records_were_made_by_the_tasks_methods_and_protocol_that_stand_here(folder):
    """Otherwise the next run would throw them away."""
    protocol = load_protocol(folder.name)
    for path in sorted((folder / "records").glob("*.jsonl")):
        check_source(path, read_located(path), protocol)


def test_a_run_of_quick_trains_no_reference():
    cells = enumerate_cells(load_protocol("quick"), [])
    taken = verified_references(ROOT / "leaderboards" / "quick", cells)
    assert taken.refused == ()
    assert [cell.name for cell in cells if cell.place not in taken.results] == []


@pytest.mark.parametrize("folder", BOARDS, ids=lambda folder: folder.name)
def test_pages_follow_from_their_records(folder):
    assert stale_pages(folder) == []


def rebuilt(folder, target):
    """The pages and figures that follow from a copy of a board's records, sheets and signatures, by name."""
    for inputs in ("records", "samples", "verified"):
        if (folder / inputs).is_dir():
            shutil.copytree(folder / inputs, target / inputs)
    write_board(target)
    return written(target)


def written(folder):
    """What `leaderboard` writes into the folder of a board: path below it -> bytes."""
    paths = [*folder.glob("*.*"), *folder.glob("curves/**/*"), *folder.glob("cost/**/*")]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths if path.is_file()}


def test_the_quick_board_is_rebuilt_from_its_records(tmp_path):
    """Twice, elsewhere, to the byte; figures are compared by what they show where matplotlib is another version."""
    committed = ROOT / "leaderboards" / "quick"
    once = rebuilt(committed, tmp_path / "once")
    assert once == rebuilt(committed, tmp_path / "twice")
    there = written(committed)
    assert set(once) == set(there)
    assert all(once[name] == there[name] for name in once if name.endswith(".md"))


def test_one_changed_number_in_a_record_makes_a_board_stale(tmp_path):
    folder = tmp_path / "quick"
    shutil.copytree(ROOT / "leaderboards" / "quick", folder)
    path = folder / "records" / "accumulate.jsonl"
    results = read_results(path)
    first = next(result for result in results if result.cell.status == "done")
    others = [result for result in results if result is not first]
    *generations, last = first.generations
    primary = first.cell.task.primary
    last = last.changed(metrics={**last.metrics, primary: 2 * last.metrics[primary]})
    path.write_text(write_results([replace(first, generations=(*generations, last)), *others]), encoding="utf-8")
    stale = {page.name for page in stale_pages(folder)}
    page = f"{first.cell.world.question}-{first.cell.task.suite}.md"
    assert stale >= {"README.md", page, f"{first.cell.world.name}.svg"}
