"""Which cells an entry needs, how they stand, and what completes them."""

import fabricate
import pytest


@pytest.fixture
def board(board_of):
    return board_of(fabricate.everything())


def standing(board, label, question, suite):
    return board.scope.standing(fabricate.entry(board, label), fabricate.group(board, question, suite))


def test_how_entries_stand(board):
    assert standing(board, "accumulate", "preserve", "language") == "whole"
    assert standing(board, "token_edit", "preserve", "language") == "waits"
    assert standing(board, "token_edit", "preserve", "theory") == "whole"
    assert standing(board, "detector", "grow", "language") == "part"  # it diverged
    assert standing(board, "reward_curate", "preserve", "language") == "part"  # it was skipped
    assert standing(board, "verify_filter", "preserve", "theory") == "absent"  # nothing there has a verifier
    assert standing(board, "token_edit", "grow", "language") == "absent"  # it was never run there


def test_a_failed_cell_is_waited_for(board_of):
    settings = ["gaussian/preserve"]
    cells = fabricate.cells("accumulate", settings, seeds=[0, 1])
    cells += fabricate.cells("accumulate", settings, seeds=[2], status="failed", reason="ValueError", finished=2)
    assert standing(board_of(fabricate.references(settings) + cells), "accumulate", "preserve", "theory") == "waits"


def test_what_a_setting_lacks_is_said_and_not_needed(board):
    verify, theory = fabricate.entry(board, "verify_filter"), fabricate.group(board, "preserve", "theory")
    gaussian = fabricate.setting(board, "gaussian/preserve")
    assert board.scope.lacks(verify, gaussian) == "needs verifier, which gaussian does not have"
    assert board.scope.needed(verify, theory) == ()
    assert board.scope.waiting(verify) == ()


def test_a_setting_that_does_not_count_is_not_needed(board_of):
    loop = ["gaussian/preserve", "kde/preserve"]
    board = board_of(fabricate.references(loop) + fabricate.cells("accumulate", loop[:1]))
    assert standing(board, "accumulate", "preserve", "theory") == "whole"


def test_a_diverged_entry_says_when(board):
    detector, setting = fabricate.entry(board, "detector"), fabricate.setting(board, "arithmetic/grow")
    assert board.scope.diverged(detector, setting) == "diverged at t=3 (2 of 3 seeds)"


def test_a_command_names_parameters_and_what_is_missing(board_of):
    parameters = {"temperature": 0.9, "note": "a b"}
    done = fabricate.cells("tempered", ["gaussian/preserve"], params=parameters)
    done += fabricate.cells("tempered", ["arithmetic/preserve"], params=parameters, seeds=[0])
    board = board_of(fabricate.references() + done)
    assert board.scope.command(fabricate.entry(board, "tempered(temperature=0.9, note=a b)")) == (
        "collapsebench run --method 'tempered(temperature=0.9, note=a b)' --task arithmetic --protocol quick"
    )


def test_references_that_have_not_run_are_named_with_their_settings(board_of):
    board = board_of(fabricate.cells("accumulate", ["gaussian/purify", "arithmetic/grow"]))
    assert board.scope.missing_references() == {
        "frozen": ["gaussian/purify", "arithmetic/grow"],
        "take_newest": ["gaussian/purify"],
        "oracle": ["gaussian/purify"],
        "more_real": ["arithmetic/grow"],
    }
    assert board.scope.tasks(["gaussian/purify", "gaussian/preserve", "arithmetic/grow"]) == ["gaussian", "arithmetic"]
