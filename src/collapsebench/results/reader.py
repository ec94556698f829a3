"""Reading records that anybody may have written: every line is checked, and a file is read whole or refused.

What is checked here needs nothing but the file. Whether the numbers are what the installed code gives is asked by
`collapsebench verify`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from ..core.checked import MOST_METRIC, in_range
from ..core.errors import RecordError
from ..core.method import track_of
from ..core.records import (
    SCHEMA,
    CellRecord,
    CellResult,
    GenerationRecord,
    MetricRecord,
    Part,
    WorldRecord,
    problem,
    shown,
    to_line,
)
from ..loop.world import CURVE, QUESTIONS

MOST_BYTES = 64 * 1024**2
"""Size of the largest file that is read; a cell of ten generations takes some 10 kB."""

_IN_NO_DIGEST = {"lm_eval", "description"}

_SCALES = {name for question in QUESTIONS.values() for name in (question.floor, question.ceiling) if name}
"""Labels of the references that scores are made with: a reader knows them without any plug-in."""

REFERENCES = _SCALES | {"take_all", "first_teacher", "fresh_real"}
"""Names of all references: no other file can set the scale that the others are read on."""

_MEASURES_CURVES = "take_newest"

_ASKED = {"mark_calls": "mark", "verifier_calls": "verifier", "reward_calls": "reward"}
"""Costs -> the access without which there are none."""

_GENERATORS = {"purify-outside": "outside", "mix": "outside", CURVE: "none"}
"""Kind of a world -> whose rows arrive beside real ones, where it is not the newest model's."""

_REAL = {"preserve": 0.0, "grow": 0.0, CURVE: 1.0}
"""Kind of a world -> share of real rows among the arrivals, where no protocol can choose it."""

_ANY = MetricRecord(meaning="", low=-MOST_METRIC, high=MOST_METRIC)
"""Of lm-eval's metrics, no range is known."""

_ROUNDING = 1e-9
"""By how much shares that a run has rounded may add up to more than one."""


class LocatedResult(NamedTuple):
    """A cell and the line of its file that it stands on, counted from 1."""

    line: int
    result: CellResult


def read_results(path: Path) -> list[CellResult]:
    """All cells of a records file.

    Raises:
        RecordError: as `read_located`.
    """
    return [located.result for located in read_located(path)]


def read_located(path: Path) -> tuple[LocatedResult, ...]:
    """All cells of a records file, each with its line.

    Raises:
        RecordError: anything that a run cannot have written; the message names file, line and field.
    """
    if path.is_symlink() or not path.is_file():
        raise RecordError(f"{path} is not a records file.", "It has to be a plain file; links are not followed.")
    if path.stat().st_size > MOST_BYTES:
        raise RecordError(f"{path} has more than {MOST_BYTES // 2**20} MiB.", "No run writes that much.")
    return parse_results(path.read_bytes(), path)


@cache
def parse_results(content: bytes, path: Path) -> tuple[LocatedResult, ...]:
    """All cells in the content of a records file, each with its line; the same content is parsed once per process.

    Args:
        content: the bytes of the file.
        path: of the file, for messages; its stem is the method's name.

    Raises:
        RecordError: as `read_located`.
    """
    *lines, rest = content.split(b"\n")
    number, known = 1, _Known()
    found: list[tuple[int, CellRecord, list[GenerationRecord]]] = []
    try:
        for number, line in enumerate(lines, start=1):
            record = _parsed(_decoded(line))
            if isinstance(record, CellRecord):
                _refuse_first(_cell_problems(record, path.stem))
                _refuse_first(known.conflicts(number, record))
                found.append((number, record, []))
            elif not found:
                raise _Refusal("kind", "a generation stands before its cell")
            else:
                _, cell, generations = found[-1]
                _refuse_first(_generation_problems(cell, generations, record))
                generations.append(record)
        if rest or not lines:
            number = len(lines) + 1
            raise _Refusal("line", "the last line is cut off" if rest else "the file is empty")
        results = tuple([LocatedResult(line, CellResult(cell, tuple(made))) for line, cell, made in found])
        for located in results:
            number = located.line
            _refuse_first(_ending_problems(located.result))
    except _Refusal as refusal:
        raise RecordError(f"{path}:{number}: {refusal.field}: {refusal.problem}.", refusal.hint) from None
    return results


class _Refusal(Exception):
    """What is wrong with a line, and in which field of it."""

    def __init__(
        self,
        field: str,
        problem: str,
        hint: str = "The whole file is refused: restore it, or delete it and run its cells again.",
    ) -> None:
        super().__init__(field, problem)
        self.field, self.problem, self.hint = field, problem, hint


def _refuse_first(problems: Iterator[tuple[str, str]]) -> None:
    for field, wrong in problems:
        raise _Refusal(field, wrong)


# -- from bytes to records ---------------------------------------------------------------------------


def _decoded(line: bytes) -> str:
    """A line as text; records are ASCII, so that anything else is the work of another program."""
    if not line.isascii():
        raise _Refusal("line", "has bytes that are not ASCII (a byte order mark, another encoding?)")
    if line.endswith(b"\r"):
        raise _Refusal("line", "ends in a carriage return")
    return line.decode("ascii")


def _parsed(line: str) -> CellRecord | GenerationRecord:
    """The record of a line that is JSON, is written as a run writes it, and has every field in its range."""
    try:
        content = json.loads(line, object_pairs_hook=_distinct)
    except RecursionError:
        raise _Refusal("line", "is nested too deeply") from None
    except ValueError as error:
        raise _Refusal("line", f"is not JSON: {error}") from None
    if not isinstance(content, dict):
        raise _Refusal("line", "is not a JSON object")
    canonical = to_line(content)
    kind = content.pop("kind", None)
    if kind not in ("cell", "generation"):
        raise _Refusal("kind", f"must be 'cell' or 'generation', not {shown(kind)}")
    if kind == "cell":
        _check_schema(content.pop("schema", None))
    if canonical != line:
        raise _Refusal("line", "is not written as a run writes it: sorted keys, no spaces, shortest finite numbers")
    try:
        return CellRecord(**content) if kind == "cell" else GenerationRecord(**content)
    except ValidationError as error:
        raise _Refusal(*problem(error)) from None


def _check_schema(schema: object) -> None:
    if type(schema) is not int or schema != SCHEMA:
        older = type(schema) is int and schema < SCHEMA
        what = "a format of older versions, whose metrics have no range" if older else "no format that it knows"
        raise _Refusal(
            "schema",
            f"is {shown(schema)}, and this version of collapsebench reads records of format {SCHEMA}; that is {what}",
            "Move the file away and run its cells again with this version, or read it with the version that wrote it.",
        )


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content: dict[str, Any] = {}
    for key, value in pairs:
        if key in content:
            raise _Refusal(shown(key), "stands twice in one object")
        content[key] = value
    return content


# -- what fields owe each other ------------------------------------------------------------------------


def _cell_problems(cell: CellRecord, stem: str) -> Iterator[tuple[str, str]]:
    protocol, task, method = cell.protocol, cell.task, cell.method
    yield from _world_problems(cell.world)
    if method.name != stem:
        yield "method.name", f"is {shown(method.name)} in a file that is named {shown(stem)}"
    if not _label_follows(method.name, method.params, method.label):
        yield "method.label", f"must be the name and some of the params, not {shown(method.label)}"
    if method.reference != (method.name in REFERENCES):
        yield "method.reference", f"is true for {', '.join(sorted(REFERENCES))}, and for them alone"
    if method.track != (track := track_of(frozenset(method.access))):
        yield (
            "method.track",
            f"is {track!r} with access to {', '.join(method.access) or 'nothing'}, not {shown(method.track)}",
        )
    if cell.world.kind == CURVE and method.name != _MEASURES_CURVES:
        yield "world.kind", f"is that of a learning curve, which {_MEASURES_CURVES} alone runs along"
    if len(set(protocol.tasks)) < len(protocol.tasks):
        yield "protocol.tasks", "names a task twice"
    if task.name not in protocol.tasks:
        yield "task.name", f"is {shown(task.name)}, which the protocol does not score"
    if protocol.average_last > protocol.generations:
        yield "protocol.average_last", f"must be at most the protocol's {protocol.generations} generations"
    if cell.seed >= protocol.seeds:
        yield "seed", f"must be less than the protocol's {protocol.seeds} seeds, not {cell.seed}"
    if undescribed := {task.primary, *task.shown} - set(task.metrics):
        yield "task.metrics", f"does not describe {', '.join(sorted(undescribed))}"
    for name, described in task.metrics.items():
        if described.low >= described.high:
            yield f"task.metrics.{name}", f"ranges from {described.low:g} to {described.high:g}, which holds nothing"
    if cell.status == "running":
        yield "status", "is 'running', and only cells that ended are on a board"
    if (cell.status == "done") == bool(cell.reason):
        yield "reason", "must be empty" if cell.reason else f"must say why the cell is {cell.status}"
    for metric, curve in cell.theory.items():
        if metric not in task.metrics:
            yield "theory", f"is of {shown(metric)}, which is no metric of the task"
        if len(curve) != cell.world.generations + 1:
            yield f"theory.{metric}", f"must have {cell.world.generations + 1} values, not {len(curve)}"


def _world_problems(world: WorldRecord) -> Iterator[tuple[str, str]]:
    """What no protocol can have said: a kind's question, references, generator and fixed shares are its own."""
    if world.kind not in QUESTIONS:
        yield "world.kind", f"must be one of {', '.join(QUESTIONS)}, not {shown(world.kind)}"
        return
    question, generator = QUESTIONS[world.kind], _GENERATORS.get(world.kind, "own")
    owed = {"question": question.name, "floor": question.floor, "ceiling": question.ceiling, "generator": generator}
    share = {"alpha": _REAL[world.kind]} if world.kind in _REAL else {}
    for field, wanted in {**owed, **share}.items():
        if (found := getattr(world, field)) != wanted:
            yield f"world.{field}", f"is {wanted!r} in every world of kind {world.kind}, not {shown(found)}"
    if (world.name == CURVE) != (world.kind == CURVE):
        yield "world.name", f"'{CURVE}' is the name of the learning curve and of nothing else"
    if (world.arrivals == 0) != (world.kind == CURVE):
        yield "world.arrivals", "must be 0 for a learning curve and more elsewhere"
    if world.kind == "mix" and world.generations != 1:
        yield "world.generations", "is 1 in every world of kind mix"
    for field in ("generator_rows", "temperature"):
        if (getattr(world, field) is None) == (generator == "outside"):
            yield f"world.{field}", "belongs to an outside generator, and to it alone"


def _label_follows(name: str, params: dict[str, Any], label: str) -> bool:
    """Whether a label is the name, or the name with some of the params as `name(key=value, key=value)`."""
    if label == name:
        return True
    if not (label.startswith(f"{name}(") and label.endswith(")")):
        return False
    rest = label[len(name) + 1 : -1] + ", "
    settings = {f"{key}={value}, " for key, value in params.items()}
    while rest and (setting := next((s for s in settings if rest.startswith(s)), None)):
        rest = rest.removeprefix(setting)
        settings.discard(setting)
    return not rest


def _generation_problems(
    cell: CellRecord, before: list[GenerationRecord], generation: GenerationRecord
) -> Iterator[tuple[str, str]]:
    task, last, t = cell.task, cell.world.generations, len(before)
    if cell.status in ("skipped", "unsupported"):
        yield "t", f"a cell that is {cell.status} has no generations"
    if generation.t != t:
        yield "t", f"must be {t}, the next generation of this cell, not {generation.t}"
    if t > last:
        yield "t", f"the world ends at generation {last}"
    if generation.real_share + generation.synthetic_share > 1 + _ROUNDING:
        yield "synthetic_share", f"and the real share {generation.real_share:g} are together more than one"
    if not math.isfinite(generation.metrics.get(task.primary, math.nan)):
        yield f"metrics.{task.primary}", "the scored metric must be there, and finite"
    beside = tuple(f"{name}/" for name in task.lm_eval.tasks) if task.lm_eval else ()
    for name, value in generation.metrics.items():
        metric = task.metrics.get(name) or (_ANY if beside and name.startswith(beside) else None)
        if metric is None:
            yield f"metrics.{name}", "is no metric of the task"
        elif not in_range(value, metric.low, metric.high):
            yield f"metrics.{name}", f"is {value:g}, outside {metric.low:g} to {metric.high:g}"
    for name, counted in generation.costs.items():
        if before and counted < before[-1].costs[name]:
            yield f"costs.{name}", f"counts from the start of the cell and cannot fall to {counted}"
    for name, least, most, why in _counts_owed(cell, before, generation):
        counted = generation.rows if name == "rows" else generation.costs[name.removeprefix("costs.")]
        if not least <= counted <= most:
            wanted = str(least) if least == most else f"{least} to {most}"
            yield name, f"must be {wanted}, {why}, not {counted}"
    yield from _share_problems(cell, generation)


def _counts_owed(
    cell: CellRecord, before: list[GenerationRecord], generation: GenerationRecord
) -> Iterator[tuple[str, int, int, str]]:
    """Counts of a generation that follow from the rules: the field, the least and the most, and why."""
    task, world, method, t = cell.task, cell.world, cell.method, generation.t
    n, real = task.n, round(world.alpha * world.arrivals)
    made = world.arrivals - real
    if t == 0:
        yield "rows", n, n, "the rows of D_0"
    if world.kind == CURVE:
        largest = max(n, *(g.rows for g in before), generation.rows)
        yield "costs.real_examples", largest, largest, "the most rows so far"
        yield "costs.synthetic_examples", 0, 0, "as nothing is generated"
    else:
        more = max(task.fresh, world.arrivals) if "fresh" in method.access else 0
        yield (
            "costs.real_examples",
            n + t * real,
            n + t * (real + more),
            f"D_0 and {t} times what a generation may have",
        )
        yield (
            "costs.synthetic_examples",
            t * made,
            t * (made + task.candidates),
            f"{t} times what a generation may have",
        )
    for name, access in _ASKED.items():
        if t == 0 or access not in method.access:
            yield f"costs.{name}", 0, 0, "as nobody asked" if t == 0 else f"without access '{access}'"
    if t == 0:
        yield "costs.scored_tokens", 0, 0, "as nobody asked"
    if not task.budget or (before and not before[0].costs["optimizer_steps"]):
        yield "costs.optimizer_steps", 0, 0, "in a closed form"
    elif task.steps is not None and generation.costs["optimizer_steps"]:
        taken = (t + 1) * task.steps
        yield "costs.optimizer_steps", taken, taken, f"{task.steps} in every generation"


def _share_problems(cell: CellRecord, generation: GenerationRecord) -> Iterator[tuple[str, str]]:
    """Shares of rows that nothing can have given."""
    if (generation.t == 0 or cell.world.kind == CURVE) and generation.real_share != 1:
        yield "real_share", f"must be 1, as these rows are real, not {generation.real_share:g}"
    if not generation.costs["synthetic_examples"] and generation.synthetic_share:
        yield "synthetic_share", f"must be 0, as nothing was generated, not {generation.synthetic_share:g}"
    if generation.t == 0 and generation.log:
        yield "log", "must be empty at generation 0, which no method makes"


def _ending_problems(result: CellResult) -> Iterator[tuple[str, str]]:
    cell, finished, whole = result.cell, len(result.generations), result.cell.world.generations + 1
    if cell.status == "done" and finished != whole:
        yield "status", f"is 'done', but {finished} of {whole} generations stand here"
    if cell.status == "diverged" and finished == whole:
        yield "status", "is 'diverged', but every generation stands here"


class _Known:
    """What the cells of a file have said so far, and in which line."""

    def __init__(self) -> None:
        self._places: dict[tuple[str, ...], int] = {}
        self._parts: dict[tuple[str, str], tuple[int, Part]] = {}

    def conflicts(self, line: int, cell: CellRecord) -> Iterator[tuple[str, str]]:
        """What a cell says that an earlier one says too, or says differently of the same thing."""
        task, world, method = cell.task.name, cell.world.name, cell.method.label
        setting = f"{task}/{world}"
        if (first := self._places.setdefault((cell.cell,), line)) != line:
            yield "cell", f"the cell of line {first} stands here again"
        if (first := self._places.setdefault((setting, method, str(cell.seed)), line)) != line:
            yield "seed", f"seed {cell.seed} of {method} on {setting} stands in line {first}"
        for part, name in (("protocol", ""), ("task", task), ("world", setting), ("method", method)):
            content = getattr(cell, part)
            first, known = self._parts.setdefault((part, name), (line, content))
            for key in differing_keys(content, known):
                yield f"{part}.{key}", f"differs from line {first}; a file holds one version of each {part}"


def differing_keys(one: Part, other: Part) -> list[str]:
    """Fields in which two accounts of one protocol, task, world or method differ, though one name stands for both.

    lm-eval's tasks and the sentence that describes it are in no digest.
    """
    fields = type(one).model_fields.keys() - _IN_NO_DIGEST
    return sorted(key for key in fields if getattr(one, key) != getattr(other, key))
