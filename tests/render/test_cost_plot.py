import xml.etree.ElementTree as ET

import fabricate
import pytest

from collapsebench.board import load_board
from collapsebench.render import cost_plot
from collapsebench.render.figure import digest


@pytest.fixture
def board(tmp_path):
    return load_board(fabricate.board(tmp_path, fabricate.everything()))


def test_dots_are_the_scored_entries_of_a_group_with_costs_relative_to_frozen(board):
    group = fabricate.group(board, "preserve", "theory")
    plot = cost_plot.cost_plot(board, group)
    dots = {dot.label: dot for dot in plot.dots}
    assert plot.title == "preserve, theory"
    assert (dots["frozen"].log2, dots["frozen"].costs, dots["frozen"].track) == (0.0, (1.0, 1.0, 1.0), "")
    assert 2 ** dots["accumulate"].log2 == pytest.approx(0.62, abs=0.02)
    # 57,000 tokens in each of four generations are scored beside 1,600,000 in each of five that are trained on.
    assert dots["token_edit"].costs == (1.0, 1.0, pytest.approx(1 + 4 * 57 / (5 * 1600), abs=1e-5))
    assert "verify_filter" not in dots  # it has no place there
    assert [dot.log2 for dot in plot.dots] == sorted((dot.log2 for dot in plot.dots), reverse=True)


def test_an_entry_with_cells_to_come_is_no_dot(board):
    dots = cost_plot.cost_plot(board, fabricate.group(board, "preserve", "language")).dots
    assert "token_edit" not in {dot.label for dot in dots}


def test_the_same_plot_has_the_same_bytes_and_names_every_entry(board):
    plot = cost_plot.cost_plot(board, board.groups[0])
    drawn = cost_plot.draw(plot)
    assert drawn == cost_plot.draw(plot)
    assert digest(plot) in drawn
    assert ET.fromstring(drawn).tag.endswith("svg")
    assert all(f">{label}</text>" in drawn for label in ("accumulate", "replace", "frozen"))


def test_nothing_to_plot_is_no_obstacle():
    assert ET.fromstring(cost_plot.draw(cost_plot.CostPlot("nothing", ()))).tag.endswith("svg")


def test_labels_are_spread_until_none_lies_on_another():
    assert cost_plot.spread([1.0, 0.5], gap=0.1, low=-1.0) == [1.0, 0.5]
    assert cost_plot.spread([1.0, 1.0, 0.95], gap=0.25, low=-1.0) == [1.0, 0.75, 0.5]
    assert cost_plot.spread([0.25, 0.0, 0.0], gap=0.5, low=0.0) == [1.0, 0.5, 0.0]  # up again from the floor
