"""Which cells an entry needs, how they stand, and what completes them."""

import fabricate
import pytest


def test_only_complete_entries_are_ranked(board_of):
    board = board_of(fabricate.everything())
    states = {
        label: board.scope.state(fabricate.entry(board, label))
        for label in ("token_edit", "fresh_mix", "reward_curate")
    }
    assert states == {"token_edit": "missing", "fresh_mix": "diverged", "reward_curate": "skipped"}
    ranked = {e.label for track in ("anchored", "fresh", "assisted") for e in board.scores.ranked(track)}
    assert ranked == {"real_mix", "verify_filter"}


def test_a_task_that_lacks_what_a_method_needs_is_outside_the_entrys_scope(board_of):
    board = board_of(fabricate.everything())
    verify = fabricate.entry(board, "verify_filter")
    assert board.scope.lacks(verify, board.tasks[0]) == "needs verifier, which gaussian does not have"
    assert [task.name for task in board.scope.of(verify)] == ["arithmetic"]
    assert board.scope.state(verify) == "done"
    values = [board.scores.by_cell["verify_filter", "arithmetic", seed] for seed in range(3)]
    assert board.scores.overall(verify).task_interval.centre == pytest.approx(sum(values) / 3)
    assert board.costs.counted(verify, ["real_examples"]) == 1000  # of one task


def test_a_task_that_does_not_count_is_not_needed(board_of):
    results = [r for name in ("replace", "frozen") for r in fabricate.cells(name)]
    board = board_of(results + fabricate.cells("accumulate", tasks=["gaussian", "arithmetic"]))
    assert board.scope.state(fabricate.entry(board, "accumulate")) == "done"


def test_a_reference_that_diverged_leaves_its_task_unscored(board_of):
    broken = fabricate.cells("replace", ["gaussian"], status="diverged", reason="loss is nan", finished=2)
    board = board_of([r for name in ("frozen", "accumulate") for r in fabricate.cells(name, ["gaussian"])] + broken)
    assert board.tasks[0].verdict == "references incomplete"
    assert board.scope.seeds(fabricate.entry(board, "replace"), "diverged") == {"gaussian": [0, 1, 2]}


def test_a_command_names_parameters_and_what_is_missing(board_of):
    board = board_of(fabricate.cells("tempered", ["gaussian"], params={"temperature": 0.9, "note": "a b"}))
    assert board.scope.command(board.entries[0]) == (
        "collapsebench run --method 'tempered(temperature=0.9, note=a b)' --task kde,arithmetic --protocol quick"
    )
