"""What an executor tells its user while it works."""

from __future__ import annotations

from typing import Protocol

from ...core.records import CellResult
from ..cell import Cell


class Progress(Protocol):
    """Called by an executor in the process that started it."""

    def generation(self, cell: Cell, t: int) -> None:
        """A cell finished generation t."""

    def finished(self, cell: Cell, result: CellResult) -> None:
        """A cell ended, in whatever way."""


class Silent:
    """Progress that nobody watches."""

    def generation(self, cell: Cell, t: int) -> None:
        """See `Progress`."""

    def finished(self, cell: Cell, result: CellResult) -> None:
        """See `Progress`."""
