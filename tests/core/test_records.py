import json
import math

import pytest

from collapsebench.core.records import (
    CellResult,
    GenerationRecord,
    generation_from_dict,
    result_lines,
    to_line,
    write_results,
)
from collapsebench.results.reader import read_results


def generation(t=0, error=0.5, **changes):
    fields = {"costs": {"real_examples": 4}, "rows": 4, "real_share": 1.0, "log": {}, "seconds": {"fit": 0.25}}
    return GenerationRecord(t=t, metrics={"error": error}, **{**fields, **changes})


def test_a_record_is_one_line_of_standard_json():
    line = to_line({"b": 1, "a": [0.5, math.nan, math.inf, -math.inf]})
    assert line == '{"a":[0.5,"nan","inf","-inf"],"b":1}'
    json.loads(line, parse_constant=pytest.fail)


def test_numbers_that_are_not_finite_come_back():
    record = generation(error=math.inf, log={"kept": -math.inf}, real_share=math.nan)
    back = generation_from_dict(json.loads(to_line(record.__dict__)))
    assert back.metrics == {"error": math.inf}
    assert back.log == {"kept": -math.inf}
    assert math.isnan(back.real_share)


def test_results_round_trip_through_a_file(make_result, tmp_path):
    results = [make_result(seed=seed, error=1 / 3) for seed in (0, 1)]
    path = tmp_path / "replace.jsonl"
    path.write_text(write_results(results))
    assert read_results(path) == results
    assert write_results(read_results(path)) == path.read_text()


def test_a_file_has_its_cells_in_one_order(make_cell):
    results = [
        CellResult(make_cell(method, task, seed).record("done"))
        for method, task, seed in [("replace", "toy", 1), ("frozen", "toy", 0), ("replace", "toy", 0)]
    ]
    assert write_results(results) == write_results(reversed(results))
    seeds = [json.loads(line)["seed"] for line in write_results(results).splitlines()]
    assert seeds == [0, 0, 1]


def test_a_cell_stands_before_its_generations(make_cell):
    lines = list(result_lines(CellResult(make_cell().record("done"), (generation(0), generation(1)))))
    assert [json.loads(line)["kind"] for line in lines] == ["cell", "generation", "generation"]
    assert [json.loads(line)["t"] for line in lines[1:]] == [0, 1]


def test_only_timings_and_machines_may_differ_between_equal_results(make_cell):
    from dataclasses import replace

    cell = make_cell().record("done")
    result = CellResult(cell, (generation(),))
    assert result.same_result(CellResult(cell, (generation(seconds={"fit": 99.0}),)))
    assert result.same_result(CellResult(replace(cell, environment={"machine": "another"}), (generation(),)))
    assert not result.same_result(CellResult(cell, (generation(error=0.6),)))
    assert not result.same_result(CellResult(cell, (generation(rows=5),)))
    assert not result.same_result(CellResult(replace(cell, status="diverged"), (generation(),)))
