import re
from pathlib import Path

import pytest

from collapsebench.render import first_page, page


@pytest.fixture
def board(cli, run_toys):
    """A board that was just run."""
    assert cli(*run_toys, "--method", "accumulate", "--task", "toy").code == 0
    return Path("boards/toys")


def test_a_board_is_regenerated_to_the_byte(cli, board):
    before = {path: path.read_bytes() for path in board.rglob("*") if path.is_file()}
    for path in before:
        if path.suffix != ".jsonl":
            path.unlink()

    assert cli("leaderboard", "--boards", "boards").code == 0

    assert {path: path.read_bytes() for path in board.rglob("*") if path.is_file()} == before


def test_every_page_is_made_once(cli, board, monkeypatch):
    made = []
    monkeypatch.setattr(
        page, "on_group", lambda view, group, make=page.on_group: made.append(group) or make(view, group)
    )
    assert "preserve-own.md" in cli("leaderboard", "--boards", "boards").out
    assert len(made) == len(set(made)) == len(list(board.glob("*-*.md")))


def test_check_passes_on_a_fresh_board(cli, board):
    ran = cli("leaderboard", "--check", "--boards", "boards")
    assert (ran.code, ran.out) == (0, "Boards are up to date.\n")


def test_check_ends_with_4_on_a_stale_page_and_writes_nothing(console, board):
    page = board / "README.md"
    page.write_text("Edited by hand.")
    ran = console("leaderboard", "--check", "--boards", "boards")
    assert ran.code == 4
    assert str(page) in ran.err.splitlines()[0]
    assert page.read_text() == "Edited by hand."


def script(board):
    path = board / "curves" / "toy" / "preserve.svg"
    path.write_text(path.read_text().replace("</svg>", "<script>alert(1)</script></svg>"))
    return path


def moved_line(board):
    path = board / "curves" / "toy" / "preserve.svg"
    path.write_text(re.sub(r"M (\d+\.\d+) ", lambda found: f"M {float(found[1]) + 1} ", path.read_text()))
    return path


def page_of_html(board):
    path = board / "board.html"
    path.write_text("<p>")
    return path


def link(board):
    path = board / "curves" / "link.svg"
    path.symlink_to("/etc/hostname")
    return path


@pytest.mark.parametrize("edit", [script, moved_line, page_of_html, link])
def test_a_strict_check_draws_figures_anew_and_knows_every_file(edit, console, board):
    assert console("leaderboard", "--check", "--strict", "--boards", "boards").code == 0
    path = edit(board)
    ran = console("leaderboard", "--check", "--strict", "--boards", "boards")
    assert ran.code == 4
    assert f"{path}: no record gives this file" in ran.err


def test_check_ends_with_4_after_a_record_or_a_template_changed(console, board, monkeypatch):
    path = board / "records" / "accumulate.jsonl"
    records = path.read_text()
    path.write_text(records.replace('"description":"Train', '"description":"Trained'))
    assert console("leaderboard", "--check", "--boards", "boards").code == 4
    path.write_text(records)
    assert console("leaderboard", "--check", "--boards", "boards").code == 0
    monkeypatch.setitem(first_page.SEES, "blind", "nothing")
    assert console("leaderboard", "--check", "--boards", "boards").code == 4


def test_check_ends_with_4_where_a_source_has_changed_though_the_pages_are_up_to_date(console, cli, board):
    path = board / "records" / "frozen.jsonl"
    path.write_text(re.sub(r'"digest":"[0-9a-f]{64}","label"', f'"digest":"{"0" * 64}","label"', path.read_text()))
    before = {path: path.read_bytes() for path in board.rglob("*") if path.is_file()}
    assert cli("leaderboard", "--boards", "boards").code == 0
    assert {path: path.read_bytes() for path in board.rglob("*") if path.is_file()} == before
    ran = console("leaderboard", "--check", "--boards", "boards")
    assert ran.code == 4
    assert "changed after the records of frozen." in ran.err


def test_a_damaged_record_is_named(console, board):
    path = board / "records" / "accumulate.jsonl"
    path.write_bytes(path.read_bytes()[:-30])
    ran = console("leaderboard", "--boards", "boards")
    assert ran.code == 3
    assert str(path) in ran.err
    assert "Traceback" not in ran.err


def test_one_board_can_be_chosen_and_an_unknown_one_is_a_mistake(console, cli, board):
    assert cli("leaderboard", "--boards", "boards", "--protocol", "toys").code == 0
    ran = console("leaderboard", "--boards", "boards", "--protocol", "toy")
    assert ran.code == 2
    assert ran.err.splitlines() == ["Error: Unknown board 'toy'.", "Hint: Did you mean 'toys'?"]


def test_no_board_at_all_says_how_to_make_one(console):
    ran = console("leaderboard", "--boards", "nowhere")
    assert ran.code == 2
    assert "collapsebench run" in ran.err
