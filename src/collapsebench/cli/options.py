"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand
from typing_extensions import override

from ..core.errors import UsageError
from ..core.plugin import split_label, split_labels

if TYPE_CHECKING:
    from ..core.method import Method
    from ..loop.protocol import Protocol

StoreOption = Annotated[
    Path,
    typer.Option("--store", envvar="COLLAPSEBENCH_STORE", help="Folder of finished stages and cells."),
]
BoardsOption = Annotated[
    Path,
    typer.Option("--boards", envvar="COLLAPSEBENCH_BOARDS", help="Folder of leaderboards."),
]
PluginOption = Annotated[list[Path] | None, typer.Option("--plugin", help="Load this plug-in file first; repeatable.")]

RunArgument = Annotated[str, typer.Argument(help="Id of a run that `run --detach` started; its first characters do.")]
RUN_VARIABLE = "COLLAPSEBENCH_RUN"
"""The environment variable by which `run --detach` gives the process that goes on its folder."""

DEFAULT_STORE = Path(".collapsebench")
DEFAULT_BOARDS = Path("leaderboards")


class InOrder(TyperCommand):
    """A command that keeps the order in which its options stand, by name of their parameters, in `ctx.meta`."""

    @override
    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        *_, order = self.make_parser(ctx).parse_args(args=list(args))
        ctx.meta[InOrder.__name__] = [parameter.name for parameter in order]
        return super().parse_args(ctx, args)

    @staticmethod
    def pairs(ctx: typer.Context, **values: Sequence[str] | None) -> list[tuple[str, str]]:
        """Each value of these repeatable options with the name of its parameter, in order."""
        left = {name: iter(given or ()) for name, given in values.items()}
        return [(name, next(left[name])) for name in ctx.meta[InOrder.__name__] if name in left]


@dataclass
class _Wanted:
    """A method as the command line names it, and the option that did."""

    name: str
    texts: dict[str, str]
    option: int


def parse_methods(options: Iterable[tuple[str, str]]) -> list[Method]:
    """The methods that `--method` names, each with the hyper-parameters that `--set` gives it.

    A `--set NAME=VALUE` belongs to the method of the `--method` that it follows, or to the only one there is, and
    `--set METHOD.NAME=VALUE` to the method that it names.

    Args:
        options: values of `method` and of `settings`, in the order of the command line.

    Raises:
        UsageError: an unknown method or hyper-parameter, a wrong value, or one that may belong to several methods.
    """
    from ..core.method import METHODS
    from ..loop.plugins import read_method

    lineup: list[_Wanted] = []
    settings: list[tuple[str, int]] = []
    for option, (kind, text) in enumerate(options):
        if kind == "settings":
            settings.append((text, lineup[-1].option if lineup else -1))
            continue
        if not (labels := split_labels(text)):
            raise UsageError("--method names nothing.", "Leave it out, or write names with commas between them.")
        every = METHODS.names() if "all" in labels else []
        lineup += [_Wanted(*split_label(label), option) for label in every or labels]
    for text, option in settings:
        _give(text, [wanted for wanted in lineup if option in (wanted.option, -1)], lineup)
    return [read_method(wanted.name, wanted.texts) for wanted in lineup]


def _give(setting: str, near: Sequence[_Wanted], lineup: Sequence[_Wanted]) -> None:
    """Add what one `--set` says to its method."""
    place, equals, text = setting.partition("=")
    method, dot, name = place.rpartition(".")
    if not (name and equals and text):
        raise UsageError(f"--set {setting} is not NAME=VALUE.", "For example: --set threshold=0.999")
    found = [wanted for wanted in lineup if wanted.name == method] if dot else near
    if not found:
        absent = f"names '{method}', which --method does not" if dot else "is given without a method"
        raise UsageError(f"--set {setting} {absent}.", f"Name the method: --method 'METHOD({name}={text})'.")
    if len(found) > 1:
        names = ", ".join(wanted.name for wanted in found)
        hint = f"Name the method: --set METHOD.{name}={text}, or --method 'METHOD({name}={text})'."
        raise UsageError(f"--set {setting} may belong to any of {names}.", hint)
    if found[0].texts.setdefault(name, text) != text:
        raise UsageError(f"Parameter {name} of method '{found[0].name}' is set twice.", "Leave one of them out.")


def split_names(option: str, text: str) -> list[str]:
    """The names in a comma-separated option.

    Raises:
        UsageError: there is none.
    """
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise UsageError(f"{option} names nothing.", "Leave it out, or write names with commas between them.")
    return names


def chosen_protocol(wanted: str | None, tasks: Sequence[str]) -> Protocol:
    """The protocol that is asked for; without one quick, or the own rules of a task that no shipped protocol scores."""
    from ..core.task import TASKS
    from ..loop.protocol import load_protocol, own_protocol, shipped_protocols

    quick = load_protocol(wanted or "quick")
    own = [name for name in tasks if name not in quick.tasks]
    if wanted is not None or not own:
        return quick
    for name in own:
        TASKS.get(name)
        if scoring := [other for other in shipped_protocols() if name in load_protocol(other).tasks]:
            raise UsageError(f"Protocol 'quick' does not score '{name}'.", f"Add --protocol {scoring[0]}.")
    if other := [name for name in tasks if name not in own]:
        raise UsageError(
            f"{', '.join(own)} runs by its own rules and {other[0]} by those of protocol 'quick'.",
            "Run them by two commands, or write a protocol file that scores both.",
        )
    return own_protocol({name: TASKS.get(name).rules for name in own})
