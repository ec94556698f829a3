"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from ..core.errors import UsageError

StoreOption = Annotated[
    Path,
    typer.Option("--store", envvar="COLLAPSEBENCH_STORE", help="Folder of finished stages and cells."),
]
BoardsOption = Annotated[
    Path,
    typer.Option("--boards", envvar="COLLAPSEBENCH_BOARDS", help="Folder of leaderboards."),
]
PluginOption = Annotated[list[Path] | None, typer.Option("--plugin", help="Load this plug-in file first; repeatable.")]

DEFAULT_STORE = Path(".collapsebench")
DEFAULT_BOARDS = Path("leaderboards")


def parse_settings(options: Sequence[str]) -> dict[str, Any]:
    """Hyper-parameters by name, from `--set NAME=VALUE`.

    Raises:
        UsageError: an option that is not of that form.
    """
    pairs = [option.partition("=") for option in options]
    for key, equals, value in pairs:
        if not (key and equals and value):
            raise UsageError(f"--set {key}{equals}{value} is not NAME=VALUE.", "For example: --set threshold=0.999")
    return {key: value for key, _, value in pairs}
