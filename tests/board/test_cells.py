"""Which tasks count, and what is read off the cells."""

import fabricate


def test_a_task_that_does_not_collapse_is_left_out(board_of):
    board = board_of(fabricate.everything())
    assert [(task.name, task.verdict) for task in board.tasks] == [
        ("gaussian", "counts"),
        ("kde", "no collapse here"),
        ("arithmetic", "counts"),
    ]
    assert "kde" not in {task for _, task, _ in board.scores.by_cell}


def test_a_gap_within_four_standard_errors_does_not_count(board_of):
    # Gaps 1, 2, 3: mean 2 is 3.5 standard errors. Gaps 2, 2.5, 3: mean 2.5 is 8.7.
    def runs(gaps):
        for seed, gap in enumerate(gaps):
            yield fabricate.with_losses(fabricate.cell("replace", "gaussian", seed), *[1 + gap] * 5)
            yield fabricate.with_losses(fabricate.cell("frozen", "gaussian", seed), *[1] * 5)

    assert not board_of(list(runs([1, 2, 3]))).tasks[0].counts
    assert board_of(list(runs([2, 2.5, 3]))).tasks[0].counts


def test_pairing_across_machines_is_noticed(board_of):
    elsewhere = fabricate.cells("accumulate", environment={"machine": "another CPU"})
    board = board_of(fabricate.cells("replace") + fabricate.cells("frozen") + elsewhere)
    assert board.across_machines(fabricate.entry(board, "accumulate"))
    assert not board.across_machines(fabricate.entry(board, "frozen"))
