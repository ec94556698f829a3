"""Live progress of a run: rich bars on a terminal, one plain line per finished cell elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from ..core import processes

if TYPE_CHECKING:
    from ..core.records import CellResult
    from ..loop.cell import Cell


class LiveProgress:
    """Shows cells as they run. Use as a context manager around the executor.

    Args:
        total: number of cells of the run.
        done: how many of them were finished before.
        on_start: called when the engine took the first cells.
    """

    def __init__(self, total: int, done: int = 0, on_start: Callable[[], None] = lambda: None) -> None:
        self.finished_cells = done
        self._on_start = on_start
        self._total = total
        self._console = Console(stderr=True, quiet=not processes.is_main())
        self._started = time.monotonic()
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )
        self._overall = self._bars.add_task("cells", total=total, completed=done)
        self._running: dict[str, TaskID] = {}
        self._said: set[str] = set()

    def __enter__(self) -> LiveProgress:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def started(self) -> None:
        """The engine took the first cells; may be called again."""
        self._on_start()

    def waiting(self, cell: Cell, holder: str) -> None:
        """A cell waits for whoever runs it already."""
        line = f"Waiting for {holder}, which runs {cell.name}."
        if line not in self._said:
            self._said.add(line)
            self._console.print(line, markup=False, highlight=False, soft_wrap=True)

    def generation(self, cell: Cell, t: int) -> None:
        """A cell finished generation t."""
        if cell.name not in self._running:
            self._running[cell.name] = self._bars.add_task(cell.name, total=cell.world.generations)
        self._bars.update(self._running[cell.name], completed=t)

    def finished(self, cell: Cell, result: CellResult) -> None:
        """A cell ended, in whatever way."""
        self.finished_cells += 1
        name = cell.name
        if name in self._running:
            self._bars.remove_task(self._running.pop(name))
        self._bars.update(self._overall, completed=self.finished_cells)
        if not self._console.is_terminal or result.cell.status in ("failed", "diverged"):
            ending = result.cell.status if not result.cell.reason else f"{result.cell.status}: {result.cell.reason}"
            elapsed = time.monotonic() - self._started
            line = f"[{self.finished_cells}/{self._total}] {elapsed:6.1f} s  {name}: {ending}"
            self._console.print(line, markup=False, highlight=False, soft_wrap=True)
