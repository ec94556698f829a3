"""Devices: a place for each worker of this machine, and how many cells one GPU has room for."""

from __future__ import annotations

import itertools
import multiprocessing
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import NamedTuple

from ..cell import Cell, CellSpec
from ..plan import build_cell
from ..protocol import Budget
from . import machine
from .resources import ExecutorConfig, request_of
from .threads import one_thread

_FULL = 0.9
"""Share of a GPU's memory that cells may take together."""


class Slot(NamedTuple):
    """A place for one worker.

    Args:
        device: the GPU that it sees, as `CUDA_VISIBLE_DEVICES` names it; None where there is none.
    """

    device: str | None = None


def slots(cells: Sequence[Cell], workers: int | None, config: ExecutorConfig) -> list[Slot]:
    """A place for each worker; never more than cells.

    Args:
        cells: what is run; one of each task and method says what all of them want.
        workers: how many, or None for as many as cores, memory and GPUs have room for.
        config: resources of cells.
    """
    kinds = {(cell.task.name, cell.method.name): cell for cell in cells}
    wants = [request_of(cell, config) for cell in kinds.values()]
    room = min(machine.cores() // max(w.cpus for w in wants), machine.memory() // max(w.memory for w in wants))
    devices: Sequence[str | None] = [None]
    if gpus := machine.gpus():
        share = max(w.gpus for w in wants)
        each = max(1, int(1 / share)) if share else cells_per_gpu(list(kinds.values()), gpus[0])
        devices, room = gpus, min(room, len(gpus) * each)
    count = min(len(cells), workers or max(1, room))
    return [Slot(device) for device in itertools.islice(itertools.cycle(devices), count)]


def cells_per_gpu(cells: Sequence[Cell], device: str) -> int:
    """How many cells one GPU has room for: by a dry run of two optimizer steps of one cell of each task."""
    tasks = {cell.task.name: cell.spec for cell in cells}
    with (
        one_thread({"CUDA_VISIBLE_DEVICES": device}),
        ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process,
    ):
        used, total = process.submit(_memory_of, list(tasks.values())).result()
    return max(1, int(_FULL * total / used)) if used else machine.cores()


def dry(cell: Cell) -> Cell:
    """The same cell with two optimizer steps a generation; a closed form as it is."""
    rules = cell.protocol.tasks[cell.task.name]
    if rules.budget.steps is None and rules.budget.epochs is None:
        return cell
    short = rules.model_copy(update={"budget": Budget(steps=2, batch=rules.budget.batch)})
    tasks = {**cell.protocol.tasks, cell.task.name: short}
    spec = cell.spec
    protocol = cell.protocol.model_copy(update={"tasks": tasks}).model_dump_json()
    return build_cell(CellSpec(protocol, spec.task, spec.world, spec.method, spec.params, spec.seed, spec.plugins))


def _memory_of(specs: Sequence[CellSpec]) -> tuple[int, int]:
    """Bytes of this process's GPU that two generations of each cell take at most, and bytes that it has."""
    import torch

    from ..lineage import Lineage

    for spec in specs:
        lineage = Lineage(dry(build_cell(spec)), None)
        list(itertools.islice(lineage.generations(), 2))
    if not torch.cuda.is_initialized():  # type: ignore[no-untyped-call]  # closed forms
        return 0, 0
    free, total = torch.cuda.mem_get_info()  # what its context takes counts too, so not what tensors take alone
    return total - free, total
