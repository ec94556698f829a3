"""Scaffold: a first version of a plug-in that already runs and passes every check."""

from __future__ import annotations

import keyword
import re
from importlib import resources
from pathlib import Path
from string import Template

from ..core.errors import UsageError
from ..core.files import write_atomic
from ..core.method import METHODS


def new_method(name: str, folder: Path) -> Path:
    """Write `<name>.py`, a documented method plug-in to start from.

    Args:
        name: of the method; letters, digits and underscores, in lower case.
        folder: where the file goes; made if missing.

    Returns:
        The path of the new file.

    Raises:
        UsageError: not a usable name, a name that an installed method has, or a file that exists.
        StoreError: the file cannot be written.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or keyword.iskeyword(name):
        raise UsageError(
            f"'{name}' cannot be the name of a method.",
            "Use lower-case letters, digits and underscores, beginning with a letter, e.g. my_filter.",
        )
    if name in METHODS.names() or name in METHODS.unavailable():
        raise UsageError(f"There is a method '{name}' already.", "Choose another name.")
    path = folder / f"{name}.py"
    if path.exists():
        raise UsageError(f"{path} exists already and was left as it is.", "Choose another name or --folder.")
    template = (resources.files("collapsebench.cli") / "templates" / "method.py.txt").read_text(encoding="utf-8")
    write_atomic(path, Template(template).substitute(name=name, cls=_class_name(name), title=_title(name)).encode())
    return path


def _class_name(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))


def _title(name: str) -> str:
    return name.replace("_", " ").strip().capitalize()
