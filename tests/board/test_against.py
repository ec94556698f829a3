import pytest

from collapsebench.board import Against, against, copy_of, load_board


def entry(board, label):
    return next(e for e in board.entries if e.label == label)


@pytest.fixture
def board_of(fabricate, tmp_path):
    return lambda results: load_board(fabricate.board(tmp_path, results))


def references(fabricate):
    return [result for name in ("replace", "frozen") for result in fabricate.cells(name)]


def test_better_level_and_worse_than_frozen(board_of, fabricate):
    entrants = fabricate.cells("accumulate", recovered=1.2, exact=True)  # R = 1.2 on two tasks, all seeds
    entrants += fabricate.cells("tempered", recovered=0.3, exact=True)
    board = board_of(references(fabricate) + entrants)
    assert against(board, entry(board, "accumulate")) == Against("better", 1.0)
    assert against(board, entry(board, "tempered")) == Against("worse", 0.0)
    assert against(board, entry(board, "frozen")) == Against("level", 0.5)


def test_better_on_one_task_and_worse_on_the_other_is_level(board_of, fabricate):
    entrants = fabricate.cells("accumulate", ["gaussian"], recovered=1.2, exact=True)
    entrants += fabricate.cells("accumulate", ["kde"])
    entrants += fabricate.cells("accumulate", ["arithmetic"], recovered=0.8, exact=True)
    board = board_of(references(fabricate) + entrants)
    assert against(board, entry(board, "accumulate")) == Against("level", 0.5)


def test_an_incomplete_entry_stands_nowhere(board_of, fabricate):
    board = board_of(references(fabricate) + fabricate.cells("accumulate", seeds=[0]))
    assert against(board, entry(board, "accumulate")) is None


def test_a_copy_has_the_losses_of_a_reference_everywhere(board_of, fabricate):
    whole = fabricate.cells("accumulate", recovered=1.0, exact=True)
    half = fabricate.cells("real_mix", ["gaussian", "kde"])
    half += fabricate.cells("real_mix", ["arithmetic"], recovered=1.0, exact=True)
    board = board_of(references(fabricate) + whole + half)
    assert copy_of(board, entry(board, "accumulate")) == "frozen"
    assert against(board, entry(board, "accumulate")) == Against("level", 0.5)
    assert copy_of(board, entry(board, "real_mix")) == ""
    assert copy_of(board, entry(board, "frozen")) == ""


def test_no_entrant_changes_another_ones_scores(fabricate, tmp_path):
    """Ranks may change: they say how entries stand to each other."""

    def said(board):
        return {
            e.label: (
                board.overall(e),
                [board.score(e, task) for task in board.tasks],
                against(board, e),
                copy_of(board, e),
                board.costs(e),
                board.state(e),
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
