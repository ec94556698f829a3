import math
import subprocess
import sys
import xml.etree.ElementTree as ET
from dataclasses import replace

import fabricate
import pytest

from collapsebench.board import load_board
from collapsebench.board.stats import student_t_interval
from collapsebench.render import curves as svg
from collapsebench.render.figure import digest


def shown(board, name):
    return svg.curves(board, fabricate.setting(board, name))


def test_a_curve_is_the_mean_over_seeds(tmp_path):
    runs = fabricate.cells("accumulate", ["gaussian/preserve"])
    board = load_board(fabricate.board(tmp_path, runs))
    (line,) = svg.curves(board, board.settings[0]).lines
    expected = [student_t_interval([r.generations[t].metrics["w2_squared"] for r in runs]) for t in range(5)]
    assert line.mean == pytest.approx([interval.centre for interval in expected], rel=1e-5)
    assert line.half_width == pytest.approx([interval.half_width for interval in expected], rel=1e-5)


def test_a_line_ends_where_its_first_seed_diverged_and_ignores_failures(tmp_path):
    results = fabricate.cells("accumulate", ["gaussian/preserve"])
    results[0] = fabricate.cell(
        "accumulate", "gaussian/preserve", 0, status="diverged", reason="loss is nan", finished=3
    )
    results += fabricate.cells("tempered", ["gaussian/preserve"], seeds=[0, 1])
    results += [fabricate.cell("tempered", "gaussian/preserve", 2, status="failed", reason="ValueError", finished=1)]
    lines = shown(load_board(fabricate.board(tmp_path, results)), "gaussian/preserve").lines
    assert [(line.label, len(line.mean), line.diverged) for line in lines] == [
        ("accumulate", 3, True),
        ("tempered", 5, False),
    ]


def test_the_closed_form_is_drawn_where_records_carry_one(tmp_path):
    board = load_board(fabricate.board(tmp_path, fabricate.everything()))
    assert [line.label for line in shown(board, "gaussian/preserve").lines if line.theory] == ["replace"]
    assert not any(line.theory for line in shown(board, "kde/preserve").lines)


def test_a_metric_beside_the_loss_has_a_closed_form_of_its_own(tmp_path):
    own, trace = [0.2, 0.3, 0.4, 0.5, 0.6], [1.0, 0.9, 0.8, 0.7, 0.6]
    results = [
        replace(r, cell=r.cell.changed(theory={"w2_squared": own, "trace": trace}))
        for r in fabricate.cells("replace", ["gaussian/preserve"])
    ]
    figure = shown(load_board(fabricate.board(tmp_path, results)), "gaussian/preserve")
    assert figure.lines[0].theory == pytest.approx(own)
    assert figure.beside[0].lines[0].theory == pytest.approx(trace)
    panel = figure.beside[0]
    without = replace(figure, beside=(replace(panel, lines=(replace(panel.lines[0], theory=()),)),))
    lines = [svg.draw(one).count("<path") for one in (figure, without)]
    assert lines[0] == lines[1] + 1


def test_drawing_twice_gives_the_same_well_formed_svg(tmp_path):
    figure = shown(load_board(fabricate.board(tmp_path, fabricate.everything())), "arithmetic/preserve")
    drawn = svg.draw(figure)
    assert drawn == svg.draw(figure)
    assert digest(figure) in drawn
    assert ET.fromstring(drawn).tag.endswith("svg")


def test_the_other_metrics_are_drawn_beside_the_loss(tmp_path):
    runs = fabricate.cells("accumulate", ["arithmetic/preserve"])
    figure = shown(load_board(fabricate.board(tmp_path, runs)), "arithmetic/preserve")
    assert [panel.metric for panel in figure.beside] == ["exact_match", "diversity_ratio"]
    last = [r.generations[-1].metrics["diversity_ratio"] for r in runs]
    assert figure.beside[1].lines[0].mean[-1] == pytest.approx(sum(last) / 3, rel=1e-5)
    assert ">diversity_ratio</text>" in svg.draw(figure)


def test_numbers_that_cannot_be_drawn_are_left_out():
    wild = svg.Curve("a $label_", False, 0, (1.0, 1e6, math.inf), (0.1, 1e9, math.nan), (), True)
    assert ET.fromstring(svg.draw(svg.Curves("wild", "loss", (wild,)))).tag.endswith("svg")
    assert ET.fromstring(svg.draw(svg.Curves("nothing", "loss", ()))).tag.endswith("svg")


def test_a_board_needs_no_torch(tmp_path):
    fabricate.board(tmp_path, fabricate.cells("replace", ["gaussian/preserve"], seeds=[0]))
    code = (
        "import sys; from pathlib import Path; from collapsebench.render.files import write_board; "
        "write_board(Path(sys.argv[1])); sys.exit('torch.nn' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
