"""Command lines that messages and pages offer to paste."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from pathlib import Path


def run_command(
    method: str,
    tasks: Iterable[str],
    protocol: str,
    plugins: Iterable[str | Path] = (),
    worlds: Iterable[str] = (),
) -> str:
    """The command that runs a method on some tasks; references come by themselves, finished cells stay.

    Args:
        method: name, or label with hyper-parameters.
        tasks: in their order; one that is named twice counts once.
        protocol: name, or the path of its file; "" where the tasks run by their own rules.
        plugins: files to load first.
        worlds: in their order, each once; none for all of each task.
    """
    words = ["collapsebench", "run", "--method", method, "--task", ",".join(dict.fromkeys(tasks))]
    if named := ",".join(dict.fromkeys(worlds)):
        words += ["--world", named]
    if protocol:
        words += ["--protocol", protocol]
    return shlex.join([*words, *(word for path in plugins for word in ("--plugin", str(path)))])
