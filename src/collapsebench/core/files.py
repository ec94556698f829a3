"""Files: written whole or not at all, known by their content, and the cache folder of this machine."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import secrets
import sys
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from . import processes
from .errors import StoreError

CACHE_VARIABLE = "COLLAPSEBENCH_CACHE"
"""The environment variable that names the folder."""


def cache_folder() -> Path:
    """Where this machine keeps what it made once for every run, such as a task's fixed classifier.

    `COLLAPSEBENCH_CACHE`, or `collapsebench` in the platform's folder for caches.
    """
    if named := os.environ.get(CACHE_VARIABLE):
        return Path(named).expanduser()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "collapsebench" / "cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "collapsebench"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "collapsebench"


def write_atomic(path: Path, content: bytes) -> None:
    """Write a file whole or not at all: temporary file, fsync, rename.

    Raises:
        StoreError: no space, no permission; the old file stands and nothing half-written remains.
    """
    if not processes.is_main():
        return
    temporary = path.parent / f".{path.name}.{secrets.token_hex(6)}"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise cannot_write(path, error) from error


@contextlib.contextmanager
def locked(path: Path, timeout: float = -1) -> Iterator[None]:
    """Hold a lock file, among processes; released if the holder dies.

    Raises:
        filelock.Timeout: another process held it for `timeout` seconds (negative: wait for ever).
        StoreError: the file cannot be made.
    """
    if not processes.is_main():
        yield
        return
    from filelock import FileLock, Timeout

    lock = FileLock(path, timeout=timeout)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout:
        raise
    except OSError as error:
        raise cannot_write(path, error) from error
    try:
        yield
    finally:
        lock.release()


def cannot_write(path: Path, error: OSError) -> StoreError:
    """The error for a file that cannot be written."""
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    return StoreError(
        f"Cannot write {path}: {'the disk is full' if full else error.strerror or error}.",
        "Free some space or pass another --store; finished work is kept." if full else "Check the permissions.",
    )


def sha256(content: bytes) -> str:
    """Hexadecimal SHA-256."""
    return hashlib.sha256(content).hexdigest()


def digest(content: object) -> str:
    """SHA-256 of a value that JSON can hold; of anything else in it, of its `str`."""
    return sha256(json.dumps(content, sort_keys=True, default=str).encode())


def content_digest(path: Path) -> str:
    """SHA-256 over a file, or over the names and contents of all files below a folder; "" if there is neither.

    Read once per process for as long as sizes and times of change stay as they are.
    """
    files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
    if not files:
        return ""
    return _content_digest(path, tuple((file, file.stat().st_size, file.stat().st_mtime_ns) for file in files))


@lru_cache(maxsize=32)
def _content_digest(root: Path, files: tuple[tuple[Path, int, int], ...]) -> str:
    sha = hashlib.sha256()
    for path, _, _ in files:
        with path.open("rb") as file:
            sha.update(f"{path.relative_to(root)}\0{hashlib.file_digest(file, 'sha256').hexdigest()}\0".encode())
    return sha.hexdigest()
