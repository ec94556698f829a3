"""The command line. One module per command; heavy imports happen inside the commands."""

from __future__ import annotations

import errno
import logging
import os
import sys
from collections.abc import Callable
from contextlib import redirect_stdout, suppress
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated, Any, ParamSpec, TextIO, TypeVar

import typer

from .. import __version__
from ..core.errors import CollapsebenchError, StoreError, UsageError
from ..core.stop import listening
from .attach import attach
from .cancel import cancel
from .check import check
from .doctor import doctor
from .leaderboard import leaderboard
from .list import list_plugins
from .new import new
from .options import RUN_VARIABLE, InOrder
from .run import run
from .show import show
from .status import status
from .submit import submit
from .validate import validate
from .verdict import told
from .verify import verify

P = ParamSpec("P")
T = TypeVar("T")

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


app.command(cls=InOrder)(run)
app.command()(status)
app.command()(attach)
app.command()(cancel)
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
    if folder := os.environ.pop(RUN_VARIABLE, None):
        from ..loop.runs import drive

        drive(Path(folder), _main)
    with told(), listening():
        _main()


def _main() -> None:
    try:
        _run()
    except (CollapsebenchError, OSError) as problem:
        if os.environ.get("COLLAPSEBENCH_DEBUG"):
            raise
        error = problem if isinstance(problem, CollapsebenchError) else _unusable(problem)
        print(f"Error: {error.message}", file=sys.stderr)
        if error.hint:
            print(f"Hint: {error.hint}", file=sys.stderr)
        sys.exit(error.exit_code)


def _run() -> None:
    if sys.stdout is None:
        raise StoreError("Standard output is closed.", "Send it to a file or to /dev/null.")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # not every encoding has the characters of a table
    with redirect_stdout(_Output(sys.stdout)) as output:
        try:
            app()
        finally:
            output.finish()


class _Output:
    """Standard output that says why it cannot be written; typer and rich exit without a word."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._failure: StoreError | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        return self._call(self._stream.write, text)

    def flush(self) -> None:
        self._call(self._stream.flush)

    def _call(self, method: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return method(*args, **kwargs)
        except OSError as error:
            reason, hint = error.strerror or error, "Finished work is kept; send the output to a file or to /dev/null."
            self._failure = StoreError(f"Cannot write to standard output: {reason}.", hint)
            raise self._failure from error

    def finish(self) -> None:
        """Write what is left, or raise why something was not written."""
        with suppress(StoreError):
            self.flush()
        if self._failure is not None:
            os.dup2(os.open(os.devnull, os.O_WRONLY), self._stream.fileno())  # or Python tries again as it ends
            raise self._failure


def _unusable(error: OSError) -> CollapsebenchError:
    """The error for a path that no command foresees, e.g. one that is too long."""
    name, reason = str(error.filename or "a file"), error.strerror or str(error)
    name = name if len(name) <= 500 else f"{name[:80]} [...]"
    kind = UsageError if error.errno == errno.ENAMETOOLONG else StoreError
    return kind(f"Cannot use {name}: {reason}.", "Check the path and its permissions.")
