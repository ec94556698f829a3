"""Merge: carry finished cells from a run into the records of a board, which loses nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NamedTuple

from ..core.errors import RecordError
from ..core.files import locked, write_atomic
from ..core.records import CellResult, Place, write_results
from ..loop.cell import Cell
from .reader import parse_results, read_results

_OTHER_BOARD = "pass another folder with --boards"


class Version(NamedTuple):
    """Digests of what a cell is run with."""

    protocol: str
    task: str
    method: str


def board_lock(folder: Path) -> AbstractContextManager[Any]:
    """Held while the files of a board are written: two commands that write one board take turns."""
    return locked(folder.with_name(f".{folder.name}.lock"))


def check_board(folder: Path, cells: Iterable[Cell]) -> dict[Place, CellResult]:
    """The records of a board, which the results of these cells can be merged into; asked before anything runs.

    Raises:
        RecordError: as `merge_records`.
    """
    planned = [cell for cell in cells if cell.seed < cell.protocol.seeds]
    versions = {cell.place: Version(cell.protocol.digest(), cell.task_key, cell.method_key) for cell in planned}
    return _records_beside(folder, versions)


def merge_records(results: Iterable[CellResult], folder: Path) -> None:
    """Merge results into `folder/records/<method>.jsonl`, one file per method.

    A board mixes nothing and a merge deletes nothing. A result replaces the record of the same task, world, label and
    seed; every other record stays, and must be of the same protocol and the same version of the task and the method.
    A record that has the same result, timings aside, keeps its bytes, and the metrics from lm-eval that the new run
    was not asked for. A failure does not replace what the same cell gave before. Seeds beyond the protocol's stay off
    the board, which would otherwise depend on who ran more of them.

    Raises:
        RecordError: a file that stands there is not one of records, or holds records of another version that no
            result replaces; nothing is written.
    """
    new = {r.place: r for r in results if r.cell.seed < r.cell.protocol.seeds}
    if not new:
        return
    known = _records_beside(folder, {place: _version(result) for place, result in new.items()})
    for place, result in new.items():
        old = known.get(place)
        if old is None or not (old.includes(result) or _failed_again(old, result)):
            known[place] = result
    by_method: dict[str, list[CellResult]] = {}
    for result in known.values():
        by_method.setdefault(result.cell.method.name, []).append(result)
    contents = {_file(folder, name): write_results(own).encode() for name, own in sorted(by_method.items())}
    for path, content in contents.items():
        parse_results(content, path)  # what is written can be read: a plug-in may log or return anything
    for path, content in contents.items():
        if not path.is_file() or path.read_bytes() != content:
            write_atomic(path, content)


def _records_beside(folder: Path, new: Mapping[Place, Version]) -> dict[Place, CellResult]:
    """The records of a board, once all may stand beside new ones."""
    paths = sorted((folder / "records").glob("*.jsonl"))
    known = {result.place: result for path in paths for result in read_results(path)}
    current = {part: digest for place, version in new.items() for part, digest in _parts(place, version)}
    for place, result in known.items():
        for part, digest in _parts(place, _version(result)):
            if current.get(part, digest) != digest and (part[0] == "protocol" or place not in new):
                raise _mixture(_file(folder, result.cell.method.name), result, *part)
    return known


def _parts(place: Place, version: Version) -> Iterator[tuple[tuple[str, str], str]]:
    """What must have one digest on a board, as kind and name: the protocol, each task and each entry."""
    label, task, _, _ = place
    return zip((("protocol", ""), ("task", task), ("method", label)), version, strict=True)


def _mixture(path: Path, result: CellResult, kind: str, name: str) -> RecordError:
    """The error for a record that would have to go, or to stand beside what it cannot be compared with."""
    cell = result.cell
    if kind == "protocol":
        return RecordError(
            f"{path}: protocol.digest: the board holds version {cell.protocol.version} of protocol "
            f"'{cell.protocol.name}', whose rules differ from those of this one.",
            f"Nothing is changed. Give the protocol another name, or {_OTHER_BOARD}.",
        )
    return RecordError(
        f"{path}: {kind}.digest: the board holds {cell.method.label} on {cell.task.name}/{cell.world.name}, "
        f"seed {cell.seed}, of another version of {kind} '{name}', and this command does not replace it.",
        f"Nothing is changed. Run all cells of that {kind} that the board holds, or {_OTHER_BOARD}.",
    )


def _failed_again(old: CellResult, new: CellResult) -> bool:
    return new.cell.status == "failed" and old.cell.status != "failed" and old.cell.cell == new.cell.cell


def _version(result: CellResult) -> Version:
    cell = result.cell
    return Version(cell.protocol.digest, cell.task.digest, cell.method.digest)


def _file(folder: Path, method: str) -> Path:
    return folder / "records" / f"{method}.jsonl"
