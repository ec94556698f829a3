import xml.etree.ElementTree as ET
from dataclasses import replace

import fabricate
import pytest

from collapsebench.board import load_board
from collapsebench.render import cost_plot
from collapsebench.render.figure import digest


def spending(result, factor):
    """The same cell having scored as many tokens as it takes to make `factor` times those trained on."""
    generations = [
        g.changed(costs={**g.costs, "scored_tokens": (factor - 1) * g.costs["trained_tokens"]})
        for g in result.generations
    ]
    return replace(result, generations=tuple(generations))


@pytest.fixture
def board(tmp_path):
    results = [r for name in ("replace", "frozen") for r in fabricate.cells(name)]
    results += [spending(r, 2) for r in fabricate.cells("accumulate", ["gaussian"])] + fabricate.cells(
        "accumulate", ["kde"]
    )
    results += [spending(r, 8) for r in fabricate.cells("accumulate", ["arithmetic"])]
    results += fabricate.cells("tempered", recovered=-4.0) + fabricate.cells("token_edit", seeds=[0])
    return load_board(fabricate.board(tmp_path, results))


def test_costs_are_relative_to_replace_on_the_same_tasks(board):
    # Twice the tokens on one scored task and eight times on the other: four times.
    dots = {dot.label: dot for dot in cost_plot.cost_plot(board).dots}
    assert dots["accumulate"].costs == (1.0, 1.0, 4.0)
    assert dots["accumulate"].recovered == pytest.approx(0.8, abs=0.02)
    assert (dots["replace"].costs, dots["replace"].recovered, dots["replace"].track) == ((1.0, 1.0, 1.0), 0.0, "")
    assert "token_edit" not in dots  # incomplete


def test_the_same_plot_has_the_same_bytes_and_names_every_entry(board):
    plot = cost_plot.cost_plot(board)
    drawn = cost_plot.draw(plot)
    assert drawn == cost_plot.draw(plot)
    assert digest(plot) in drawn
    assert ET.fromstring(drawn).tag.endswith("svg")
    assert all(f">{label}</text>" in drawn for label in ("accumulate", "replace", "frozen"))
    assert ">tempered (−4.00)</text>" in drawn  # below the frame


def test_nothing_to_plot_without_references(tmp_path):
    board = load_board(fabricate.board(tmp_path, fabricate.cells("accumulate")))
    assert cost_plot.cost_plot(board) == cost_plot.CostPlot(())
    assert ET.fromstring(cost_plot.draw(cost_plot.CostPlot(()))).tag.endswith("svg")


def test_labels_are_spread_until_none_lies_on_another():
    assert cost_plot.spread([1.0, 0.5], gap=0.1, low=-1.0) == [1.0, 0.5]
    assert cost_plot.spread([1.0, 1.0, 0.95], gap=0.25, low=-1.0) == [1.0, 0.75, 0.5]
    assert cost_plot.spread([0.25, 0.0, 0.0], gap=0.5, low=0.0) == [1.0, 0.5, 0.0]  # up again from the floor
