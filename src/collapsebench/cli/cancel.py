"""`collapsebench cancel`: end a run and all that it started."""

from __future__ import annotations

import shlex
import shutil
import time
from typing import TYPE_CHECKING

import typer

from ..core.errors import StoreError
from ..core.files import write_atomic
from .attach import command
from .options import DEFAULT_STORE, RunArgument, StoreOption

if TYPE_CHECKING:
    from ..loop.runs import Note, Run

PATIENCE = 60.0
"""Seconds that a run has to end by itself, before its processes are killed."""


def cancel(run: RunArgument, store: StoreOption = DEFAULT_STORE) -> None:
    """End a run, wherever it is, its workers and its jobs in a queue; what is finished is kept."""
    from ..loop.runs import find_run

    found = find_run(store, run)
    note, state = found.note(), found.state()
    if note is None or state not in ("running", "lost"):
        typer.echo(f"Run {found.id} is over: {state}.")
        return
    write_atomic(found.cancel, b"")
    until = time.monotonic() + PATIENCE
    while found.state() == "running" and time.monotonic() < until:
        time.sleep(0.2)
    if found.state() == "running":
        _kill(found, note)
    if (ended := found.state()) != "cancelled":  # it was faster
        typer.echo(f"Run {found.id} is over: {ended}.")
        return
    if note.engine == "slurm":
        _empty_queue(found)
    typer.echo(f"Run {found.id} is cancelled: {found.finished()} of {note.cells} cells are finished and kept.")
    typer.echo(f"Resume with, in {note.folder}:\n  {shlex.join(['collapsebench', *note.command])}")


def _kill(run: Run, note: Note) -> None:
    """End a process of this machine that does not end by itself, and all that it started.

    Raises:
        StoreError: it is another machine's.
    """
    from ..loop.executors.worker import kill_family
    from ..loop.runs import is_here, process_of

    if not is_here(note):
        raise StoreError(
            f"Run {run.id} does not end by itself on {note.host}.",
            f"Type `kill -9 {note.pid}` there, and here `{command('cancel', run, run.folder.parents[1])}` again.",
        )
    if (process := process_of(note)) is not None:
        kill_family(process)
        process.wait()


def _empty_queue(run: Run) -> None:
    """Remove what a run that died left in SLURM's queue.

    Raises:
        StoreError: there is no SLURM on this machine, or it does not answer.
    """
    from ..loop.executors.slurm import cancel_jobs, job_name

    name = job_name(run.id)
    if shutil.which("scancel") is None or not cancel_jobs(name):
        raise StoreError(
            f"Run {run.id} is cancelled, but SLURM may still have jobs of it.",
            f"Type `scancel --name={name}` on a login node.",
        )
