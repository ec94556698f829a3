"""Verification: the note that a maintainer re-ran a sample of a file's cells, and the badge that follows from it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError

from ..core.errors import RecordError
from ..core.files import sha256, write_atomic
from ..core.records import CellResult, Count, Digest, Key, List, Name, Part, Scalar, Text, canonical, problem
from ..loop.environment import environment

FOLDER = "verified"

Positive = Annotated[float, Field(ge=0)]


class Rerun(Part):
    """A cell that was run again.

    Args:
        task: name.
        world: name, of the task.
        label: of the method.
        seed: of every stream.
        seconds: that the second run took.
        equal: whether it gave the same records, timings aside.
        quantity: of what is scored or counted, what differs most; None where nothing does.
        difference: how much, relative to its largest size in the lineage.
    """

    task: Name
    world: Name
    label: Text
    seed: Count
    seconds: Positive
    equal: bool
    quantity: Key | None
    difference: Positive

    def __str__(self) -> str:
        outcome = "equal to the byte" if self.equal else f"{self.quantity} differs by {self.difference:.2g}"
        return f"{self.label} on {self.task}/{self.world}, seed {self.seed} ({self.seconds:.1f} s): {outcome}"


class Note(Part):
    """`verified/<method>.json`: which cells were run again, within which tolerance, and the digest of all records."""

    method: Name
    records: Digest
    protocol: Digest
    cells: List[Rerun]
    tolerance: Positive
    date: Text
    environment: dict[Key, Scalar]


def fingerprint(results: Iterable[CellResult]) -> str:
    """SHA-256 over the results of one method, whatever their order, timings and machine."""
    return sha256("\n".join(sorted(map(canonical, results))).encode())


def sign(folder: Path, method: str, results: Sequence[CellResult], reruns: Sequence[Rerun], tolerance: float) -> Path:
    """Write `verified/<method>.json` beside the records that were verified.

    Args:
        folder: of the board.
        method: whose records.
        results: all cells of the file.
        reruns: the cells that were run again.
        tolerance: within which they had to agree.
    """
    note = Note(
        method=method,
        records=fingerprint(results),
        protocol=results[0].cell.protocol.digest,
        cells=tuple(reruns),
        tolerance=tolerance,
        date=datetime.now(UTC).date().isoformat(),
        environment=environment(),
    )
    path = folder / FOLDER / f"{method}.json"
    write_atomic(path, (json.dumps(note.model_dump(), indent=2, sort_keys=True) + "\n").encode())
    return path


def verified(folder: Path, results: Iterable[CellResult]) -> set[str]:
    """Names of the methods of whose records on a board a maintainer ran a sample again: exactly of these records.

    It follows from files beside the records, never from what is installed: `leaderboard --check` compares with that.

    Raises:
        RecordError: a file of `verified/` is not one that `verify --sign` wrote.
    """
    by_method: dict[str, list[CellResult]] = {}
    for result in results:
        by_method.setdefault(result.cell.method.name, []).append(result)
    notes = {method: _read(folder / FOLDER / f"{method}.json") for method in by_method}
    return {method for method, note in notes.items() if note and note.records == fingerprint(by_method[method])}


def _read(path: Path) -> Note | None:
    if not path.is_file():
        return None
    try:
        note = Note.model_validate_json(path.read_bytes())
    except ValidationError as error:
        field, said = problem(error)
        raise RecordError(
            f"{path}: {field or 'line 1'}: {said}.", "Delete it and run `collapsebench verify --sign`."
        ) from None
    if note.method != path.stem:
        raise RecordError(f"{path}: method: is not that of the file's name.", "Delete it.")
    return note
