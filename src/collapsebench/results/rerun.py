"""Running a sample of recorded cells again: which ones, beside which references, and in which numbers they differ."""

from __future__ import annotations

import math
import tempfile
import time
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from ..core.files import CACHE_VARIABLE, sha256
from ..core.records import CellResult, Place
from ..loop.cell import Cell
from ..loop.executors.executor import Options, Silent
from ..loop.executors.local import Here, Local
from ..loop.executors.threads import one_thread
from .signature import ended

Key = tuple[str, Place]
"""Digest of a protocol, and the place of a cell."""


def key(result: CellResult) -> Key:
    """Of a result."""
    return result.cell.protocol.digest, result.place


def sample(results: Iterable[CellResult], count: int, draw: str, owed: Collection[Place] = ()) -> list[CellResult]:
    """The cells of a file to run again.

    They go over all tasks before one stands twice, and within a task over labels and worlds. The order of tasks and
    worlds differs between files; the order of seeds within a task and world is that of the draw, so that files that
    are verified together share their references.

    Args:
        results: every cell of a file.
        count: how many, at most.
        draw: text that the choice follows from.
        owed: places of cells that are taken first, beside that many.
    """
    left = ended(results)
    chosen = [result for result in left if result.place in owed]
    left = [result for result in left if result.place not in owed]
    taken = Counter[object]()

    def order(result: CellResult) -> tuple[int | str, ...]:
        label, task, world, seed = result.place
        name = result.cell.method.name
        return (
            taken[task],
            sha256(f"{draw}\0{name}\0{task}".encode()),
            taken[task, label],
            taken[task, world],
            sha256(f"{draw}\0{label}\0{task}\0{world}".encode()),
            sha256(f"{draw}\0{task}\0{world}\0{seed}".encode()),
        )

    for _ in range(min(count, len(left))):
        result = min(left, key=order)
        left.remove(result)
        chosen.append(result)
        label, task, world, _ = result.place
        taken.update([task, (task, label), (task, world)])
    return chosen


class Ran(NamedTuple):
    """A cell that was run again, and the seconds that it took here."""

    result: CellResult
    seconds: float


OTHER_INSTRUCTIONS = {"ATEN_CPU_CAPABILITY": "default", "ONEDNN_MAX_CPU_ISA": "SSE41", "MKL_CBWR": "COMPATIBLE"}
"""Variables of the environment with which sums are rounded as on a machine without vector instructions."""


def run_again(cells: Sequence[Cell], workers: int, otherwise: bool = False) -> Iterator[Ran]:
    """Run cells in one empty store, each once; they come as they finish.

    Args:
        cells: which; none stands twice.
        workers: processes; 0 for this one.
        otherwise: round as another machine does, in processes of their own, and keep nothing that was fitted before.
    """
    with tempfile.TemporaryDirectory(prefix="collapsebench-verify-") as store, ExitStack() as stack:
        if otherwise:
            stack.enter_context(one_thread({**OTHER_INSTRUCTIONS, CACHE_VARIABLE: f"{store}/cache"}))
        executor = Local(workers) if workers else Here()
        before = time.monotonic()
        for result in executor.run(cells, Options(Path(store)), Silent()):
            spent = sum(sum(generation.seconds.values()) for generation in result.generations)
            yield Ran(result, spent if result.generations else time.monotonic() - before)


# -- differences ---------------------------------------------------------------------------------------


class Difference(NamedTuple):
    """A number that two runs of a cell give.

    Args:
        field: where it stands in a generation: `metrics`, `log`, `costs`, `rows` or `shares`.
        name: of the number.
        t: the generation.
        recorded, again: its two values.
        scale: its largest recorded size in the lineage.
    """

    field: str
    name: str
    t: int
    recorded: float
    again: float
    scale: float

    @property
    def apart(self) -> float:
        """By how much the second is above the first; 0 for two that are not finite in the same way."""
        if self.recorded == self.again or (math.isnan(self.recorded) and math.isnan(self.again)):
            return 0.0
        apart = self.again - self.recorded
        return apart if math.isfinite(apart) else math.inf

    @property
    def relative(self) -> float:
        """The size of the difference over the scale."""
        return abs(self.apart) / self.scale if self.scale else math.inf if self.apart else 0.0


def differences(recorded: CellResult, again: CellResult) -> Iterator[Difference]:
    """All numbers of a cell's generations but for seconds; one that a run lacks is NaN there.

    Both have the same number of generations.
    """
    first, second = (list(map(_numbers, result.generations)) for result in (recorded, again))
    for field, name in dict.fromkeys(number for numbers in (*first, *second) for number in numbers):
        values = [[numbers.get((field, name), math.nan) for numbers in one] for one in (first, second)]
        scale = max((abs(value) for value in values[0] if math.isfinite(value)), default=0.0)
        for t, (there, here) in enumerate(zip(*values, strict=True)):
            yield Difference(field, name, t, there, here, scale)


def _numbers(generation: object) -> dict[tuple[str, str], float]:
    shown = vars(generation)
    return {
        **{(field, name): value for field in ("metrics", "log", "costs") for name, value in shown[field].items()},
        ("rows", "rows"): shown["rows"],
        **{("shares", name): shown[name] for name in ("real_share", "synthetic_share")},
    }


def largest_difference(recorded: CellResult, again: CellResult) -> tuple[str, float]:
    """Of what is scored or counted, the quantity that differs most, relative to its largest size in the lineage."""
    if len(recorded.generations) != len(again.generations):
        return "generations", math.inf
    primary = recorded.cell.task.primary
    counted = [d for d in differences(recorded, again) if d.field in ("costs", "rows", "shares") or d.name == primary]
    largest = max(counted, key=lambda difference: difference.relative, default=None)
    if largest is None or not largest.relative:
        return "a number that is not scored", 0.0
    return largest.name, largest.relative
