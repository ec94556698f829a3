"""Records against the code that is installed: digests, and what is said of protocol, task, world and method.

`reader` asks whether a run can have written a file; this module asks whether the installed code would have.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from ..core.errors import CollapsebenchError, PluginError, RecordError
from ..core.method import METHODS
from ..core.plugin import source_file
from ..core.records import CellRecord, Part, one_line
from ..core.shipped import builtin_folder
from ..core.task import TASKS
from ..loop.cell import Cell, method_key, protocol_record, task_key
from ..loop.plugins import make_method, make_task
from ..loop.protocol import Protocol, load_protocol, own_protocol, shipped_protocols
from ..loop.world import CURVE
from .apart import ask
from .reader import LocatedResult

_AGAIN = "Run its cells again with this source; what has not changed is taken from the store."


def check_source(path: Path, results: Sequence[LocatedResult], rules: Protocol, plugins: Sequence[str] = ()) -> None:
    """Refuse records that the installed code under these rules would not have written.

    Args:
        path: of the file, for messages.
        results: its cells.
        rules: the protocol, as it ships or as its file says.
        plugins: plug-in files, for a process of its own that says what a task would write that is not imported here.

    Raises:
        RecordError: the message names file, line and field.
    """
    elsewhere = [(line, result.cell) for line, result in results if result.cell.task.name not in TASKS.names()]
    try:
        told = _told_apart([cell for _, cell in elsewhere], rules, plugins)
    except CollapsebenchError as error:
        raise RecordError(f"{path}:{elsewhere[0][0]}: task: {error.message}", error.hint) from error
    for line, result in results:
        try:
            for field, problem in _differences(result.cell, rules, told):
                raise RecordError(f"{path}:{line}: {field}: {problem}.", _AGAIN)
        except RecordError:
            raise
        except CollapsebenchError as error:  # the plug-in is not there, or refuses the hyper-parameters
            hint = error.hint or "Pass the file of the plug-in with --plugin, or install its package."
            raise RecordError(f"{path}:{line}: method: {error.message}", hint) from error


def cell_of(record: CellRecord, rules: Protocol, plugins: Sequence[str] = ()) -> Cell:
    """The cell that a record is of, made from what is installed.

    Args:
        record: what was run.
        rules: its protocol.
        plugins: plug-in files that a worker must load to run it.

    Raises:
        UsageError, PluginError: the plug-in is not installed, or refuses the hyper-parameters.
    """
    name = record.task.name
    if asked := record.task.lm_eval:
        rules = rules.with_lm_eval([name], asked.tasks, asked.limit)
    task = make_task(name, rules.rules(name).params)
    method = make_method(record.method.name, record.method.params)
    return Cell(rules, task, method, record.seed, record.world.name, tuple(plugins))


class _Told(NamedTuple):
    """What the installed source says of a cell: its record, and whether and why it would not run."""

    record: CellRecord
    unsupported: bool
    reason: str | None


def _told(record: CellRecord, rules: Protocol) -> _Told:
    cell = cell_of(record, rules)
    expected = cell.record(record.status, record.reason)
    return _Told(expected, cell.unsupported() is not None, cell.skip_reason())


def _told_apart(records: Sequence[CellRecord], rules: Protocol, plugins: Sequence[str]) -> dict[str, _Told]:
    """What is said of cells whose task is not imported here, by digest of the cell."""
    if not records:
        return {}
    about = f"Task '{records[0].task.name}'"
    lines = [record.model_dump_json() for record in records]
    answers = ask("results.audit:told", rules.model_dump_json(), lines, plugins=list(plugins), about=about)
    try:
        parsed = [_Told(CellRecord.model_validate_json(text), bool(no), why) for text, no, why in answers]
        return {record.cell: found for record, found in zip(records, parsed, strict=True)}
    except (ValidationError, ValueError, TypeError) as error:
        raise PluginError(f"{about} answered what is no record: {one_line(str(error), 200)}") from None


def told(rules: str, records: Sequence[str]) -> list[tuple[str, bool, str | None]]:
    """What `_told_apart` asks for, in the process that imports the task."""
    protocol = Protocol.model_validate_json(rules)
    found = (_told(CellRecord.model_validate_json(record), protocol) for record in records)
    return [(one.record.model_dump_json(), one.unsupported, one.reason) for one in found]


def own_rules(tasks: Sequence[str]) -> str:
    """The protocol, as JSON, of tasks by their own rules, in the process that imports them."""
    return own_protocol({name: TASKS.get(name).rules for name in tasks}).model_dump_json()


def _differences(record: CellRecord, rules: Protocol, told: Mapping[str, _Told]) -> Iterator[tuple[str, str]]:
    yield from _unequal("protocol", record.protocol, protocol_record(rules))
    task, world = record.task.name, record.world.name
    if world not in (CURVE, *rules.rules(task).worlds):
        yield "world.name", f"{task} has no world {world!a} under these rules"
    said = told.get(record.cell) or _told(record, rules)
    expected = said.record
    yield from _unequal("task", record.task, expected.task)
    yield from _unequal("world", record.world, expected.world)
    yield from _unequal("method", record.method, expected.method)
    if record.cell != expected.cell:
        yield "cell", "is not the digest of its parts"
    for metric in sorted({*record.theory, *expected.theory}):
        if not _close(record.theory.get(metric, ()), expected.theory.get(metric, ())):
            yield f"theory.{metric}", "is not what the closed form gives"
    yield from _status_problems(record, said)


def _close(found: Sequence[float], expected: Sequence[float]) -> bool:
    """Equal up to the rounding of another machine."""
    same_length = len(found) == len(expected)
    return same_length and all(math.isclose(a, b, rel_tol=1e-6) for a, b in zip(found, expected, strict=True))


def _unequal(part: str, found: Part, expected: Part) -> Iterator[tuple[str, str]]:
    """Fields in which a part of a record is not as expected, the digest first: it explains the others."""
    for key in sorted(type(found).model_fields, key=lambda key: (key != "digest", key)):
        there, wanted = getattr(found, key), getattr(expected, key)
        if there == wanted:
            continue
        if key == "digest":
            yield f"{part}.digest", f"stale: it is not that of the {part} installed here ({wanted[:12]})"
        else:
            yield f"{part}.{key}", f"must be {ascii(wanted)[:100]}, not {ascii(there)[:100]}"


def _status_problems(record: CellRecord, said: _Told) -> Iterator[tuple[str, str]]:
    """Nobody may declare a task to be outside the scope of a method that could run on it, or the reverse."""
    reason = said.reason
    expected = "unsupported" if said.unsupported else "skipped" if reason else "run"
    found = record.status if record.status in ("unsupported", "skipped") else "run"
    if found != expected:
        yield "status", f"this cell is {expected}, not {record.status}" if reason else "this cell can be run"
    elif reason and record.reason != one_line(reason):
        yield "reason", f"must be {ascii(reason)[:100]}"


# -- stale entries of a board --------------------------------------------------------------------------


def source_changed(record: CellRecord) -> bool | None:
    """Whether protocol, task or method have changed since a record was made, as far as they ship with this package.

    Returns:
        None if the method does not ship with this package: then only its own author can say. What else is installed
        on a machine does not count, so that a board says the same everywhere.
    """
    method, task, protocol = record.method, record.task, record.protocol
    if not _ships(method.name):
        return None
    if _method_digest(method.name, method.params) != method.digest:
        return True
    if protocol.name not in shipped_protocols():
        return False
    return (_shipped(protocol.name).digest(), _task_digest(protocol.name, task.name)) != (
        protocol.digest,
        task.digest,
    )


def _ships(name: str) -> bool:
    if name not in METHODS.names():
        return False
    return source_file(METHODS.get(name)).is_relative_to(builtin_folder("methods"))


@lru_cache
def _shipped(protocol: str) -> Protocol:
    return load_protocol(protocol)


def _method_digest(name: str, params: Mapping[str, Any]) -> str:
    try:
        return method_key(make_method(name, params))
    except CollapsebenchError:  # its hyper-parameters are others now
        return ""


@lru_cache
def _task_digest(protocol: str, task: str) -> str:
    try:
        return task_key(make_task(task, _shipped(protocol).rules(task).params))
    except CollapsebenchError:  # the task is gone, or its sizes are others now
        return ""
