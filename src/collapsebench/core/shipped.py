"""Shipped: whether a plug-in file is one of those that this version was released with, byte for byte.

The harness runs shipped plug-ins in its own process. `make shipped` writes the list anew; that a file lies in the
built-in folder says nothing, since a pull request puts its own there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from .files import sha256

LIST = Path(__file__).with_name("shipped.json")
"""Path below the repository's root -> SHA-256, of every file of the plug-ins."""

_KINDS = ("methods", "tasks")

_PACKAGE = Path(__file__).parents[1]


def builtin_folder(name: str) -> Path:
    """The folder `methods` or `tasks`: inside the package when installed, else beside `src` in a checkout."""
    installed = _PACKAGE / "builtin" / name
    return installed if installed.is_dir() else _PACKAGE.parents[1] / name


def is_shipped(path: Path) -> bool:
    """Whether a method's file, or every file in a task's folder, is as it was released."""
    known = _released()
    for kind in _KINDS:
        folder = builtin_folder(kind)
        if path.is_relative_to(folder):
            files = _files(path.parent) if path.parent != folder else iter([path])
            return all(known.get(f"{kind}/{file.relative_to(folder).as_posix()}") == _digest(file) for file in files)
    return False


@cache
def _released() -> dict[str, str]:
    return json.loads(LIST.read_text(encoding="utf-8"))  # type: ignore[no-any-return]


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file() and "__pycache__" not in path.parts)


def _digest(path: Path) -> str:
    return sha256(path.read_bytes())


def write_list() -> None:
    """List the plug-ins of this checkout as shipped."""
    files = {
        f"{kind}/{path.relative_to(folder).as_posix()}": _digest(path)
        for kind in _KINDS
        for folder in [builtin_folder(kind)]
        for path in _files(folder)
        if path.name != "__init__.py" or path.parent != folder
    }
    LIST.write_text(json.dumps(files, indent=2) + "\n", encoding="utf-8")
