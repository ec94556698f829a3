"""What entries cost."""

import math

import fabricate


def test_costs_are_averaged_over_seeds_and_summed_over_scored_tasks(board_of):
    board = board_of(fabricate.everything())
    accumulate = fabricate.entry(board, "accumulate")
    assert board.costs.counted(accumulate, ["real_examples"]) == 2 * 1000
    assert board.costs.counted(accumulate, ["synthetic_examples"]) == 2 * 4000
    assert board.costs.counted(accumulate, ["real_examples", "synthetic_examples"]) == 2 * 5000
    assert board.costs.counted(accumulate, ["trained_tokens"]) == 2 * 5 * 1_600_000
    assert board.costs.seconds(accumulate) == 2 * 5 * 3.0
    assert board.costs.real_share(fabricate.entry(board, "accumulate")) == 0.25
    assert board.costs.counted(fabricate.entry(board, "frozen"), ["real_examples"]) == 2 * 1000
    assert math.isnan(board.costs.seconds(fabricate.entry(board, "token_edit")))  # it is not complete
