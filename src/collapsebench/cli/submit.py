"""`collapsebench submit`: write the records of a complete method, for a pull request."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..core.errors import UsageError
from ..core.plugin import source_file
from .options import (
    DEFAULT_BOARDS,
    DEFAULT_STORE,
    BoardsOption,
    PluginOption,
    StoreOption,
    chosen_protocol,
    parse_methods,
    split_names,
)

if TYPE_CHECKING:
    from ..results.collect import Submission


def submit(
    name: Annotated[str, typer.Argument(help="The method, e.g. real_mix or 'real_mix(alpha=0.2)'.")],
    protocol: Annotated[
        str | None, typer.Option("--protocol", help="A shipped protocol or a YAML file; default: quick.")
    ] = None,
    task: Annotated[
        str | None, typer.Option("--task", help="Tasks that ran by their own rules, as they were given to run.")
    ] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="Hyper-parameter, as it was given to run; repeatable.")
    ] = None,
    plugin: PluginOption = None,
    copies: Annotated[
        Path, typer.Option("--methods", help="Folder that a plug-in file is copied to, if the folder exists.")
    ] = Path("methods"),
    store: StoreOption = DEFAULT_STORE,
    boards: BoardsOption = DEFAULT_BOARDS,
) -> None:
    """Write the records of a method and the pages of its board from finished cells; run nothing.

    It needs every task, world and seed of the protocol, and the references. Without one it exits with 3 and names the
    command that completes them. Records of other methods on the board stay.
    """
    from ..core.registry import load_plugins
    from ..loop.store import Store
    from ..render.files import write_board
    from ..results.collect import collect
    from ..results.merge import board_lock, merge_records

    load_plugins(plugin or [])
    given = [("method", name), *(("settings", setting) for setting in settings or [])]
    if len(methods := parse_methods(given)) != 1:
        raise UsageError(f"{name} names {len(methods)} methods.", "Submit one at a time.")
    (method,) = methods
    tasks = [] if task is None else split_names("--task", task)
    rules = chosen_protocol(protocol, tasks)
    if tasks and set(tasks) != set(rules.tasks):
        raise UsageError(f"An entry of protocol '{rules.name}' has all of its tasks.", "Leave --task out.")
    folder = boards / rules.name
    named = protocol or ("" if tasks else rules.name)
    entry = collect(rules, named, method, plugin or [], Store(store), folder)
    target = _place_of_plugin(type(method), copies)
    with board_lock(folder):
        merge_records([*entry.own, *entry.references], folder)
        write_board(folder)
    _report(entry, folder / "records" / f"{method.name}.jsonl")
    if target is not None:
        source, copy = target
        shutil.copyfile(source, copy)
        typer.echo(f"Copied {source.name} to {copy}; edit it there from now on.")


def _place_of_plugin(cls: type, methods: Path) -> tuple[Path, Path] | None:
    """A plug-in file that is neither built in nor part of a package, and where it goes.

    Raises:
        UsageError: another file stands there.
    """
    import sys

    source = source_file(cls)
    installed = vars(cls).get("package") or cls.__module__.partition(".")[0] in sys.modules
    if not methods.is_dir() or installed or source.parent == methods.resolve():
        return None
    copy = methods / source.name  # under its own name, which is part of the digest
    if copy.exists() and copy.read_bytes() != source.read_bytes():
        raise UsageError(f"{copy} exists already and is another file.", "Rename the plug-in or remove that file.")
    return source, copy


def _report(entry: Submission, path: Path) -> None:
    typer.echo(f"{entry.label}: {len(entry.own)} cells are complete.")
    typer.echo(f"Records: {path}")
    typer.echo(f"Board: {path.parents[1] / 'README.md'}")
    if entry.references:
        names = sorted({result.cell.method.label for result in entry.references})
        typer.echo(f"The board lacked reference cells, which were added: {', '.join(names)}.")
