"""Records: the JSON lines that a run leaves behind and the only input of a board.

One `CellRecord` per cell, followed by one `GenerationRecord` per generation. Numbers that are not
finite are written as the strings "nan", "inf" and "-inf", so that every line is standard JSON.
`record_reader` reads what `write_results` wrote.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

SCHEMA = 1
"""Version of this file's format; bumped when a field changes its meaning."""

REFERENCES = ("replace", "frozen", "fresh_real")
"""The lineages that every score is measured against."""

Status = Literal["running", "done", "diverged", "failed", "skipped", "unsupported"]
"""How a cell stands. `skipped`: the method's own `skip` declined the task. `unsupported`: the task lacks what the
method's card needs, so that it lies outside the method's scope."""


@dataclass(frozen=True)
class GenerationRecord:
    """What happened in one generation of one cell.

    Args:
        t: generation, 0..G.
        metrics: what the task's `evaluate` returned for M_t, and `<task>/<metric>` of lm-eval tasks asked for.
        costs: counts since the start of the cell (see `Costs`).
        rows: rows of D_t.
        real_share: share of D_t's rows (by weight) that are real and unchanged.
        log: what the method logged while it made D_t.
        seconds: wall time of `sample`, `curate`, `fit` and `evaluate`; the only field that two runs
            of the same cell may differ in.
    """

    t: int
    metrics: dict[str, float]
    costs: dict[str, int]
    rows: int
    real_share: float
    log: dict[str, float] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class CellRecord:
    """One cell: what was run, under which rules, and how it ended. Self-contained: a board needs no plug-in.

    Args:
        cell: the cell's digest.
        protocol: `name`, `version`, `digest`, `generations`, `seeds`, `average_last`.
        task: `name`, `version`, `data`, `digest` (source and sizes), `title`, `primary`, `unit`, `metrics`, `shown`;
            `lm_eval` (`tasks`, `limit`, `sources`) only where lm-eval tasks were asked for.
        method: `name`, `label`, `params`, `digest` (source and parameters), `title`, `description`, `paper`,
            `track`, `reference`.
        seed: the seed of every stream.
        status: how the cell ended.
        reason: why, in one sentence, unless it is done.
        theory: the primary metric that a closed form predicts at t = 0..G, empty where none is known.
        environment: versions, hardware, git commit and the day (UTC) of the run; differs between machines and days.
    """

    cell: str
    protocol: dict[str, Any]
    task: dict[str, Any]
    method: dict[str, Any]
    seed: int
    status: Status
    reason: str = ""
    theory: tuple[float, ...] = ()
    environment: dict[str, Any] = field(default_factory=dict)
    schema: int = SCHEMA


@dataclass(frozen=True)
class CellResult:
    """A cell with the generations that it finished."""

    cell: CellRecord
    generations: tuple[GenerationRecord, ...] = ()

    def same_result(self, other: CellResult) -> bool:
        """Whether two runs gave the same records, timings and environment aside."""
        return canonical(self) == canonical(other)

    def includes(self, other: CellResult) -> bool:
        """Whether this is the same result, and perhaps has metrics from lm-eval that the other was not asked for."""
        return (self if "lm_eval" in other.cell.task else _without_lm_eval(self)).same_result(other)


def canonical(result: CellResult) -> str:
    """What two runs of a cell must agree in: everything but timings and environment."""
    cell = {**asdict(result.cell), "environment": {}}
    generations = [{**vars(g), "seconds": {}} for g in result.generations]
    return to_line({"cell": cell, "generations": generations})


def _without_lm_eval(result: CellResult) -> CellResult:
    task = {key: value for key, value in result.cell.task.items() if key != "lm_eval"}
    generations = (
        replace(g, metrics={name: value for name, value in g.metrics.items() if "/" not in name})
        for g in result.generations
    )
    return CellResult(replace(result.cell, task=task), tuple(generations))


def to_line(content: Any) -> str:
    """Canonical JSON of a record on one line, without the newline."""
    try:
        return json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    except ValueError:  # a number that is not finite, which is rare
        return json.dumps(_finite(content), sort_keys=True, separators=(",", ":"), allow_nan=False)


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(inner) for inner in value]
    return value


def _numbers(values: dict[str, Any]) -> dict[str, float]:
    return {key: float(value) for key, value in values.items()}


def cell_from_dict(content: dict[str, Any]) -> CellRecord:
    """The inverse of `asdict` after a trip through JSON."""
    return CellRecord(**{**content, "theory": tuple(float(value) for value in content["theory"])})


def generation_from_dict(content: dict[str, Any]) -> GenerationRecord:
    """The inverse of `asdict` after a trip through JSON."""
    return GenerationRecord(
        t=content["t"],
        metrics=_numbers(content["metrics"]),
        costs=content["costs"],
        rows=content["rows"],
        real_share=float(content["real_share"]),
        log=_numbers(content["log"]),
        seconds=_numbers(content["seconds"]),
    )


def result_lines(result: CellResult) -> Iterator[str]:
    """The lines of one cell, newlines included."""
    yield to_line({"kind": "cell", **asdict(result.cell)}) + "\n"
    for generation in result.generations:
        yield to_line({"kind": "generation", **vars(generation)}) + "\n"


def write_results(results: Iterable[CellResult]) -> str:
    """A records file: cells in order of task, label and seed, each followed by its generations."""
    ordered = sorted(results, key=lambda r: (r.cell.task["name"], r.cell.method["label"], r.cell.seed, r.cell.cell))
    return "".join(line for result in ordered for line in result_lines(result))
