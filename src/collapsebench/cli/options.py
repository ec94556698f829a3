"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

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
