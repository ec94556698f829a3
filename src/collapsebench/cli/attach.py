"""`collapsebench attach`, and `run --detach`: the log of a run until it ends, or until its cells are handed out."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from ..core import processes
from ..core.errors import UsageError
from .options import DEFAULT_STORE, RUN_VARIABLE, RunArgument, StoreOption

if TYPE_CHECKING:
    from ..loop.runs import Run

LINES = 20
"""Lines of a log that are shown of what was before."""

_PAUSE = 0.3
"""Seconds between two looks at a log."""


def attach(run: RunArgument, store: StoreOption = DEFAULT_STORE) -> None:
    """Follow a run until it ends, and exit with its exit code; Ctrl-C leaves it going."""
    from ..loop.runs import INTERRUPTED, find_run

    found = find_run(store, run)
    lines, at = tail(found.log)
    typer.echo(lines, nl=False)
    try:
        while (state := found.state()) == "running":
            time.sleep(_PAUSE)
            at = _print_from(found.log, at)
    except KeyboardInterrupt:
        typer.echo(f"Run {found.id} goes on; `{command('cancel', found, store)}` ends it.", err=True)
        raise typer.Exit(INTERRUPTED) from None
    _print_from(found.log, at)
    note = found.note()
    code = note.exit_code if note and note.ended else INTERRUPTED if state == "cancelled" else 1
    typer.echo(f"Run {found.id}: {state}, exit code {code}.", err=True)
    raise typer.Exit(code)


def detached(store: Path) -> None:
    """Start this very command once more, as a process that survives the terminal; what it says comes here at first.

    Returns once its cells are handed out, so that every mistake in the command is told here, with its exit code.
    """
    from ..loop.runs import INTERRUPTED, new_run

    if os.name != "posix" or processes.count() > 1:
        why = "on this system" if os.name != "posix" else "below a launcher of several processes"
        raise UsageError(f"--detach does not work {why}.", "Leave it out, and keep the terminal, e.g. by tmux.")
    run, at = new_run(store), 0
    with run.log.open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, *sys.orig_argv[1:]],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={**os.environ, RUN_VARIABLE: str(run.folder)},
            start_new_session=True,
        )
    try:
        while (code := process.poll()) is None and not _under_way(run):
            time.sleep(_PAUSE)
            at = _print_from(run.log, at, err=True)
    except KeyboardInterrupt:
        process.send_signal(signal.SIGINT)
        process.wait()
        code = INTERRUPTED
    _print_from(run.log, at, err=True)
    if not _under_way(run):
        _forget(run)
        if code is not None and code < 0:
            raise UsageError(f"The process that was to go on ended by signal {-code}.", "Run the command again.")
        raise typer.Exit(code or 0)
    typer.echo(f"Run {run.id} goes on without this terminal:")
    for name in ("status", "attach", "cancel"):
        typer.echo(f"  {command(name, run, store)}")


def _under_way(run: Run) -> bool:
    note = run.note()
    return note is not None and note.under_way


def _forget(run: Run) -> None:
    """Remove a run that never began, and a store that was made for it."""
    shutil.rmtree(run.folder)
    with contextlib.suppress(OSError):
        run.folder.parent.rmdir()
        run.folder.parent.parent.rmdir()


def command(name: str, run: Run, store: Path) -> str:
    """A command about a run, to paste."""
    where = [] if store == DEFAULT_STORE else ["--store", str(store)]
    return shlex.join(["collapsebench", name, run.id, *where])


def tail(log: Path) -> tuple[bytes, int]:
    """The last lines of a log, and where it ends."""
    with log.open("rb") as file:
        return b"".join(deque(file, LINES)), file.tell()


def _print_from(log: Path, at: int, err: bool = False) -> int:
    """Print what stands in a log from a byte on; returns where it ends."""
    with log.open("rb") as file:
        file.seek(at)
        typer.echo(file.read(), err=err, nl=False)
        return file.tell()
