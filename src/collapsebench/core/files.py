"""Files: written whole or not at all, known by their content, and the cache folder of this machine."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import logging
import os
import re
import secrets
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from . import processes
from .errors import StoreError

if TYPE_CHECKING:
    from filelock import SoftFileLease

log = logging.getLogger("collapsebench")

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


LEASE = 60.0
"""Seconds after which a lock whose holder shows no sign of life is free; the holder shows one every twenty."""

_awaited: dict[Path, SoftFileLease] = {}
"""Locks that others held when they were last tried: for how long they show no sign of life is seen from try to try."""


@contextlib.contextmanager
def locked(path: Path, timeout: float = -1) -> Iterator[Callable[[], bool]]:
    """Hold a lock file, among processes of all machines that share the file system; released if the holder dies.

    The lock is a lease with a heartbeat. A holder that was killed on this machine is noticed at once, one on another
    machine after `LEASE` seconds, by this machine's own clock. A holder that was stopped for longer lost it.

    Gives:
        A question whether it is still held.

    Raises:
        filelock.Timeout: another process held it for `timeout` seconds (negative: wait for ever).
        StoreError: the file cannot be made.
    """
    if not processes.is_main():
        yield lambda: True
        return
    from filelock import SoftFileLease, Timeout

    lock = _awaited.pop(path, None) or SoftFileLease(path, lease_duration=LEASE)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            set_aside(path)
        _acquire(lock, path, timeout)
    except Timeout:
        _awaited[path] = lock
        raise
    except OSError as error:
        raise cannot_write(path, error) from error
    try:
        yield lambda: lock.is_lock_held_by_us
    finally:
        lock.release()


def held(path: Path) -> bool:
    """Whether a holder of `locked` showed a sign of life within `LEASE` seconds, by the clock of the file system."""
    with contextlib.suppress(FileNotFoundError), tempfile.TemporaryFile(dir=path.parent) as now:
        return os.fstat(now.fileno()).st_mtime - path.stat().st_mtime < LEASE
    return False


def holder(path: Path) -> str:
    """Who holds a lock, in words, as far as its file says so: `process 12 on node3`."""
    with contextlib.suppress(OSError, ValueError):
        said = dict(line.split("=", 1) for line in path.read_text(encoding="utf-8").splitlines() if "=" in line)
        if {"pid", "host"} <= set(said):
            return f"process {said['pid'][:20]} on {said['host'][:80]}"
    return "another process"


def _acquire(lock: SoftFileLease, path: Path, timeout: float) -> None:
    """Acquire, and see now and then whether what is waited for names a holder: a killed one may not have got so far."""
    from filelock import Timeout

    deadline = time.monotonic() + timeout
    while True:
        _forget_empty(path)
        patience = LEASE / 4 if timeout < 0 else min(LEASE / 4, max(deadline - time.monotonic(), 0.0))
        try:
            lock.acquire(timeout=patience)
            return
        except Timeout:
            if timeout >= 0 and deadline <= time.monotonic():
                raise


def _forget_empty(path: Path) -> None:
    """Remove an old lock file that names no holder: of an earlier release, or of a process killed as it made it."""
    with contextlib.suppress(FileNotFoundError):
        found = path.stat()
        if found.st_size or time.time() - found.st_mtime < LEASE:
            return
        aside = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
        path.rename(aside)
        if aside.stat().st_ino != found.st_ino:
            os.link(aside, path)  # another process was faster, and this is its lock
        aside.unlink()


_TEMPORARY = re.compile(r"\..+\.[0-9a-f]{12}")
"""What `write_atomic` writes until it renames it."""

_FOLDER = re.compile(r"collapsebench-[a-z]+-(\d+)-.+")


def temporary_folder(kind: str) -> tempfile.TemporaryDirectory[str]:
    """A folder for temporary files that says whose it is, so that `leftovers` knows it when its process was killed."""
    return tempfile.TemporaryDirectory(prefix=f"collapsebench-{kind}-{os.getpid()}-")


def leftovers(root: Path | None = None) -> list[Path]:
    """What killed processes left: temporary folders of this machine, and below a root half-written files and locks.

    Nothing that a living process could still use: all of it is older than an hour, a folder's process is gone, and a
    lock shows no sign of life.
    """
    import psutil

    found = []
    for folder in Path(tempfile.gettempdir()).glob("collapsebench-*"):
        named = _FOLDER.fullmatch(folder.name)
        if named and not psutil.pid_exists(int(named[1])):
            found.append(folder)
    for place, _, names in os.walk(root) if root else ():
        left = [name for name in names if _TEMPORARY.fullmatch(name) or name == "lock" or name.endswith(".lock")]
        found += [Path(place) / name for name in left]
    return [path for path in found if _age(path) > _OLD]


_OLD = 3600.0


def _age(path: Path) -> float:
    """Seconds since a file or a folder changed; 0 if it is gone, or another user's."""
    try:
        found = path.lstat()
    except OSError:
        return 0.0
    mine = not hasattr(os, "getuid") or found.st_uid == os.getuid()
    return time.time() - found.st_mtime if mine else 0.0


def collect(paths: Iterable[Path]) -> None:
    """Remove what `leftovers` found."""
    for path in paths:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def set_aside(path: Path) -> None:
    """Rename what stands in the place of a file, and say so; nothing in it is lost."""
    aside = path.with_name(f"{path.name}.damaged-{secrets.token_hex(4)}")
    path.rename(aside)
    log.warning("%s is not a file; it is called %s now.", path, aside.name)


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
