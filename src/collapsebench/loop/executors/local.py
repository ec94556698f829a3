"""Local executor: one spawned process per worker, one thread per process.

Two threads in one process were measured several times slower than one when the cores are shared. A
worker that dies (out of memory, killed) fails its cell and is replaced; the other cells go on.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
import traceback
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from ...core.errors import CollapsebenchError
from ...core.records import CellResult
from ..cell import Cell
from ..plan import build_cell
from ..runner import Busy, died, run_cell
from ..store import Store
from .progress import Progress
from .threads import one_thread

if TYPE_CHECKING:
    from multiprocessing.context import SpawnProcess

_PATIENCE = 10.0
"""Seconds that a worker has to end before it is killed."""

_BUSY_PAUSE = 0.5
"""Seconds before a cell that another process runs is looked at again."""


@dataclass(frozen=True)
class Options:
    """How cells are run, the same for all of them.

    Args:
        store: folder of the store.
        keep_checkpoints: keep the model of every generation.
    """

    store: Path
    keep_checkpoints: bool = False


def run_here(cells: Sequence[Cell], options: Options, progress: Progress) -> Iterator[CellResult]:
    """Run cells one after the other in this process."""
    store = Store(options.store)
    for cell in cells:
        result = run_cell(
            cell,
            store,
            on_generation=lambda t, cell=cell: progress.generation(cell, t),  # type: ignore[misc]
            keep_checkpoints=options.keep_checkpoints,
        )
        progress.finished(cell, result)
        yield result


def run_pool(cells: Sequence[Cell], options: Options, progress: Progress, workers: int) -> Iterator[CellResult]:
    """Run cells in a pool of spawned workers; results come in the order in which cells finish.

    Raises:
        CollapsebenchError: what stops the whole run, such as a full disk; running workers are ended.
    """
    queue = _Queue(deque(cells))
    pool = [_Worker(options) for _ in range(min(workers, len(cells)))]
    try:
        while queue.waiting or any(worker.cell for worker in pool):
            for worker in pool:
                if worker.cell is None and (cell := queue.next()) is not None:
                    worker.give(cell)
            for worker in _ready(pool):
                yield from _answers(worker, queue, progress)
    finally:
        for worker in pool:
            worker.stop()


@dataclass
class _Queue:
    """Cells to run; those that another process runs come back after a pause."""

    waiting: deque[Cell]
    not_before: dict[int, float] = field(default_factory=dict)

    def next(self) -> Cell | None:
        """The next cell that may be tried now."""
        now = time.monotonic()
        for _ in range(len(self.waiting)):
            cell = self.waiting.popleft()
            if self.not_before.get(id(cell), 0.0) <= now:
                return cell
            self.waiting.append(cell)
        return None

    def put_back(self, cell: Cell) -> None:
        """Try this cell again later."""
        self.not_before[id(cell)] = time.monotonic() + _BUSY_PAUSE
        self.waiting.append(cell)


class _Worker:
    """A spawned process and the cell that it runs."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.cell: Cell | None = None
        self.process: SpawnProcess
        self.connection: Connection[Any, Any]
        self._start()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, self.options), daemon=True)
        with one_thread():
            self.process.start()
        theirs.close()

    def give(self, cell: Cell) -> None:
        """Start a cell; in a new process if this one died while it waited."""
        self.cell = cell
        try:
            self.connection.send(cell.spec)
        except OSError:
            self.restart()
            self.connection.send(cell.spec)

    def restart(self) -> None:
        """Replace a dead process."""
        self.stop()
        self._start()

    def stop(self) -> None:
        """End the process, at once if it runs a cell; what that has finished is in the store."""
        if self.cell is not None:
            self.process.terminate()
        self.connection.close()  # an idle worker ends by itself when the pipe does
        self.process.join(_PATIENCE)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()


def _ready(pool: Sequence[_Worker]) -> list[_Worker]:
    busy = {worker.connection: worker for worker in pool if worker.cell is not None}
    if not busy:
        time.sleep(_BUSY_PAUSE)
    return [busy[connection] for connection in wait(list(busy), timeout=_BUSY_PAUSE)]  # type: ignore[index]


def _answers(worker: _Worker, queue: _Queue, progress: Progress) -> Iterator[CellResult]:
    cell = worker.cell
    assert cell is not None
    try:
        kind, content = worker.connection.recv()
    except (EOFError, ConnectionError):
        worker.restart()
        kind, content = "result", died(cell, Store(worker.options.store))
    if kind == "generation":
        progress.generation(cell, content)
        return
    worker.cell = None
    if kind == "busy":
        queue.put_back(cell)
    elif kind == "error":
        raise content
    else:
        progress.finished(cell, content)
        yield content


def _serve(connection: Connection[Any, Any], options: Options) -> None:
    """The life of a worker: take a spec, run it, answer; until the pipe closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    torch.set_num_threads(1)
    store = Store(options.store)

    def report(t: int) -> None:
        try:
            connection.send(("generation", t))
        except OSError:  # the parent is gone; what is finished is stored
            os._exit(1)

    while True:
        try:
            spec = connection.recv()
        except EOFError:
            return
        try:
            answer = run_cell(
                build_cell(spec),
                store,
                on_generation=report,
                keep_checkpoints=options.keep_checkpoints,
                wait=0,
            )
            connection.send(("result", answer))
        except Busy:
            connection.send(("busy", None))
        except CollapsebenchError as error:
            connection.send(("error", error))
        except Exception as error:  # a bug of ours: the parent shows it instead of a dead worker
            connection.send(("error", RuntimeError("".join(traceback.format_exception(error)))))
