"""`collapsebench list`: the methods, tasks and protocols that can run."""

from __future__ import annotations

from dataclasses import MISSING
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from ..core.errors import describe
from ..core.method import METHODS, TRACKS, Method, track_of
from ..core.registry import REGISTRIES, load_plugins
from ..core.task import TASKS
from .options import PluginOption

if TYPE_CHECKING:
    from rich.table import Table


class Kind(StrEnum):
    """What can be listed."""

    METHODS = "methods"
    TASKS = "tasks"
    PROTOCOLS = "protocols"


def list_plugins(
    kind: Annotated[Kind, typer.Argument(help="What to list.")],
    plugin: PluginOption = None,
) -> None:
    """List methods, tasks or protocols, and why one is unavailable."""
    from rich.console import Console

    if plugin:
        load_plugins(plugin)
    tables = {Kind.METHODS: _methods, Kind.TASKS: _tasks, Kind.PROTOCOLS: _protocols}
    console = Console()
    console.print(tables[kind]())
    if registry := REGISTRIES.get(kind.removesuffix("s")):
        for name, reason in registry.unavailable().items():
            console.print(f"unavailable: {name}: {reason}", style="yellow", markup=False, highlight=False)


def _table(*columns: str) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _methods() -> Table:
    table = _table("method", "track", "parameters", "what it does")
    classes = {name: METHODS.get(name) for name in METHODS.names()}
    for name, cls in sorted(classes.items(), key=lambda item: (_place(item[1]), item[0])):
        defaults = cls.parameters().items()
        parameters = ", ".join(key if default is MISSING else f"{key}={default}" for key, default in defaults)
        table.add_row(name, _track(cls), parameters, cls.description())
    return table


def _place(cls: type[Method]) -> int:
    """Where a method stands in the list: references first, then tracks from the least that is seen to the most."""
    return -1 if cls.card.reference else TRACKS.index(track_of(frozenset(cls.card.access)))


def _track(cls: type[Method]) -> str:
    """The track of a method at its defaults, or as its card says if it has parameters without one.

    Of a reference, the questions that it is one in.
    """
    if cls.card.reference:
        return f"reference ({', '.join(sorted(cls.card.reference))})"
    if MISSING in cls.parameters().values():
        return track_of(frozenset(cls.card.access))
    try:
        return cls().track
    except Exception as error:  # one broken plug-in must not hide the others
        return describe(error)


def _tasks() -> Table:
    table = _table("task", "scored by", "offers", "what it is")
    for name in TASKS.names():
        card = TASKS.get(name).card
        table.add_row(name, f"{card.primary} ({card.unit})", ", ".join(sorted(card.supports)), card.title)
    return table


def _protocols() -> Table:
    from ..loop.protocol import load_protocol, shipped_protocols

    table = _table("protocol", "generations", "seeds", "tasks and worlds", "what it is for")
    for name in shipped_protocols():
        protocol = load_protocol(name)
        table.add_row(
            f"{name} v{protocol.version}",
            str(protocol.generations),
            str(protocol.seeds),
            "\n".join(f"{task}: {', '.join(entry.worlds)}" for task, entry in protocol.tasks.items()),
            protocol.description,
        )
    return table
