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
from ..loop.environment import environment

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

    `verified`: a maintainer ran a sample of exactly these records again. `self-reported`: nobody did. Both follow
    from files beside the records, never from what is installed: `leaderboard --check` compares with that.

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
        found |= {result.cell.method["label"]: standing for result in own}
    return found


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
