"""Verification: the note that a maintainer re-ran a sample of a file's cells, and the badge that follows from it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, ValidationError

from ..core.errors import RecordError
from ..core.files import write_atomic
from ..core.records import CellResult, canonical
from ..loop.digests import environment
from .audit import source_changed

if TYPE_CHECKING:
    from .rerun import Rerun

FOLDER = "verified"


class _Note(BaseModel):
    """`verified/<method>.json`, as far as a badge depends on it."""

    model_config = ConfigDict(strict=True, extra="ignore")

    method: str
    records: str


def fingerprint(results: Iterable[CellResult]) -> str:
    """SHA-256 over the results of one method, whatever their order, timings and machine."""
    return hashlib.sha256("\n".join(sorted(map(canonical, results))).encode()).hexdigest()


def sign(folder: Path, method: str, results: Sequence[CellResult], reruns: Sequence[Rerun], tolerance: float) -> Path:
    """Write `verified/<method>.json` beside the records that were verified.

    Args:
        folder: of the board.
        method: whose records.
        results: all cells of the file.
        reruns: the cells that were run again.
        tolerance: within which they had to agree.
    """
    note = {
        "method": method,
        "protocol": results[0].cell.protocol["digest"],
        "records": fingerprint(results),
        "cells": [rerun.to_dict() for rerun in reruns],
        "tolerance": tolerance,
        "date": datetime.now(UTC).date().isoformat(),
        "environment": environment(),
    }
    path = folder / FOLDER / f"{method}.json"
    write_atomic(path, (json.dumps(note, indent=2, sort_keys=True) + "\n").encode())
    return path


def badges(folder: Path, results: Sequence[CellResult]) -> dict[str, str]:
    """What stands beside each entry of a board, by label.

    `verified`: a sample of exactly these records was run again by a maintainer. `self-reported`: nobody did.
    `stale`: protocol, task or method have changed since. Of a method that does not ship with the package, only the
    first two can be said, and that its source is not here.

    Raises:
        RecordError: a file of `verified/` is not one that `verify --sign` wrote.
    """
    by_method: dict[str, list[CellResult]] = {}
    for result in results:
        by_method.setdefault(result.cell.method["name"], []).append(result)
    found: dict[str, str] = {}
    for method, own in by_method.items():
        note = _read(folder / FOLDER / f"{method}.json")
        standing = "verified" if note is not None and note.records == fingerprint(own) else "self-reported"
        by_label: dict[str, set[bool | None]] = {}
        for result in own:
            by_label.setdefault(result.cell.method["label"], set()).add(source_changed(result.cell))
        found |= {label: _badge(standing, changes) for label, changes in by_label.items()}
    return found


def _badge(standing: str, changes: set[bool | None]) -> str:
    if True in changes:
        return "stale"
    return f"{standing}, source not here" if None in changes else standing


def _read(path: Path) -> _Note | None:
    if not path.is_file():
        return None
    try:
        note = _Note.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"])) or "line 1"
        raise RecordError(
            f"{path}: {field}: {first['msg']}.", "Delete it and run `collapsebench verify --sign`."
        ) from None
    if note.method != path.stem:
        raise RecordError(f"{path}: method: is not that of the file's name.", "Delete it.")
    return note
