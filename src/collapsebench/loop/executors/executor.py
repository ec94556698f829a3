"""Executor: where cells run. It takes cells, tells of progress and yields results; the store is the only truth."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from ...core.records import CellResult
    from ..cell import Cell


@dataclass(frozen=True)
class Options:
    """How cells are run, the same for all of them.

    Args:
        store: folder of the store.
        keep_checkpoints: keep the model of every generation.
        run: id of a run that goes on without its terminal; an engine names by it what it has in a queue.
    """

    store: Path
    keep_checkpoints: bool = False
    run: str | None = None


class Progress(Protocol):
    """Called by an executor in the process that started it."""

    def started(self) -> None:
        """The engine took the first cells; what it refuses at once was said."""

    def waiting(self, cell: Cell, holder: str) -> None:
        """A cell waits for whoever runs it already, in words; may be called again."""

    def generation(self, cell: Cell, t: int) -> None:
        """A cell finished generation t."""

    def finished(self, cell: Cell, result: CellResult) -> None:
        """A cell ended, in whatever way."""


class Silent:
    """Progress that nobody watches."""

    def started(self) -> None:
        """See `Progress`."""

    def waiting(self, cell: Cell, holder: str) -> None:
        """See `Progress`."""

    def generation(self, cell: Cell, t: int) -> None:
        """See `Progress`."""

    def finished(self, cell: Cell, result: CellResult) -> None:
        """See `Progress`."""


class Executor(ABC):
    """Where cells run."""

    @abstractmethod
    def run(self, cells: Sequence[Cell], options: Options, progress: Progress) -> Generator[CellResult, None, None]:
        """Run cells; results come in the order in which cells finish.

        To close the generator ends what runs and leaves nothing in a queue; what is finished stands in the store.

        Raises:
            CollapsebenchError: what stops the whole run, such as a full disk or an engine that is not there.
        """
