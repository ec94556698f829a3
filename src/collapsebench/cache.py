"""The folder where this machine keeps what it made once for every run, such as a task's fixed classifier."""

from __future__ import annotations

import os
import sys
from pathlib import Path

VARIABLE = "COLLAPSEBENCH_CACHE"
"""The environment variable that names the folder."""


def folder() -> Path:
    """`COLLAPSEBENCH_CACHE`, or `collapsebench` in the platform's folder for caches."""
    if named := os.environ.get(VARIABLE):
        return Path(named).expanduser()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "collapsebench" / "cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "collapsebench"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "collapsebench"
