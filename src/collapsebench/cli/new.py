"""`collapsebench new`: start a plug-in or a protocol from a file that already runs."""

from __future__ import annotations

import keyword
import re
import shlex
from importlib import resources
from pathlib import Path
from string import Template
from typing import Annotated, Literal

import typer

from ..core.errors import UsageError

new = typer.Typer(help="Start a plug-in or a protocol from a working example.", no_args_is_help=True)
FolderOption = Annotated[Path, typer.Option("--folder", help="Folder of the new file.")]


@new.command("method")
def method(
    name: Annotated[str, typer.Argument(help="Name of the method, e.g. my_filter.")], folder: FolderOption = Path()
) -> None:
    """Write NAME.py, a method that runs and passes every check; edit it from there."""
    _write_and_say(name, folder, "method")


@new.command("task")
def task(
    name: Annotated[str, typer.Argument(help="Name of the task, e.g. my_data.")], folder: FolderOption = Path()
) -> None:
    """Write NAME.py, a task that runs and passes every check; edit it from there."""
    _write_and_say(name, folder, "task")


@new.command("protocol")
def protocol(
    name: Annotated[str, typer.Argument(help="Name of the protocol and of its board, e.g. my-board.")],
    folder: FolderOption = Path(),
) -> None:
    """Write NAME.yaml, the rules of a board in worlds of every kind; edit it from there."""
    from ..loop.protocol import shipped_protocols

    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,63}", name):
        raise _unusable("protocol", name, "lower-case letters, digits, _ and -, beginning with no sign, e.g. my-board")
    if name in shipped_protocols():
        raise UsageError(f"The protocol '{name}' exists already.", "Choose another name.")
    path = shlex.quote(str(_written(folder / f"{name}.yaml", "protocol.yaml", name)))
    typer.echo(f"Wrote {path}. Next:")
    typer.echo(f"  collapsebench run --method accumulate_subsample --protocol {path} --dry-run")
    typer.echo(f"  collapsebench run --method accumulate_subsample --protocol {path}")


def _write_and_say(name: str, folder: Path, kind: Literal["method", "task"]) -> None:
    path = shlex.quote(str(new_plugin(kind, name, folder)))
    typer.echo(f"Wrote {path}. Next:")
    typer.echo(f"  collapsebench check {path}")
    typer.echo(f"  collapsebench run --{kind} {name} --plugin {path}")


def new_plugin(kind: Literal["method", "task"], name: str, folder: Path) -> Path:
    """Write `<name>.py`, a documented plug-in to start from.

    Args:
        kind: what the plug-in is.
        name: 1 to 64 lower-case letters, digits and underscores.
        folder: where the file goes; made if missing.

    Returns:
        The path of the new file.

    Raises:
        UsageError: not a usable name, a name that an installed plug-in of this kind has, or a file that exists.
        StoreError: the file cannot be written.
    """
    from ..core.method import METHODS
    from ..core.task import TASKS

    if not re.fullmatch(r"[a-z][a-z0-9_]{0,63}", name) or keyword.iskeyword(name):
        raise _unusable(
            kind, name, "lower-case letters, digits and underscores, beginning with a letter, e.g. my_filter"
        )
    registry = METHODS if kind == "method" else TASKS
    if name in {*registry.names(), *registry.unavailable()}:
        raise UsageError(f"The {kind} '{name}' exists already.", "Choose another name.")
    return _written(folder / f"{name}.py", f"{kind}.py", name)


def _unusable(kind: str, name: str, characters: str) -> UsageError:
    """The error for a name that something new of this kind cannot have."""
    shown = name if len(name) <= 64 else f"{name[:32]}..."
    return UsageError(f"'{shown}' cannot be the name of a {kind}.", f"Use at most 64 {characters}.")


def _written(path: Path, template: str, name: str) -> Path:
    """A new file from a template, with the name in its places.

    Raises:
        UsageError: the file exists.
        StoreError: it cannot be written.
    """
    from ..core.files import write_atomic

    if path.exists():
        raise UsageError(f"{path} exists already; it was not changed.", "Choose another name or --folder.")
    text = (resources.files("collapsebench.cli") / "templates" / f"{template}.txt").read_text(encoding="utf-8")
    words = {
        "name": name,
        "cls": name.title().replace("_", ""),
        "title": re.sub("[_-]", " ", name).strip().capitalize(),
    }
    write_atomic(path, Template(text).substitute(words).encode())
    return path
