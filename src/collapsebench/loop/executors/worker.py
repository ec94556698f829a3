"""Worker: a spawned process that runs cells one after the other, as its parent supervises it.

A method may never end, eat memory, start processes or die: that ends its own cell and nothing else.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import time
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any, NamedTuple

import psutil

from ..cell import Cell
from .executor import Options
from .lifeline import serve
from .threads import one_thread

if TYPE_CHECKING:
    from multiprocessing.context import SpawnProcess

    from ..protocol import CellLimits

_PATIENCE = 10.0
"""Seconds that an idle worker has to end before it is killed."""


class Use(NamedTuple):
    """What the processes of a worker use now.

    Args:
        memory: resident bytes of all of them.
        processes: how many there are beside the worker.
    """

    memory: int
    processes: int


class Meter:
    """What a process and all that it started use, from now on.

    Args:
        process: its id.

    Attributes:
        peak: most memory that they were seen to use, bytes.
    """

    def __init__(self, process: int | None) -> None:
        self._process, self._since, self.peak = process, time.monotonic(), 0

    def over(self, limits: CellLimits) -> str | None:
        """By what a cell exceeds its limits, in words; None where it keeps them."""
        use = self._use()
        self.peak = max(self.peak, use.memory)
        hours = (time.monotonic() - self._since) / 3600
        if hours > limits.hours:
            excess = f"took longer than {limits.hours:g} h"
        elif use.memory > limits.memory:
            excess = f"used {in_gib(use.memory)} of memory, more than {in_gib(limits.memory)}"
        elif use.processes > limits.processes:
            excess = f"ran {use.processes} processes, more than {limits.processes}"
        else:
            return None
        return f"{excess}, the protocol's limit for a cell"

    def _use(self) -> Use:
        try:
            process = psutil.Process(self._process)
            family = [process, *process.children(recursive=True)]
        except psutil.NoSuchProcess:
            return Use(0, 0)
        memory = 0
        for member in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                memory += member.memory_info().rss
        return Use(memory, len(family) - 1)


class Worker:
    """A spawned process and the cell that it runs.

    Args:
        options: of the run.
        device: the GPU that the process sees, as `CUDA_VISIBLE_DEVICES` names it; None for all there are.

    Attributes:
        cell: what it runs, or None.
        meter: what its processes use in this cell.
    """

    def __init__(self, options: Options, device: str | None = None) -> None:
        self.options, self.device = options, device
        self.cell: Cell | None = None
        self.meter = Meter(None)
        self.process: SpawnProcess
        self.connection: Connection[Any, Any]
        self._start()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=serve, args=(theirs, self.options), daemon=True)
        with one_thread({} if self.device is None else {"CUDA_VISIBLE_DEVICES": self.device}):
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
        self.meter = Meter(self.process.pid)

    def death(self) -> int:
        """The exit code of a process that says no more; one that closed its pipe and lives on is killed."""
        self._wait()
        self.stop()
        return self.process.exitcode or 0

    def _wait(self) -> None:
        """Give the process some seconds to end. `join` would wait for ever for one that closed all its descriptors."""
        until = time.monotonic() + _PATIENCE
        while self.process.is_alive() and time.monotonic() < until:
            time.sleep(0.01)

    def restart(self) -> None:
        """Replace the process, dead or alive."""
        self.stop()
        self._start()

    def stop(self) -> None:
        """End the process and all that it started, at once if it runs a cell; what is finished is in the store."""
        self.connection.close()  # an idle worker ends by itself when the pipe does
        if self.cell is None:
            self._wait()
        if self.process.is_alive():
            with contextlib.suppress(psutil.NoSuchProcess):
                kill_family(psutil.Process(self.process.pid))
        self.process.join()


def kill_family(process: psutil.Process) -> None:
    """Kill a process and all that it started."""
    with contextlib.suppress(psutil.NoSuchProcess):
        process.suspend()  # it starts nothing more
        for member in [*process.children(recursive=True), process]:
            with contextlib.suppress(psutil.NoSuchProcess):
                member.kill()


def in_gib(size: int) -> str:
    """`1.5 GiB`."""
    return f"{size / 2**30:.3g} GiB"
