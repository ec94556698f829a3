"""Local executor: this machine. A pool of spawned workers, one thread per process, each under supervision.

Two threads in one process were measured several times slower than one when the cores are shared. A cell that runs
out of memory is tried once more when no other runs; a worker that dies fails its cell and is replaced.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import wait

from typing_extensions import override

from ...core.records import CellResult
from ...core.stop import ended
from ..cell import Cell
from ..protocol import CellLimits
from ..runner import Busy, Exceeded, OutOfMemory, failed, run_cell
from ..store import Store
from . import machine
from .devices import Slot, slots
from .executor import Executor, Options, Progress
from .resources import ExecutorConfig
from .worker import Meter, Worker, in_gib

_TICK = 0.5
"""Seconds between looks at what workers use, and before a cell that another process runs is tried again."""


class Here(Executor):
    """This process, one cell after the other. A limit of a cell holds as soon as Python gets to run."""

    @override
    def run(self, cells: Sequence[Cell], options: Options, progress: Progress) -> Generator[CellResult, None, None]:
        store = Store(options.store)
        progress.started()
        for cell in cells:
            while (result := self._run(cell, store, options, progress)) is None:
                time.sleep(_TICK)
            progress.finished(cell, result)
            yield result

    def _run(self, cell: Cell, store: Store, options: Options, progress: Progress) -> CellResult | None:
        """A cell's result; None while another process runs it."""
        try:
            with _within(cell.rules.cell):
                return run_cell(cell, store, lambda t: progress.generation(cell, t), options.keep_checkpoints, wait=0)
        except OutOfMemory as error:
            return error.result
        except Exceeded as excess:
            return failed(cell, store, str(excess))
        except Busy as busy:
            progress.waiting(cell, str(busy))
            return None


@contextmanager
def _within(limits: CellLimits) -> Iterator[None]:
    """Raise `Exceeded` in this thread as soon as this process takes more than that, where the system has timers."""
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return
    meter = Meter(os.getpid())

    def look(*_: object) -> None:
        if excess := meter.over(limits):
            raise Exceeded(excess)

    before = signal.signal(signal.SIGALRM, look)
    signal.setitimer(signal.ITIMER_REAL, _TICK, _TICK)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


class Local(Executor):
    """A pool of workers on this machine.

    Args:
        workers: how many; None for as many as cores, memory and GPUs have room for.
        config: resources of cells.
    """

    def __init__(self, workers: int | None = None, config: ExecutorConfig | None = None) -> None:
        self._workers, self._config = workers, config or ExecutorConfig()

    @override
    def run(self, cells: Sequence[Cell], options: Options, progress: Progress) -> Generator[CellResult, None, None]:
        if not cells:
            return
        pool = Pool(options, slots(cells, self._workers, self._config))
        progress.started()
        try:
            yield from pool.run(cells, progress)
        finally:
            pool.close()


class Pool:
    """Workers that run cells; they stay warm until the pool is closed.

    Args:
        options: of the run.
        places: one for each worker.
    """

    def __init__(self, options: Options, places: Sequence[Slot]) -> None:
        self._store = Store(options.store)
        self._workers = [Worker(options, place.device) for place in places]
        self._looked = 0.0

    def run(self, cells: Sequence[Cell], progress: Progress) -> Iterator[CellResult]:
        """Run cells; results come in the order in which they finish."""
        queue = _Queue(deque(cells))
        while queue.waiting or queue.alone or self._busy():
            for worker in self._workers:
                if worker.cell is None and (cell := queue.next(busy=bool(self._busy()))) is not None:
                    worker.give(cell)
            for worker in self._ready():
                yield from self._answers(worker, queue, progress)
            yield from self._over_limits(progress)

    def close(self) -> None:
        """End all workers."""
        for worker in self._workers:
            worker.stop()

    def _busy(self) -> list[Worker]:
        return [worker for worker in self._workers if worker.cell is not None]

    def _ready(self) -> list[Worker]:
        busy = {worker.connection: worker for worker in self._busy()}
        if not busy:
            time.sleep(_TICK)
        return [busy[connection] for connection in wait(list(busy), timeout=_TICK)]  # type: ignore[index]

    def _answers(self, worker: Worker, queue: _Queue, progress: Progress) -> Iterator[CellResult]:
        cell = worker.cell
        assert cell is not None
        try:
            kind, content, left_processes = worker.connection.recv()
        except (EOFError, ConnectionError):
            kind, content, left_processes = *self._death(worker, cell), True
        if kind == "generation":
            progress.generation(cell, content)
            return
        peak = worker.meter.peak
        if left_processes:
            worker.restart()
        worker.cell = None
        if kind == "busy":
            progress.waiting(cell, content)
            queue.put_back(cell)
        elif kind == "error":
            raise content
        elif kind != "memory" or not queue.once_more_alone(cell):
            result = self._without_memory(cell, content, peak) if kind == "memory" else content
            progress.finished(cell, result)
            yield result

    def _death(self, worker: Worker, cell: Cell) -> tuple[str, CellResult]:
        """The answer of a worker that died. By SIGKILL the system ends what takes too much memory."""
        code = worker.death()
        result = failed(cell, self._store, f"its worker process ended {ended(code)}")
        return "memory" if code == -signal.SIGKILL else "result", result

    def _without_memory(self, cell: Cell, result: CellResult, peak: int) -> CellResult:
        reason = result.cell.reason.removeprefix(f"{cell.name}: ")
        numbers = f"its processes were seen to use {in_gib(peak)}, and {in_gib(machine.memory())} is free now"
        return failed(cell, self._store, f"{reason}, also when no other cell ran; {numbers}")

    def _over_limits(self, progress: Progress) -> Iterator[CellResult]:
        """Fail the cells that take more than their protocol allows."""
        if time.monotonic() - self._looked < _TICK:
            return
        self._looked = time.monotonic()
        for worker in self._busy():
            cell = worker.cell
            assert cell is not None
            if (excess := worker.meter.over(cell.rules.cell)) is None or worker.connection.poll():
                continue
            worker.restart()
            worker.cell = None
            result = failed(cell, self._store, excess)
            progress.finished(cell, result)
            yield result


@dataclass
class _Queue:
    """Cells to run: those that may run beside others, and those that ran out of memory there, which run alone."""

    waiting: deque[Cell]
    alone: deque[Cell] = field(default_factory=deque)
    _not_before: dict[int, float] = field(default_factory=dict)
    _tried_again: set[int] = field(default_factory=set)

    def next(self, busy: bool) -> Cell | None:
        """The next cell that may be tried now, while another runs or none does."""
        now = time.monotonic()
        for _ in range(len(self.waiting)):
            cell = self.waiting.popleft()
            if self._not_before.get(id(cell), 0.0) <= now:
                return cell
            self.waiting.append(cell)
        return self.alone.popleft() if self.alone and not self.waiting and not busy else None

    def put_back(self, cell: Cell) -> None:
        """Try this cell again later: another process runs it."""
        self._not_before[id(cell)] = time.monotonic() + _TICK
        self.waiting.append(cell)

    def once_more_alone(self, cell: Cell) -> bool:
        """Try this cell again when no other runs; False where that was done already."""
        if id(cell) in self._tried_again:
            return False
        self._tried_again.add(id(cell))
        self.alone.append(cell)
        return True
