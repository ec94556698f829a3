"""`collapsebench leaderboard --html`."""

import pytest
from typer.testing import CliRunner

from collapsebench.cli import app
from collapsebench.core.errors import UsageError


@pytest.fixture
def leaderboard(folder, tmp_path, monkeypatch):
    """The command on the fabricated boards, in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def run(*words):
        return CliRunner().invoke(app, ["leaderboard", "--boards", str(folder), *map(str, words)])

    return run


def test_it_writes_one_file_with_all_boards_and_nothing_else(leaderboard, folder, text, tmp_path):
    before = sorted(folder.rglob("*"))
    ran = leaderboard("--html", "deep/page.html")
    assert (ran.exit_code, ran.stdout) == (0, "deep/page.html\n")
    assert (tmp_path / "deep" / "page.html").read_text(encoding="utf-8") == text
    assert sorted(folder.rglob("*")) == before


def test_without_a_path_it_stands_beside_the_boards(leaderboard, folder):
    page = folder / "index.html"
    assert leaderboard("--html").stdout == f"{page}\n"
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    page.unlink()


def test_one_board_can_be_chosen(leaderboard, tmp_path):
    assert leaderboard("--html", "page.html", "--protocol", "standard").exit_code == 0
    written = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert 'id="standard"' in written
    assert 'id="quick"' not in written


@pytest.mark.parametrize("words", [["page.html"], ["--html", "--check"]])
def test_what_makes_no_sense_is_a_mistake_and_writes_nothing(leaderboard, tmp_path, words):
    assert isinstance(leaderboard(*words).exception, UsageError)
    assert list(tmp_path.iterdir()) == []
