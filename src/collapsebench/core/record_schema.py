"""The fields of a line of records: their names, types and ranges. Nothing that is not listed here is read."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from .costs import Costs
from .method import TRACKS
from .records import SCHEMA

MOST_COUNT = 2**53
"""Largest whole number: every JSON reader holds it without rounding."""


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("must be one line of printable text (no control, format or bidirectional characters)")
    return text


def _number(value: object) -> float:
    """A number; those that are not finite are written as strings."""
    if isinstance(value, str) and value in ("nan", "inf", "-inf"):
        return float(value)
    return _finite(value)


def _finite(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("must be a number")
    if isinstance(value, int):
        return float(_bounded(value))
    if not math.isfinite(value):
        raise ValueError("must be a number that a double holds")
    return value


def _bounded(value: int) -> int:
    if abs(value) > MOST_COUNT:
        raise ValueError("must be at most 2**53 in size")
    return value


def _scalar(value: object) -> object:
    """A hyper-parameter or a fact about a machine."""
    if isinstance(value, str):
        if len(value) > 1000:
            raise ValueError("must have at most 1000 characters")
        return _printable(value)
    return value if value is None or isinstance(value, bool) else _finite(value)


def _track(value: str) -> str:
    if value not in TRACKS:
        raise ValueError(f"must be one of {', '.join(TRACKS)}")
    return value


def _counts(value: dict[str, int]) -> dict[str, int]:
    if set(value) != set(Costs.__slots__):
        raise ValueError(f"must count {', '.join(Costs.__slots__)}")
    return value


Text = Annotated[str, StringConstraints(max_length=1000), AfterValidator(_printable)]
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$", max_length=100)]
Key = Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(_printable)]
Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Count = Annotated[int, Field(ge=0, le=MOST_COUNT)]
Positive = Annotated[int, Field(ge=1, le=MOST_COUNT)]
Number = Annotated[float, BeforeValidator(_number)]
Seconds = Annotated[float, BeforeValidator(_finite), Field(ge=0)]
Share = Annotated[float, BeforeValidator(_finite), Field(ge=0, le=1)]
Track = Annotated[str, AfterValidator(_track)]
Scalar = Annotated[Any, BeforeValidator(_scalar)]


class Line(BaseModel):
    """A line, or a part of one: nothing is converted, nothing more is accepted."""

    model_config = ConfigDict(strict=True, extra="forbid")


class _Protocol(Line):
    name: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=100)]
    version: Positive
    description: Text
    digest: Digest
    generations: Positive
    seeds: Positive
    average_last: Positive
    tasks: Annotated[list[Name], Field(min_length=1)]


class _LmEval(Line):
    tasks: list[Key]
    limit: Positive | None
    sources: dict[Key, Text]


class _Task(Line):
    name: Name
    version: Count
    digest: Digest
    data: Text
    generations: Positive
    title: Text
    primary: Key
    unit: Text
    metrics: dict[Key, Text]
    shown: list[Key]
    lm_eval: _LmEval = _LmEval(tasks=[], limit=None, sources={})


class _Method(Line):
    name: Name
    label: Annotated[Text, Field(min_length=1)]
    params: dict[Name, Scalar]
    digest: Digest
    title: Text
    description: Text
    paper: Text
    track: Track
    reference: bool


class CellLine(Line):
    """The line of a cell."""

    kind: Literal["cell"]
    schema_: Annotated[int, Field(alias="schema", ge=SCHEMA, le=SCHEMA)]
    cell: Digest
    protocol: _Protocol
    task: _Task
    method: _Method
    seed: Count
    status: Literal["done", "diverged", "failed", "skipped", "unsupported"]
    reason: Text
    theory: list[Number]
    environment: dict[Key, Scalar]


class GenerationLine(Line):
    """The line of a generation, after that of its cell."""

    kind: Literal["generation"]
    t: Count
    metrics: dict[Key, Number]
    costs: Annotated[dict[str, Count], AfterValidator(_counts)]
    rows: Positive
    real_share: Share
    log: dict[Key, Number]
    seconds: dict[Key, Seconds]
