"""The boards in the repository are what this code gives, and the README shows them as they are."""

from pathlib import Path

import pytest

from collapsebench.board import stale_pages
from collapsebench.plan import Cell, make_method, make_task
from collapsebench.protocol import load_protocol
from collapsebench.record_reader import read_results

ROOT = Path(__file__).parents[1]
BOARDS = sorted(path.parent for path in ROOT.glob("leaderboards/*/records"))


@pytest.mark.parametrize("folder", BOARDS, ids=lambda folder: folder.name)
def test_records_were_made_by_the_tasks_methods_and_protocol_that_stand_here(folder):
    """Otherwise the next run would throw them away."""
    protocol = load_protocol(folder.name)
    for path in sorted((folder / "records").glob("*.jsonl")):
        for result in read_results(path):
            record = result.cell
            task = make_task(record.task["name"], protocol.rules(record.task["name"]).params)
            cell = Cell(protocol, task, make_method(record.method["name"], record.method["params"]), record.seed)
            assert record.protocol["digest"] == protocol.digest()
            assert record.task["digest"] == cell.task_key, f"{path}: {task.name} has changed"
            assert record.method["digest"] == cell.method_key, f"{path}: {record.method['label']} has changed"


@pytest.mark.parametrize("folder", BOARDS, ids=lambda folder: folder.name)
def test_pages_follow_from_their_records(folder):
    assert stale_pages(folder) == []


def test_the_board_in_the_readme_is_the_board():
    """Every row of its table stands on the quick board, links aside."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    board = (ROOT / "leaderboards" / "quick" / "README.md").read_text(encoding="utf-8")
    rows = [line for line in readme.splitlines() if line.startswith("|")]
    assert len(rows) > 10
    for row in rows:
        assert row.replace("](leaderboards/quick/README.md#", "](#") in board
