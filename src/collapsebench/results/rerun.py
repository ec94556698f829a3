"""Running a sample of recorded cells again: which ones, beside which references, and in which numbers they differ."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError

from ..core.errors import PluginError, RecordError
from ..core.files import CACHE_VARIABLE, cache_folder, sha256, temporary_folder
from ..core.records import CellRecord, CellResult, GenerationRecord, Place, one_line, result_lines
from ..loop.cell import Cell
from ..loop.executors.executor import Options, Silent
from ..loop.executors.local import Here, Local
from ..loop.executors.threads import one_thread
from ..loop.plugins import make_method
from ..loop.protocol import Protocol
from .apart import ask
from .audit import cell_of
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


class Outside(NamedTuple):
    """A cell whose task is not imported here.

    Args:
        record: of a cell with its task, world and seed.
        label: of its method: that of the record, or a reference's.
    """

    record: CellRecord
    label: str


def other_instructions() -> dict[str, str]:
    """Variables of the environment with which sums are rounded as elsewhere: with vectors half as wide, or none.

    None is several times slower.
    """
    from torch.backends.cpu import get_cpu_capability

    if get_cpu_capability() == "AVX512":
        return {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2", "MKL_CBWR": "AVX2"}
    return {"ATEN_CPU_CAPABILITY": "default", "ONEDNN_MAX_CPU_ISA": "SSE41", "MKL_CBWR": "COMPATIBLE"}


def run_again(cells: Sequence[Cell], workers: int, otherwise: bool = False) -> Iterator[Ran]:
    """Run cells in one empty store, each once; they come as they finish.

    Args:
        cells: which; none stands twice.
        workers: processes; 0 for this one.
        otherwise: round as another machine does, in processes of their own, with classifiers that are trained anew.
    """
    with temporary_folder("verify") as store, ExitStack() as stack:
        if otherwise:
            cache = Path(store) / "cache"
            cache.mkdir()
            (cache / "bases").symlink_to(cache_folder() / "bases")  # to train one takes too long
            stack.enter_context(one_thread({**other_instructions(), CACHE_VARIABLE: str(cache)}))
        executor = Local(workers) if workers else Here()
        for result in executor.run(cells, Options(Path(store)), Silent()):
            yield Ran(result, sum(sum(generation.seconds.values()) for generation in result.generations))


def run_outside(
    cells: Sequence[Outside], rules: Protocol, plugins: Sequence[str], workers: int, otherwise: bool = False
) -> Iterator[Ran]:
    """The same of cells whose task another process imports, which says their records.

    Args:
        cells: which.
        rules: their protocol.
        plugins: plug-in files.
        workers: processes.
        otherwise: as of `run_again`.

    Raises:
        PluginError: no answer, or one that is no records of these cells.
    """
    about = f"Task '{cells[0].record.task.name}'"
    asked = [(cell.record.model_dump_json(), cell.label) for cell in cells]
    hours = sum(rules.rules(cell.record.task.name).cell.hours for cell in cells)
    words = (rules.model_dump_json(), asked, list(plugins), max(1, workers), otherwise)
    answer = ask("results.rerun:ran_outside", *words, plugins=list(plugins), about=about, hours=hours)
    try:
        results = [result for text in answer for result in read_answer(text)]
        places = {(cell.label, *_of(cell)[1:]) for cell in cells}
        if len(results) != len(cells) or {result.place for result in results} != places:
            raise ValueError("the answer is of other cells")
    except (RecordError, ValidationError, ValueError, TypeError) as error:
        raise PluginError(f"{about} answered what is no record: {one_line(str(error), 200)}") from None
    for result in results:
        yield Ran(result, sum(sum(generation.seconds.values()) for generation in result.generations))


def ran_outside(
    rules: str, cells: Sequence[tuple[str, str]], plugins: Sequence[str], workers: int, otherwise: bool
) -> list[str]:
    """What `run_outside` asks for, in the process that imports the task."""
    protocol, made = Protocol.model_validate_json(rules), []
    for text, label in cells:
        record = CellRecord.model_validate_json(text)
        cell = cell_of(record, protocol, plugins)
        made.append(cell if label == record.method.label else replace(cell, method=make_method(label, {})))
    return ["".join(result_lines(ran.result)) for ran in run_again(made, workers, otherwise)]


def read_answer(text: str) -> list[CellResult]:
    """Cells as their process wrote them, checked field by field."""
    found: list[tuple[CellRecord, list[GenerationRecord]]] = []
    for line in text.splitlines():
        content = json.loads(line)
        if content.pop("kind") == "cell":
            content.pop("schema")
            found.append((CellRecord(**content), []))
        else:
            found[-1][1].append(GenerationRecord(**content))
    return [CellResult(cell, tuple(generations)) for cell, generations in found]


def _of(cell: Outside) -> Place:
    record = cell.record
    return record.method.label, record.task.name, record.world.name, record.seed


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
