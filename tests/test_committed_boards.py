"""The boards in the repository are what this code gives, and the README shows them as they are."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from collapsebench.core.records import write_results
from collapsebench.loop.protocol import load_protocol
from collapsebench.render.files import stale_pages, write_board
from collapsebench.results.audit import check_source
from collapsebench.results.reader import read_located, read_results

ROOT = Path(__file__).parents[1]
BOARDS = sorted(path.parent for path in ROOT.glob("leaderboards/*/records"))


@pytest.mark.parametrize("folder", BOARDS, ids=lambda folder: folder.name)
def test_records_were_made_by_the_tasks_methods_and_protocol_that_stand_here(folder):
    """Otherwise the next run would throw them away."""
    protocol = load_protocol(folder.name)
    for path in sorted((folder / "records").glob("*.jsonl")):
        check_source(path, read_located(path), protocol)


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
    paths = [*folder.glob("*.*"), *folder.glob("curves/*")]
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
    first, *others = read_results(path)
    *generations, last = first.generations
    primary = first.cell.task.primary
    last = last.changed(metrics={**last.metrics, primary: 1.1 * last.metrics[primary]})
    path.write_text(write_results([replace(first, generations=(*generations, last)), *others]), encoding="utf-8")
    stale = {page.name for page in stale_pages(folder)}
    assert stale >= {"README.md", "blind.md", f"{first.cell.task.name}.svg"}


def test_the_board_in_the_readme_is_the_board():
    """Every row of its table stands on the quick board, links aside."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    board = (ROOT / "leaderboards" / "quick" / "README.md").read_text(encoding="utf-8")
    rows = [line for line in readme.splitlines() if line.startswith("|")]
    assert len(rows) > 10
    for row in rows:
        assert row.replace("](leaderboards/quick/README.md#", "](#") in board
