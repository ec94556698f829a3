"""Measure: run the cells of claims through the loop and take their numbers, in this process or in a pool."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from multiprocessing import get_context
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from ..laws import Array
from ..loop.executors.threads import one_thread
from .claim import Claim, Probe, Seen, Setting

if TYPE_CHECKING:
    from ..loop.cell import Cell

_BATCH = 25
"""Cells per message to a worker, at most: enough to hide the message, few enough to share the work out."""


@dataclass
class _Demand:
    """All that is wanted of one setting: cells are run once, however many claims look at them."""

    setting: Setting
    seeds: int = 0
    probes: list[Probe] = field(default_factory=list)
    found: list[Array] = field(default_factory=list)  # [seeds, probes, G + 1] of each batch

    def batches(self) -> Iterator[_Batch]:
        for start in range(0, self.seeds, _BATCH):
            yield self.setting, self.probes, range(start, min(start + _BATCH, self.seeds))


_Batch: TypeAlias = tuple[Setting, list[Probe], range]
"""A setting, its probes and its seeds."""


def measure(
    claims: Sequence[tuple[Claim, int]], workers: int, progress: Callable[[int, int], None] = lambda done, total: None
) -> list[Array]:
    """The numbers of each claim, float `[seeds, points]`.

    Args:
        claims: claims with the number of seeds of each.
        workers: processes; 0 for this one.
        progress: called with the batches done and their total.
    """
    demands: list[_Demand] = []
    for claim, seeds in claims:
        for setting in claim.settings:
            demand = _demand(demands, setting)
            demand.seeds = max(demand.seeds, seeds)
            if claim.probe not in demand.probes:
                demand.probes.append(claim.probe)
    batches = [(demand, batch) for demand in demands for batch in demand.batches()]
    results = _run_all([batch for _, batch in batches], workers)
    for done, ((demand, _), numbers) in enumerate(zip(batches, results, strict=True), start=1):
        demand.found.append(numbers)
        progress(done, len(batches))
    return [
        _samples(claim, seeds, [_demand(demands, setting) for setting in claim.settings]) for claim, seeds in claims
    ]


def _demand(demands: list[_Demand], setting: Setting) -> _Demand:
    """The demand of a setting, which is no key of a dict; a new one at the end if there is none."""
    if (demand := next((d for d in demands if d.setting == setting), None)) is None:
        demands.append(demand := _Demand(setting))
    return demand


def _samples(claim: Claim, seeds: int, demands: Sequence[_Demand]) -> Array:
    curves = [np.concatenate(demand.found)[:seeds, demand.probes.index(claim.probe)] for demand in demands]
    return curves[0] if len(curves) == 1 else np.stack([curve[:, -1] for curve in curves], axis=1)


def _run_all(batches: Sequence[_Batch], workers: int) -> Iterator[Array]:
    if not workers:
        yield from map(_run, batches)
        return
    with one_thread(), ProcessPoolExecutor(workers, get_context("spawn"), initializer=_start) as pool:
        yield from pool.map(_run, batches)


def _run(batch: _Batch) -> Array:
    """Float `[seeds, probes, G + 1]`."""
    setting, probes, seeds = batch
    cell = setting.cell()
    return np.array([_follow(replace(cell, seed=seed), probes) for seed in seeds])


def _follow(cell: Cell, probes: Sequence[Probe]) -> Array:
    """One cell through the protocol, as `run_cell` runs it but without a store; float `[probes, G + 1]`."""
    from ..loop.lineage import Lineage

    lineage = Lineage(cell, store=None)
    seen = Seen(lineage, [], [])
    numbers = []
    for record in lineage.generations():
        seen.records.append(record)
        seen.models.append(lineage.model.value)
        numbers.append([probe(seen) for probe in probes])
    return np.array(numbers).T


def _start() -> None:
    import torch

    torch.set_num_threads(1)
