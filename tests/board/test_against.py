import fabricate
import pytest

from collapsebench.board import load_board
from collapsebench.board.scores import Against


def entry(board, label):
    return next(e for e in board.entries if e.label == label)


@pytest.fixture
def board_of(tmp_path):
    return lambda results: load_board(fabricate.board(tmp_path, results))


def references():
    return [result for name in ("replace", "frozen") for result in fabricate.cells(name)]


def test_better_level_and_worse_than_frozen(board_of):
    entrants = fabricate.cells("accumulate", recovered=1.2, exact=True)  # R = 1.2 on two tasks, all seeds
    entrants += fabricate.cells("tempered", recovered=0.3, exact=True)
    board = board_of(references() + entrants)
    assert board.scores.against(entry(board, "accumulate")) == Against("better", 1.0)
    assert board.scores.against(entry(board, "tempered")) == Against("worse", 0.0)
    assert board.scores.against(entry(board, "frozen")) == Against("level", 0.5)


def test_better_on_one_task_and_worse_on_the_other_is_level(board_of):
    entrants = fabricate.cells("accumulate", ["gaussian"], recovered=1.2, exact=True)
    entrants += fabricate.cells("accumulate", ["kde"])
    entrants += fabricate.cells("accumulate", ["arithmetic"], recovered=0.8, exact=True)
    board = board_of(references() + entrants)
    assert board.scores.against(entry(board, "accumulate")) == Against("level", 0.5)


def test_an_incomplete_entry_stands_nowhere(board_of):
    board = board_of(references() + fabricate.cells("accumulate", seeds=[0]))
    assert board.scores.against(entry(board, "accumulate")) is None


def test_a_copy_has_the_losses_of_a_reference_everywhere(board_of):
    whole = fabricate.cells("accumulate", recovered=1.0, exact=True)
    half = fabricate.cells("real_mix", ["gaussian", "kde"])
    half += fabricate.cells("real_mix", ["arithmetic"], recovered=1.0, exact=True)
    board = board_of(references() + whole + half)
    assert board.scores.identical_reference(entry(board, "accumulate")) == "frozen"
    assert board.scores.against(entry(board, "accumulate")) == Against("level", 0.5)
    assert board.scores.identical_reference(entry(board, "real_mix")) == ""
    assert board.scores.identical_reference(entry(board, "frozen")) == ""


def test_no_entrant_changes_another_ones_scores(tmp_path):
    """Ranks may change: they say how entries stand to each other."""

    def said(board):
        return {
            e.label: (
                board.scores.overall(e),
                [board.scores.of(e, task) for task in board.tasks],
                board.scores.against(e),
                board.scores.identical_reference(e),
                board.costs.counted(e, ["trained_tokens"]),
                board.costs.real_share(e),
                board.scope.state(e),
            )
            for e in board.entries
        }

    everything = fabricate.everything()
    crowded = said(load_board(fabricate.board(tmp_path / "all", everything)))
    for name in sorted({r.cell.method.name for r in everything if not r.cell.method.reference}):
        others = [result for result in everything if result.cell.method.name != name]
        without = said(load_board(fabricate.board(tmp_path / name, others)))
        assert all(repr(crowded[label]) == repr(what) for label, what in without.items()), name
        assert len(without) == len(crowded) - 1
