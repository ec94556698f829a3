"""What entries cost."""

import math
from dataclasses import replace

import fabricate
import pytest


def test_costs_are_averaged_over_seeds_and_summed_over_settings(board_of):
    board = board_of(fabricate.everything())
    accumulate, settings = fabricate.entry(board, "accumulate"), board.of("preserve")
    assert board.costs.counted(accumulate, settings, ["real_examples"]) == 3 * 1000
    assert board.costs.counted(accumulate, settings, ["real_examples", "synthetic_examples"]) == 3 * 5000
    assert board.costs.counted(accumulate, settings, ["trained_tokens"]) == 3 * 5 * 1_600_000
    assert board.costs.seconds(accumulate, settings) == 3 * 5 * 3.0
    assert board.costs.real_share(accumulate, settings) == 0.25
    diverged = fabricate.entry(board, "tempered(temperature=0.9, top_p=0.9)")
    assert math.isnan(board.costs.seconds(diverged, board.settings))  # it does not run in all of them


def spending(result, factor):
    """The same cell having scored as many tokens as it takes to make `factor` times those trained on."""
    generations = [
        g.changed(costs={**g.costs, "scored_tokens": round((factor - 1) * g.costs["trained_tokens"]) if g.t else 0})
        for g in result.generations
    ]
    return replace(result, generations=tuple(generations))


def test_a_cost_is_relative_to_frozen_in_the_same_settings(board_of):
    # Twice the tokens in one setting and eight times in the other: four times.
    cells = [spending(r, 2) for r in fabricate.cells("accumulate", ["gaussian/preserve"])]
    cells += [spending(r, 8) for r in fabricate.cells("accumulate", ["arithmetic/preserve"])]
    board = board_of(fabricate.references() + cells)
    tokens = ("trained_tokens", "scored_tokens")
    assert board.costs.relative(fabricate.entry(board, "accumulate"), board.settings, tokens) == pytest.approx(4)
    assert board.costs.relative(board.reference("frozen"), board.settings, tokens) == 1
    assert math.isnan(board.costs.relative(board.reference("frozen"), board.settings, ["reward_calls"]))
