"""Checksums of what a path names, so that a digest holds what lies there and not where."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path


def content_digest(path: Path) -> str:
    """SHA-256 over a file, or over the names and contents of all files below a folder; "" if there is neither.

    Read once per process for as long as sizes and times of change stay as they are.
    """
    files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
    if not files:
        return ""
    return _digest(path, tuple((file, file.stat().st_size, file.stat().st_mtime_ns) for file in files))


@lru_cache(maxsize=32)
def _digest(root: Path, files: tuple[tuple[Path, int, int], ...]) -> str:
    sha = hashlib.sha256()
    for path, _, _ in files:
        with path.open("rb") as file:
            sha.update(f"{path.relative_to(root)}\0{hashlib.file_digest(file, 'sha256').hexdigest()}\0".encode())
    return sha.hexdigest()
