import json
import math

import pytest
from pydantic import ValidationError

from collapsebench.core.costs import Costs
from collapsebench.core.records import (
    CellResult,
    GenerationRecord,
    problem,
    result_lines,
    to_line,
    write_results,
)
from collapsebench.results.reader import read_results


def generation(t=0, error=0.5, **changes):
    costs = Costs(real_examples=4).to_dict()
    shares = {"real_share": 1.0, "synthetic_share": 0.0}
    fields = {"costs": costs, "rows": 4, **shares, "log": {}, "seconds": {"fit": 0.25}}
    return GenerationRecord(t=t, metrics={"error": error}, **{**fields, **changes})


def test_a_record_is_one_line_of_standard_json():
    line = to_line({"b": 1, "a": [0.5, math.nan, math.inf, -math.inf]})
    assert line == '{"a":[0.5,"nan","inf","-inf"],"b":1}'
    json.loads(line, parse_constant=pytest.fail)


def test_numbers_that_are_not_finite_come_back():
    record = generation(error=math.nan, log={"kept": -math.inf, "lost": math.inf})
    back = GenerationRecord(**json.loads(to_line(record.model_dump())))
    assert math.isnan(back.metrics["error"])
    assert back.log == {"kept": -math.inf, "lost": math.inf}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("rows", 0),
        ("rows", 4.0),
        ("real_share", 1.5),
        ("synthetic_share", -0.1),
        ("costs", {"real_examples": 4}),
        ("log", {"a\nb": 1.0}),
    ],
)
def test_a_field_out_of_its_range_is_named_when_the_record_is_made(field, value):
    with pytest.raises(ValidationError) as caught:
        generation(**{field: value})
    assert problem(caught.value)[0].split(".")[0] == field


def test_a_record_does_not_change_and_its_changed_copy_is_checked():
    record = generation()
    with pytest.raises(ValidationError):
        record.rows = 5
    assert (record.changed(rows=5).rows, record.rows) == (5, 4)
    with pytest.raises(ValidationError):
        record.changed(rows=-1)


def test_results_round_trip_through_a_file(make_result, tmp_path):
    results = [make_result(seed=seed, error=1 / 3) for seed in (0, 1)]
    path = tmp_path / "replace.jsonl"
    path.write_text(write_results(results))
    assert read_results(path) == results
    assert write_results(read_results(path)) == path.read_text()


def test_a_file_has_its_cells_in_one_order(make_cell):
    places = [("replace", "toy", "preserve", 1), ("frozen", "toy", "preserve", 0), ("replace", "toy", "preserve", 0)]
    places += [("toy_blend", "toy", "grow", 1), ("frozen", "toy", "curve", 0)]
    results = [
        CellResult(make_cell(method, task, seed, world=world).record("done")) for method, task, world, seed in places
    ]
    assert write_results(results) == write_results(reversed(results))
    records = [json.loads(line) for line in write_results(results).splitlines()]
    order = [(record["world"]["name"], record["method"]["name"], record["seed"]) for record in records]
    assert order == [
        ("curve", "frozen", 0),
        ("grow", "toy_blend", 1),
        ("preserve", "frozen", 0),
        ("preserve", "replace", 0),
        ("preserve", "replace", 1),
    ]


def test_a_cell_stands_before_its_generations(make_cell):
    lines = list(result_lines(CellResult(make_cell().record("done"), (generation(0), generation(1)))))
    assert [json.loads(line)["kind"] for line in lines] == ["cell", "generation", "generation"]
    assert [json.loads(line)["t"] for line in lines[1:]] == [0, 1]


def test_only_timings_and_machines_may_differ_between_equal_results(make_cell):
    cell = make_cell().record("done")
    result = CellResult(cell, (generation(),))
    assert result.same_result(CellResult(cell, (generation(seconds={"fit": 99.0}),)))
    assert result.same_result(CellResult(cell.changed(environment={"machine": "another"}), (generation(),)))
    assert not result.same_result(CellResult(cell, (generation(error=0.6),)))
    assert not result.same_result(CellResult(cell, (generation(rows=5),)))
    assert not result.same_result(CellResult(cell.changed(status="diverged"), (generation(),)))
