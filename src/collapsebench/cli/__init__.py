"""The command line. One module per command; heavy imports happen inside the commands."""

from __future__ import annotations

import logging
import os
import sys
from typing import Annotated

import typer

from .. import __version__
from ..core.errors import CollapsebenchError
from .check import check
from .doctor import doctor
from .leaderboard import leaderboard
from .list import list_plugins
from .new import new
from .run import run
from .show import show
from .submit import submit
from .validate import validate
from .verify import verify

app = typer.Typer(
    name="collapsebench",
    help="A benchmark of methods that mitigate model collapse.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"collapsebench {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks of errors.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    if debug:
        os.environ["COLLAPSEBENCH_DEBUG"] = "1"


app.command()(run)
app.command("list")(list_plugins)
app.command()(leaderboard)
app.command()(show)
app.add_typer(new, name="new")
app.command()(check)
app.command()(submit)
app.command()(verify)
app.command()(doctor)
app.command()(validate)


def main() -> None:
    """The console script: a user's mistake is one message and one hint, never a traceback."""
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    try:
        app()
    except CollapsebenchError as error:
        if os.environ.get("COLLAPSEBENCH_DEBUG"):
            raise
        print(f"Error: {error.message}", file=sys.stderr)
        if error.hint:
            print(f"Hint: {error.hint}", file=sys.stderr)
        sys.exit(error.exit_code)
