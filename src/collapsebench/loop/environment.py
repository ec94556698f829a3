"""Environment: versions, machine and git state of this process. It stands in records and is part of no key."""

from __future__ import annotations

import functools
import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

_VERSIONS = ("torch", "numpy", "scipy", "scikit-learn", "transformers", "lm-eval", "datasets")


def environment_today() -> dict[str, Any]:
    """The environment and the day (UTC), as they stand in the record of a cell that ran."""
    return {**environment(), "date": datetime.now(UTC).date().isoformat()}


@functools.cache
def environment() -> dict[str, Any]:
    """Versions, machine and git state. It asks git, which takes time."""
    return {
        "collapsebench": _version("collapsebench"),
        "python": platform.python_version(),
        **{name: _version(name) for name in _VERSIONS},
        "machine": _machine(),
        "cores": os.cpu_count(),
        "platform": f"{platform.system()} {platform.machine()}",
        **_git(),
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _machine() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _git() -> dict[str, Any]:
    def ask(*words: str) -> str | None:
        try:
            answer = subprocess.run(
                ["git", "-C", str(Path(__file__).parent), *words],
                capture_output=True,
                text=True,
                timeout=10,
                check=True,
            )
        except (OSError, subprocess.SubprocessError):
            return None
        return answer.stdout.strip()

    commit = ask("rev-parse", "HEAD")
    if commit is None:
        return {}
    return {"git": commit, "dirty": bool(ask("status", "--porcelain", "--untracked-files=no"))}
