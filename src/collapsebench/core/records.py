"""Records: the JSON lines that a run leaves behind and the only input of a board.

One `CellRecord` per cell, followed by one `GenerationRecord` per generation. A line holds every field of its record and
its `kind`, that of a cell also the `schema`. Numbers that are not finite are written as the strings "nan", "inf" and
"-inf", so that every line is standard JSON. The classes below are the whole format: they check what a run writes and
what `results.reader` reads.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal, Self, TypeAlias, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
)

from .checked import Bound
from .costs import Costs
from .method import ACCESSES

SCHEMA = 5
"""Version of this file's format; bumped when a field is added or changes its meaning."""

LONGEST_KEY, MOST_KEYS = 100, 64
"""Limits of what a method logs in a generation: characters of a key, and keys."""

MOST_COUNT = 2**53
"""Largest whole number: every JSON reader holds it without rounding."""

Status = Literal["running", "done", "diverged", "failed", "skipped", "unsupported"]
"""How a cell stands. `skipped`: the method's own `skip` declined the task. `unsupported`: the task lacks what the
method's card needs, so that it lies outside the method's scope."""


# -- fields ------------------------------------------------------------------------------------------


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("must be one line of printable text (no control, format or bidirectional characters)")
    return text


def _unspelt(values: object) -> object:
    """Numbers, by name or in a row: those that are not finite are text in JSON."""
    if isinstance(values, dict) and str in map(type, values.values()):
        return dict(zip(values, map(_number, values.values()), strict=True))
    return [_number(value) for value in values] if isinstance(values, list) else values


def _number(value: object) -> object:
    return float(value) if isinstance(value, str) and value in ("nan", "inf", "-inf") else value


def _printable_names(values: dict[str, float]) -> dict[str, float]:
    _printable("".join(values))
    return values


def _scalar(value: object) -> object:
    if isinstance(value, str):
        if len(value) > 1000:
            raise ValueError("must have at most 1000 characters")
        return _printable(value)
    if isinstance(value, int) and abs(value) > MOST_COUNT:
        raise ValueError("must be at most 2**53 in size")
    if not (value is None or (isinstance(value, int | float) and math.isfinite(value))):
        raise ValueError("must be text, a finite number, true, false or null")
    return value


def _access(value: str) -> str:
    if value not in ACCESSES:
        raise ValueError(f"must be one of {', '.join(ACCESSES)}")
    return value


def _counts(value: dict[str, int]) -> dict[str, int]:
    if set(value) != set(Costs.__slots__):
        raise ValueError(f"must count {', '.join(Costs.__slots__)}")
    return value


T = TypeVar("T")
Text = Annotated[str, StringConstraints(max_length=1000), AfterValidator(_printable)]
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$", max_length=100)]
Key = Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(_printable)]
Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Count = Annotated[int, Field(ge=0, le=MOST_COUNT)]
Positive = Annotated[int, Field(ge=1, le=MOST_COUNT)]
Short = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Numbers = Annotated[dict[Short, float], BeforeValidator(_unspelt), AfterValidator(_printable_names)]
Logged = Annotated[
    dict[Annotated[str, StringConstraints(pattern=rf"^[ -~]{{1,{LONGEST_KEY}}}$")], float],
    Field(max_length=MOST_KEYS),
    BeforeValidator(_unspelt),
]
Share = Annotated[float, Field(ge=0, le=1)]
Seconds = Annotated[dict[Short, Annotated[float, Field(ge=0, le=1e9)]], AfterValidator(_printable_names)]
Curve = Annotated[tuple[float, ...], Field(strict=False), BeforeValidator(_unspelt)]
"""A value per generation."""
Scalar = Annotated[Any, BeforeValidator(_scalar)]
"""A hyper-parameter or a fact about a machine."""
List = Annotated[tuple[T, ...], Field(strict=False)]
"""A list in JSON, which does not change here."""


# -- parts -------------------------------------------------------------------------------------------


class Part(BaseModel):
    """A record or a part of one: nothing is converted, no further field is accepted."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    def changed(self, **fields: Any) -> Self:
        """This part with other values of some fields, checked again.

        Raises:
            pydantic.ValidationError: a value is not one of its field.
        """
        return type(self)(**{**vars(self), **fields})


class ProtocolRecord(Part):
    """The rules that a cell was run under."""

    name: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=100)]
    version: Positive
    description: Text
    digest: Digest
    generations: Positive
    seeds: Positive
    average_last: Positive
    tasks: Annotated[List[Name], Field(min_length=1)]


class LmEvalRecord(Part):
    """The lm-eval tasks that were asked for: names, items of each (None: all), and where the items come from."""

    tasks: List[Key]
    limit: Positive | None
    sources: dict[Key, Text]


class MetricRecord(Part):
    """What a metric is, and the bounds of its finite values."""

    meaning: Text
    low: Bound
    high: Bound


class TaskRecord(Part):
    """What a task says of itself; `digest` is over source and sizes, `n` the rows of D_0, `metrics` describes each.

    `about` says in a clause what the data and the model are, `corpus` which corpus is read ("" for generated data),
    `budget` how long a generation trains ("" for a closed form), `steps` its optimizer steps where the protocol fixes
    their number; in a generation a method may ask for `fresh` real rows and `candidates` of models.
    """

    name: Name
    version: Count
    digest: Digest
    data: Text
    n: Positive
    suite: Name
    title: Text
    about: Text
    corpus: Text
    budget: Text
    steps: Positive | None
    fresh: Count
    candidates: Count
    primary: Key
    unit: Text
    metrics: dict[Key, MetricRecord]
    shown: List[Key]
    lm_eval: LmEvalRecord | None


class WorldRecord(Part):
    """What arrives in each generation (`loop.world.World`); `floor`, `ceiling`: the references with R = 0, 1."""

    name: Name
    kind: Name
    question: Name
    generations: Positive
    arrivals: Count
    alpha: Share
    generator: Literal["own", "outside", "none"]
    generator_rows: Positive | None
    temperature: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None
    phi: Share
    psi: Share
    missed: Share
    false_alarm: Share
    floor: str
    ceiling: str


class MethodRecord(Part):
    """What a method says of itself; `digest` is over its source and parameters, and `track` follows from `access`."""

    name: Name
    label: Annotated[Text, Field(min_length=1)]
    params: dict[Name, Scalar]
    digest: Digest
    title: Text
    description: Text
    paper: Text
    access: List[Annotated[str, AfterValidator(_access)]]
    track: str
    reference: bool


class CellRecord(Part):
    """One cell: what was run, under which rules, and how it ended. Self-contained: a board needs no plug-in.

    `cell` is the digest of all that can change the numbers, `reason` says why a cell is not done, `theory` has
    for each metric with a closed form what it predicts at t = 0..G. `parameters` is the size of the model, 0 where no
    model was fitted. `environment` holds versions, hardware, git commit and the day (UTC) of the run: it differs
    between machines and days.
    """

    cell: Digest
    protocol: ProtocolRecord
    task: TaskRecord
    world: WorldRecord
    method: MethodRecord
    seed: Count
    status: Status
    reason: Text
    theory: Annotated[dict[Key, Curve], Field(strict=False)]
    parameters: Count
    environment: dict[Key, Scalar]


class GenerationRecord(Part):
    """What happened in one generation of one cell.

    `metrics` is what the task's `evaluate` returned for M_t, and `<task>/<metric>` of lm-eval tasks asked for; `costs`
    counts from the start of the cell (see `Costs`); `rows` is the number of rows of D_t, `real_share` the share of them
    (by weight) that are real and unchanged, `synthetic_share` that of rows that a model made and nobody changed; the
    method made the others itself; `log` is what the method logged while it made D_t. `seconds` is the wall
    time of each stage, the only field that two runs of the same cell may differ in.
    """

    t: Count
    metrics: Numbers
    costs: Annotated[dict[str, Count], AfterValidator(_counts)]
    rows: Positive
    real_share: Share
    synthetic_share: Share
    log: Logged
    seconds: Seconds

    @classmethod
    def unchecked(cls, **fields: Any) -> Self:
        """A record of values that the loop itself made: checking them takes as long as a closed-form fit."""
        record = cls.__new__(cls)
        object.__setattr__(record, "__dict__", fields)
        for name, value in (("fields_set", set(fields)), ("extra", None), ("private", None)):
            object.__setattr__(record, f"__pydantic_{name}__", value)
        return record


Place: TypeAlias = tuple[str, str, str, int]
"""Label, task, world and seed."""


@dataclass(frozen=True)
class CellResult:
    """A cell with the generations that it finished."""

    cell: CellRecord
    generations: tuple[GenerationRecord, ...] = ()

    @property
    def place(self) -> Place:
        """Label, task, world and seed: a board has one cell of each."""
        return self.cell.method.label, self.cell.task.name, self.cell.world.name, self.cell.seed

    def same_result(self, other: CellResult) -> bool:
        """Whether two runs gave the same records, timings and environment aside."""
        return canonical(self) == canonical(other)

    def includes(self, other: CellResult) -> bool:
        """Whether this is the same result, and perhaps has metrics from lm-eval that the other was not asked for."""
        return (self if other.cell.task.lm_eval else _without_lm_eval(self)).same_result(other)


def problem(error: ValidationError) -> tuple[str, str]:
    """The field that is wrong, and how, in words that are ASCII and short."""
    # A misspelt field is also a missing one; the misspelling is what helps.
    first = min(error.errors(), key=lambda found: found["type"] != "extra_forbidden")
    field = ".".join(str(part) if str(part).isprintable() else shown(part) for part in first["loc"] if part != "[key]")
    if first["type"] == "missing":
        return field, "is missing"
    if first["type"] == "extra_forbidden":
        return field, "is no field of a record"
    said = first["msg"].removeprefix("Value error, ").removeprefix("Input ")
    return field, f"{said}, not {shown(first['input'])}"


def shown(value: object, most: int = 60) -> str:
    """A value in an error: ASCII, and not more of it than a reader wants."""
    text = ascii(value) if not isinstance(value, int) or abs(value) <= MOST_COUNT else "a larger number"
    return text if len(text) <= most else f"{text[:most]}..."


def one_line(text: str, most: int = 1000) -> str:
    """A sentence on one printable line: plug-ins and the errors of libraries write what they like."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= most else f"{line[: most - 3]}..."


# -- lines -------------------------------------------------------------------------------------------


def to_line(content: Any) -> str:
    """Canonical JSON of a record on one line, without the newline."""
    try:
        return json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    except ValueError:  # a number that is not finite, which is rare
        return json.dumps(_spelt(content), sort_keys=True, separators=(",", ":"), allow_nan=False)


def _spelt(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {key: _spelt(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_spelt(inner) for inner in value]
    return value


def canonical(result: CellResult) -> str:
    """What two runs of a cell must agree in: everything but timings and environment."""
    cell = {**result.cell.model_dump(), "environment": {}}
    generations = [{**vars(g), "seconds": {}} for g in result.generations]
    return to_line({"cell": cell, "generations": generations})


def _without_lm_eval(result: CellResult) -> CellResult:
    cell = result.cell.changed(task=result.cell.task.changed(lm_eval=None))
    generations = (
        g.changed(metrics={name: value for name, value in g.metrics.items() if "/" not in name})
        for g in result.generations
    )
    return replace(result, cell=cell, generations=tuple(generations))


def result_lines(result: CellResult) -> Iterator[str]:
    """The lines of one cell, newlines included."""
    yield to_line({"kind": "cell", "schema": SCHEMA, **result.cell.model_dump()}) + "\n"
    for generation in result.generations:
        yield to_line({"kind": "generation", **vars(generation)}) + "\n"


def write_results(results: Iterable[CellResult]) -> str:
    """A records file: cells in order of task, world, label and seed, each followed by its generations."""

    def order(result: CellResult) -> tuple[str, str, str, int, str]:
        label, task, world, seed = result.place
        return task, world, label, seed, result.cell.cell

    ordered = sorted(results, key=order)
    return "".join(line for result in ordered for line in result_lines(result))
