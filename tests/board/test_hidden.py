"""Scores on hidden seeds beside those on public ones."""

import fabricate
import pytest

from collapsebench.board import load_board
from collapsebench.board.hidden import hidden_scores

SETTINGS = ["gaussian/preserve", "arithmetic/preserve"]


@pytest.fixture
def boards(tmp_path):
    """A public and a hidden board, on which `accumulate` is worth what is said."""

    def made(public, hidden):
        for name, worth in (("public", public), ("hidden", hidden)):
            own = [
                c for s in SETTINGS for c in [fabricate.cell("accumulate", s, seed, worth=worth) for seed in range(3)]
            ]
            fabricate.board(tmp_path / name, fabricate.references(SETTINGS) + own)
        return load_board(tmp_path / "public"), load_board(tmp_path / "hidden")

    return made


def test_an_entry_that_is_lucky_on_public_seeds_differs(boards):
    scores = list(hidden_scores(*boards(1.6, 0.6), ["accumulate"]))
    assert {score.group for score in scores} == {"preserve, theory", "preserve, language"}
    assert all(score.differs and score.public > score.hidden for score in scores)


def test_an_honest_entry_does_not_differ(boards):
    scores = list(hidden_scores(*boards(0.62, 0.62), ["accumulate"]))
    assert len(scores) == 2 and not any(score.differs for score in scores)


def test_an_entry_that_is_not_on_both_boards_has_no_score(boards):
    assert list(hidden_scores(*boards(1, 1), ["tempered"])) == []
