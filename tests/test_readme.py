"""The README says what is so."""

from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_the_board_in_the_readme_is_the_board():
    """Every row of its table stands on the quick board, links aside."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    board = (ROOT / "leaderboards" / "quick" / "README.md").read_text(encoding="utf-8")
    rows = [line for line in readme.splitlines() if line.startswith("|")]
    assert len(rows) > 10
    for row in rows:
        assert row.replace("](leaderboards/quick/README.md#", "](#") in board
