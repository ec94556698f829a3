"""`collapsebench list`: the methods, tasks and protocols that can run."""

from __future__ import annotations

from dataclasses import MISSING
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from ..core.errors import describe
from ..core.method import METHODS, Method, track_of
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
    for name in METHODS.names():
        cls = METHODS.get(name)
        defaults = cls.parameters().items()
        parameters = ", ".join(key if default is MISSING else f"{key}={default}" for key, default in defaults)
        table.add_row(name, _track(cls), parameters, cls.description())
    return table


def _track(cls: type[Method]) -> str:
    """The track of a method at its defaults, or as its card says if it has parameters without one."""
    if cls.card.reference:
        return "reference"
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

    table = _table("protocol", "generations", "seeds", "tasks", "what it is for")
    for name in shipped_protocols():
        protocol = load_protocol(name)
        table.add_row(
            f"{name} v{protocol.version}",
            str(protocol.generations),
            str(protocol.seeds),
            ", ".join(protocol.tasks),
            protocol.description,
        )
    return table
