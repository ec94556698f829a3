"""`collapsebench status`: the runs that were started with `run --detach`."""

from __future__ import annotations

import shlex
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from .attach import tail
from .options import DEFAULT_STORE, StoreOption

if TYPE_CHECKING:
    from ..loop.runs import Run


def status(
    run: Annotated[str | None, typer.Argument(help="Id of one run, for all of it and the end of its log.")] = None,
    store: StoreOption = DEFAULT_STORE,
) -> None:
    """List the runs of `run --detach`: running, finished, failed, cancelled, or lost (gone without an end)."""
    from ..loop.runs import all_runs, find_run

    if run is not None:
        found = find_run(store, run)
        _print([found])
        _print_details(found)
    elif runs := all_runs(store):
        _print(runs)
    else:
        typer.echo(f"No run of `collapsebench run --detach` in {store}.")


def _print(runs: list[Run]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("run", "methods", "protocol", "engine", "host", "state", "cells", "since"):
        table.add_column(column, overflow="fold", no_wrap=column in ("run", "state", "cells", "since"))
    for run in runs:
        if (note := run.note()) is not None:
            state = f"failed ({note.exit_code})" if (state := run.state()) == "failed" else state
            what = note.methods, note.protocol, note.engine, note.host
            table.add_row(run.id, *what, state, f"{run.finished()}/{note.cells}", _time(note.started))
    Console(markup=False, highlight=False).print(table)


def _print_details(run: Run) -> None:
    from ..loop.store import CellFolder

    if (note := run.note()) is None:
        return
    typer.echo(f"command  {shlex.join(['collapsebench', *note.command])}\nin       {note.folder}")
    typer.echo(f"process  {note.pid} on {note.host}\nboard    {note.board}")
    if note.ended:
        typer.echo(f"ended    {_time(note.ended)}, exit code {note.exit_code}")
    for folder in run.under_way() if run.state() == "running" else ():  # a run that was killed leaves its locks
        typer.echo(
            f"runs     {folder.name} in {folder.parent}: {len(CellFolder(folder).unfinished_records())} generations"
        )
    typer.echo(f"log      {run.log}")
    typer.echo(tail(run.log)[0], nl=False)


def _time(text: str) -> str:
    """A moment by this machine's clock, to the minute."""
    return f"{datetime.fromisoformat(text).astimezone():%b %d %H:%M}"
