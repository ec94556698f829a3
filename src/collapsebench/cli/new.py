"""`collapsebench new`: start a plug-in."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

new = typer.Typer(help="Start a plug-in from a working example.", no_args_is_help=True)


@new.callback()
def _new() -> None:
    """Keeps `method` a subcommand while it is the only one."""


@new.command("method")
def method(
    name: Annotated[str, typer.Argument(help="Name of the method, e.g. my_filter.")],
    folder: Annotated[Path, typer.Option("--folder", help="Where to write NAME.py.")] = Path(),
) -> None:
    """Write NAME.py, a method that runs and passes every check; edit it from there."""
    from .scaffold import new_method

    path = shlex.quote(str(new_method(name, folder)))
    typer.echo(f"Wrote {path}. Next:")
    typer.echo(f"  collapsebench check {path}")
    typer.echo(f"  collapsebench run --method {name} --plugin {path}")
