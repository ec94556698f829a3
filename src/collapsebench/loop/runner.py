"""Runner: one cell through the protocol, and its result when something goes wrong."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import asdict

import torch
from filelock import Timeout

from ..arm.guest import Guest
from ..arm.host import limits
from ..core import stop
from ..core.errors import Diverged, PluginError, StoreError, describe
from ..core.files import holder
from ..core.records import CellRecord, CellResult, GenerationRecord, Status
from .cell import Cell
from .environment import environment_today
from .lineage import Lineage
from .store import CellFolder, Store


class Busy(Exception):
    """Another process is running this cell."""


class Exceeded(BaseException):
    """A cell that runs in this process takes more than its protocol allows; the text says what."""


class OutOfMemory(Exception):
    """A cell found no memory; alone it may find enough.

    Args:
        result: the failed cell.
    """

    def __init__(self, result: CellResult) -> None:
        super().__init__(result)
        self.result = result


def finished(cell: Cell, store: Store) -> CellResult | None:
    """A cell's result if nothing is left to run: it is done, diverged, unsupported or skipped."""
    if (reason := cell.skip_reason()) is not None:
        return CellResult(cell.record("unsupported" if cell.unsupported() else "skipped", reason))
    return cell_folder(cell, store).result()


def run_cell(
    cell: Cell,
    store: Store,
    on_generation: Callable[[int], None] = lambda t: None,
    keep_checkpoints: bool = False,
    wait: float = -1,
) -> CellResult:
    """Run a cell, or read it if it is finished. Stored stages of an earlier process are found; closed-form cells, which
    take seconds, start again.

    Args:
        cell: what to run.
        store: where stages, records and failures are kept.
        on_generation: called with t after each generation.
        keep_checkpoints: keep the model of every generation.
        wait: seconds to wait for another process that runs the same cell; negative for ever.

    Returns:
        The finished cell. A cell that failed or diverged is a result too; its status says so.

    Raises:
        Busy: another process still runs it; the text says which.
        OutOfMemory: the cell failed for want of memory, of the machine or of a GPU.
        StoreError: the disk is full or not writable; what was finished stands.
    """
    if (done := finished(cell, store)) is not None:
        return done
    folder = cell_folder(cell, store)
    try:
        with folder.lock(wait) as held, closing(_Watch(cell, held)) as watch:
            return folder.result() or _attempt(cell, store, folder, watch, on_generation, keep_checkpoints)
    except Timeout:
        raise Busy(holder(folder.path / "lock")) from None


def failed(cell: Cell, store: Store, reason: str) -> CellResult:
    """The result of a cell that was ended from outside; its reason names the cell."""
    cell_folder(cell, store).fail(f"{cell.name}: {reason}\n")
    return CellResult(_record(cell, "failed", f"{cell.name}: {reason}"))


def _record(cell: Cell, status: Status, reason: str = "", parameters: int = 0) -> CellRecord:
    """The record of a cell that ran here."""
    return cell.record(status, reason).changed(environment=environment_today(), parameters=parameters)


def cell_folder(cell: Cell, store: Store) -> CellFolder:
    """Where the store keeps a cell."""
    return store.cell(cell.task.name, cell.method.name, cell.seed, cell.storage_digest)


class _Watch:
    """Sees to it that one process goes on with a cell, the one that holds its lock.

    Args:
        cell: what runs.
        held: whether this process still holds the cell's lock.
    """

    def __init__(self, cell: Cell, held: Callable[[], bool]) -> None:
        self._cell, self._held, self._process = cell, held, os.getpid()
        self._children, self._child = os.pipe()
        os.set_blocking(self._children, False)

    def only_one(self) -> None:
        """Go on in the process that began; a child that a method forked, and that came back, ends here.

        Raises:
            PluginError: such a child came back.
        """
        if os.getpid() != self._process:
            os.write(self._child, b"!")
            os._exit(1)
        with suppress(BlockingIOError):
            os.read(self._children, 1)
            raise PluginError(
                f"Method '{self._cell.method.name}' forked, and the child came back from `curate` too.",
                "End a child by `os._exit`, or use `subprocess`.",
            )

    def still_ours(self) -> None:
        """Go on with what is written.

        Raises:
            Busy: this process stood still for so long that another one took the cell.
        """
        self.only_one()
        if not self._held():
            raise Busy("another process")

    def close(self) -> None:
        """Forget the pipe."""
        os.close(self._children)
        os.close(self._child)


def _attempt(
    cell: Cell,
    store: Store,
    folder: CellFolder,
    watch: _Watch,
    on_generation: Callable[[int], None],
    keep_checkpoints: bool,
) -> CellResult:
    records: list[GenerationRecord] = []
    folder.start(_record(cell, "running"), asdict(cell.spec))
    if isinstance(cell.method, Guest):
        cell.method.preload()  # while the harness makes generation 0
    try:
        with limits(3600 * cell.rules.cell.hours, cell.rules.cell.memory):
            lineage = Lineage(cell, store, keep_checkpoints)
            for record in lineage.generations():
                records.append(record)
                watch.only_one()
                stop.check()
                on_generation(record.t)
                if not lineage.closed_form:
                    watch.still_ours()
                    folder.save_records(records)
        outcome = _record(cell, "done", parameters=lineage.parameters)
    except Diverged as error:
        outcome = _record(cell, "diverged", f"diverged at t={len(records)}: {error.message}")
    except (StoreError, Busy, Exceeded):
        raise
    except BaseException as error:  # a plug-in may fail in any way, also by SystemExit; the other cells go on
        if stop.meant(error):
            raise
        watch.only_one()
        return _failed(cell, folder, records, error)
    watch.still_ours()
    folder.finish(outcome, records)
    return CellResult(outcome, tuple(records))


def _failed(cell: Cell, folder: CellFolder, records: list[GenerationRecord], error: BaseException) -> CellResult:
    folder.fail("".join(traceback.format_exception(error)))
    reason = f"{cell.name}, generation {len(records)}: {describe(error)}"
    result = CellResult(_record(cell, "failed", reason), tuple(records))
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        raise OutOfMemory(result) from error
    return result
