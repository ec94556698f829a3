"""Command lines that messages and pages offer to paste."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any


def completing_command(method: str, label: str, params: Mapping[str, Any], tasks: Iterable[str], protocol: str) -> str:
    """The command that runs what an entry lacks; a label that is the method's name says that nothing was set."""
    return run_command(method, tasks, protocol, {} if label == method else params)


def run_command(
    method: str,
    tasks: Iterable[str],
    protocol: str,
    params: Mapping[str, Any] | None = None,
    plugins: Iterable[str | Path] = (),
) -> str:
    """The command that runs a method on some tasks; references come by themselves, finished cells stay.

    Args:
        method: name.
        tasks: in their order; one that is named twice counts once.
        protocol: name, or the path of its file.
        params: hyper-parameters that are set.
        plugins: files to load first.
    """
    words = ["collapsebench", "run", "--method", method, "--task", ",".join(dict.fromkeys(tasks))]
    words += [word for key, value in (params or {}).items() for word in ("--set", f"{key}={value}")]
    words += ["--protocol", protocol]
    return shlex.join([*words, *(word for path in plugins for word in ("--plugin", str(path)))])
