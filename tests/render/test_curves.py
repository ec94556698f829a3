import math
import subprocess
import sys
import xml.etree.ElementTree as ET

import fabricate
import pytest

from collapsebench.board import load_board
from collapsebench.board.stats import student_t_interval
from collapsebench.render import curves as svg
from collapsebench.render.figure import digest


def test_a_curve_is_the_mean_over_seeds(tmp_path):
    runs = fabricate.cells("accumulate", tasks=["gaussian"])
    board = load_board(fabricate.board(tmp_path, runs))
    (line,) = svg.curves(board, "gaussian").lines
    expected = [student_t_interval([r.generations[t].metrics["w2_squared"] for r in runs]) for t in range(5)]
    assert [f"{v:.5g}" for v in line.mean] == [f"{i.centre:.5g}" for i in expected]
    assert [f"{v:.5g}" for v in line.half_width] == [f"{i.half_width:.5g}" for i in expected]


def test_a_line_ends_where_its_first_seed_diverged_and_ignores_failures(tmp_path):
    results = fabricate.cells("accumulate", tasks=["gaussian"])
    results[0] = fabricate.cell("accumulate", "gaussian", 0, status="diverged", reason="loss is nan", finished=3)
    results += fabricate.cells("tempered", tasks=["gaussian"], seeds=[0, 1])
    results += [fabricate.cell("tempered", "gaussian", 2, status="failed", reason="ValueError", finished=1)]
    lines = svg.curves(load_board(fabricate.board(tmp_path, results)), "gaussian").lines
    assert [(line.label, len(line.mean), line.diverged) for line in lines] == [
        ("accumulate", 3, True),
        ("tempered", 5, False),
    ]


def test_the_closed_form_is_drawn_where_records_carry_one(tmp_path):
    board = load_board(fabricate.board(tmp_path, fabricate.everything()))
    assert [line.label for line in svg.curves(board, "gaussian").lines if line.theory] == ["replace"]
    assert not any(line.theory for line in svg.curves(board, "kde").lines)


def test_drawing_twice_gives_the_same_well_formed_svg(tmp_path):
    figure = svg.curves(load_board(fabricate.board(tmp_path, fabricate.everything())), "arithmetic")
    drawn = svg.draw(figure)
    assert drawn == svg.draw(figure)
    assert digest(figure) in drawn
    assert ET.fromstring(drawn).tag.endswith("svg")


def test_the_other_metrics_are_drawn_beside_the_loss(tmp_path):
    runs = fabricate.cells("accumulate", tasks=["arithmetic"])
    figure = svg.curves(load_board(fabricate.board(tmp_path, runs)), "arithmetic")
    assert [panel.metric for panel in figure.beside] == ["exact_match", "distinct_questions"]
    last = [r.generations[-1].metrics["distinct_questions"] for r in runs]
    assert figure.beside[1].lines[0].mean[-1] == pytest.approx(sum(last) / 3, rel=1e-5)
    assert ">distinct_questions</text>" in svg.draw(figure)


def test_numbers_that_cannot_be_drawn_are_left_out():
    wild = svg.Curve("a $label_", False, 0, (1.0, 1e6, math.inf), (0.1, 1e9, math.nan), (), True)
    assert ET.fromstring(svg.draw(svg.Curves("wild", "loss", (wild,)))).tag.endswith("svg")
    assert ET.fromstring(svg.draw(svg.Curves("nothing", "loss", ()))).tag.endswith("svg")


def test_a_board_needs_no_torch(tmp_path):
    fabricate.board(tmp_path, fabricate.cells("replace", tasks=["gaussian"], seeds=[0]))
    code = (
        "import sys; from pathlib import Path; from collapsebench.render.files import write_board; "
        "write_board(Path(sys.argv[1])); sys.exit('torch.nn' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
