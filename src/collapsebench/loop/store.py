"""Store: finished stages and cells on disk, written whole or not at all.

    stages/<kind>/<key>.json          what a stage gave (digest, costs), written last
    stages/<kind>/<key>.safetensors   its corpus or model
    stages/<kind>/<key>.checkpoint    how far it is, where it takes long
    cells/<task>/<method>/s<seed>-<digest>/
        manifest.json  records.jsonl  DONE | failure.txt

Every file carries or has a checksum, over its name too, so that a file in the place of another counts as damaged; what
does not match it is removed with a warning and computed again.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from ..core import processes
from ..core.errors import StoreError
from ..core.files import collect, locked, set_aside, sha256, write_atomic
from ..core.records import CellRecord, CellResult, GenerationRecord, to_line

log = logging.getLogger("collapsebench")

T = TypeVar("T")


def _read(path: Path) -> bytes | None:
    """A file's content, or None if there is no such file; the same in all processes of a command.

    Raises:
        StoreError: it cannot be read.
    """
    return processes.from_main(lambda: _read_here(path))


def _read_here(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        if path.is_dir() or path.is_symlink():
            set_aside(path)
            return None
        raise StoreError(
            f"Cannot read {path}: {error.strerror or error}.", "Check the permissions or pass another --store."
        ) from error


def _write(path: Path, content: bytes) -> None:
    """Write a file whole or not at all; a folder in its place is set aside."""
    if processes.is_main() and path.is_dir():
        set_aside(path)
    write_atomic(path, content)


def _discard(path: Path) -> None:
    """Say that a file is damaged, once: it is gone afterwards."""
    if processes.is_main():
        log.warning("%s is damaged; computing it again.", path)
    _remove(path)


def _remove(path: Path) -> None:
    if processes.is_main():
        if path.is_dir():
            set_aside(path)
        path.unlink(missing_ok=True)


def _write_sealed(path: Path, content: Any) -> None:
    """Write JSON with its own seal on a second line."""
    line = to_line(content).encode()
    _write(path, line + b"\n" + _seal(path, line) + b"\n")


def _seal(path: Path, line: bytes) -> bytes:
    """Checksum of what a file holds and of its place: kind and key of a stage, or the folder of a cell."""
    return sha256(f"{path.parent.name}/{path.name}\n".encode() + line).encode()


def _unsealed(path: Path, read: Callable[[Any], T]) -> T | None:
    """What `_write_sealed` wrote, or None if the file is missing or damaged, or holds something else (a line says so).

    Args:
        path: the file.
        read: makes of the content what it stands for.
    """
    content = _read(path)
    if content is None:
        return None
    line, _, seal = content.partition(b"\n")
    if _seal(path, line) == seal.strip():
        with suppress(ValueError, TypeError, KeyError, AttributeError):  # the first is also pydantic's and JSON's
            return read(json.loads(line))
    _discard(path)
    return None


@dataclass(frozen=True)
class StageNote:
    """What the store remembers of a finished stage besides its payload.

    Args:
        digest: SHA-256 of the payload file's bytes; what later stages are keyed by.
        costs: counts that this stage added.
        log: what the method logged.
        facts: small results: metrics of an evaluation, rows and real share of a corpus.
        seconds: wall time of the computation.
    """

    digest: str = ""
    costs: dict[str, int] = field(default_factory=dict)
    log: dict[str, float] = field(default_factory=dict)
    facts: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0


@dataclass(frozen=True)
class StageCheckpoint:
    """How far a stage is that takes long, as `core.learner.Checkpoint`.

    Args:
        path: the file; its first line is the seal of the rest.
        seconds: how often it is written.
    """

    path: Path
    seconds: float

    def read(self) -> bytes | None:
        """What was written last, or None; a damaged file, or that of another stage, is removed with a warning."""
        content = _read(self.path)
        if content is None:
            return None
        seal, _, rest = content.partition(b"\n")
        if _seal(self.path, rest) == seal:
            return rest
        _discard(self.path)
        return None

    def write(self, content: bytes) -> None:
        """Replace it.

        Raises:
            StoreError: no space, no permission.
        """
        _write(self.path, _seal(self.path, content) + b"\n" + content)


class Store:
    """A folder of stages and cells; safe for several processes at once.

    Args:
        root: the folder; made when something is first written.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    # -- stages ----------------------------------------------------------------------------------

    def stage_note(self, kind: str, key: str) -> StageNote | None:
        """The note of a finished stage, or None."""
        return _unsealed(self._stage(kind, key, "json"), _note_from_dict)

    def save_stage(self, kind: str, key: str, note: StageNote, payload: bytes | None) -> None:
        """Write a stage: payload first, then the note that makes it count; its checkpoint goes."""
        if payload is not None:
            _write(self._stage(kind, key, "safetensors"), payload)
        _write_sealed(self._stage(kind, key, "json"), asdict(note))
        _remove(self._stage(kind, key, "checkpoint"))

    def load_payload(self, kind: str, key: str, digest: str) -> bytes | None:
        """A stage's payload, or None if it was dropped or is damaged (a warning says so)."""
        path = self._stage(kind, key, "safetensors")
        payload = _read(path)
        if payload is None or sha256(payload) == digest:
            return payload
        _discard(path)
        return None

    def drop_payload(self, kind: str, key: str) -> None:
        """Forget a stage's payload but not its note."""
        _remove(self._stage(kind, key, "safetensors"))

    def stage_checkpoint(self, kind: str, key: str, seconds: float) -> StageCheckpoint:
        """Where a stage leaves how far it is, every so many seconds."""
        return StageCheckpoint(self._stage(kind, key, "checkpoint"), seconds)

    def stage_lock(self, kind: str, key: str) -> AbstractContextManager[Callable[[], bool]]:
        """Held while a stage is computed, so that two processes do not do it twice."""
        return locked(self._stage(kind, key, "lock"))

    def _stage(self, kind: str, key: str, suffix: str) -> Path:
        return self.root / "stages" / kind / f"{key}.{suffix}"

    # -- cells -----------------------------------------------------------------------------------

    def cell(self, task: str, method: str, seed: int, digest: str) -> CellFolder:
        """The folder of one cell."""
        return CellFolder(self.root / "cells" / task / method / f"s{seed}-{digest[:16]}")

    def cells(self) -> list[CellFolder]:
        """Folders of all cells, finished or not."""
        return [CellFolder(path.parent) for path in sorted(self.root.glob("cells/*/*/*/manifest.json"))]


class CellFolder:
    """Manifest, records and outcome of one cell."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def lock(self, timeout: float) -> AbstractContextManager[Callable[[], bool]]:
        """Held by the process that runs this cell; gives the question whether it still is.

        Raises:
            filelock.Timeout: on entry, when another process held it for `timeout` seconds.
        """
        return locked(self.path / "lock", timeout)

    def start(self, cell: CellRecord, spec: Mapping[str, Any]) -> None:
        """Write the manifest (every key part, and the spec that runs it again); clear what an earlier failure left."""
        if processes.is_main():
            collect(path for path in self.path.glob(".*") if path.is_file())  # nobody else writes here now
        _remove(self.path / "failure.txt")
        _write_sealed(self.path / "manifest.json", {"cell": cell.model_dump(), "spec": dict(spec)})

    def manifest(self) -> tuple[CellRecord, dict[str, Any]] | None:
        """What this cell was started as and its spec, or None if missing, damaged or of an older version."""
        content: dict[str, Any] | None = _unsealed(self.path / "manifest.json", dict)
        try:
            return None if content is None else (CellRecord(**content["cell"]), content["spec"])
        except (ValidationError, KeyError, TypeError):
            return None

    def save_records(self, records: list[GenerationRecord]) -> bytes:
        """Write the generations finished so far; returns the bytes written."""
        content = "".join(to_line(vars(record)) + "\n" for record in records).encode()
        _write(self.path / "records.jsonl", content)
        return content

    def unfinished_records(self) -> list[GenerationRecord]:
        """The generations written so far by a cell that is not finished, up to the first damaged line."""
        path = self.path / "records.jsonl"
        records: list[GenerationRecord] = []
        for line in (_read(path) or b"").splitlines():
            try:
                records.append(GenerationRecord(**json.loads(line)))
            except (ValueError, TypeError):
                log.warning("%s is damaged after %d lines.", path, len(records))
                break
        return records

    def finish(self, cell: CellRecord, records: list[GenerationRecord]) -> None:
        """Write the last records and the DONE that makes the cell count."""
        content = self.save_records(records)
        _write_sealed(self.path / "DONE", {"cell": cell.model_dump(), "records": sha256(content)})

    def fail(self, traceback: str) -> None:
        """Keep a failure's traceback; never satisfies a look-up."""
        _write(self.path / "failure.txt", traceback.encode())

    def result(self) -> CellResult | None:
        """The finished cell, or None if it is not finished or damaged (a warning says so)."""
        done = _unsealed(self.path / "DONE", lambda content: (CellRecord(**content["cell"]), str(content["records"])))
        if done is None:
            return None
        cell, checksum = done
        records = self.path / "records.jsonl"
        content = _read(records) or b""
        if sha256(content) == checksum:
            with suppress(ValueError, TypeError):
                lines = content.decode().splitlines()
                return CellResult(cell, tuple(GenerationRecord(**json.loads(line)) for line in lines))
        _discard(records)
        _remove(self.path / "DONE")
        return None


def _note_from_dict(content: Mapping[str, Any]) -> StageNote:
    numbers: Callable[[str], dict[str, float]] = lambda name: {k: float(v) for k, v in content[name].items()}  # noqa: E731
    return StageNote(content["digest"], content["costs"], numbers("log"), numbers("facts"), float(content["seconds"]))
