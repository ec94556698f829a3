"""Running a sample of recorded cells again, and how far the results may lie apart."""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..core.errors import RecordError
from ..core.files import sha256
from ..core.records import CellResult
from ..loop.executors.executor import Options, Silent
from ..loop.executors.local import Here, Local
from ..loop.protocol import Protocol
from .audit import cell_of
from .signature import Rerun, fingerprint

_VARIES = ("date", "cores")
"""What of an environment may differ where results may not."""


def sample(results: Sequence[CellResult], count: int) -> list[CellResult]:
    """The cells to run again: which ones follows from the content of all, so that nobody chooses them.

    Args:
        results: every cell of a file; those that ran to an end are drawn from.
        count: how many, at most.
    """
    whole = fingerprint(results)
    ran = [result for result in results if result.cell.status in ("done", "diverged")]
    return sorted(ran, key=lambda result: sha256(f"{whole} {result.cell.cell}".encode()))[:count]


def rerun(
    path: Path, results: Sequence[CellResult], rules: Protocol, plugins: Sequence[str], tolerance: float, workers: int
) -> Iterator[Rerun]:
    """Run cells again in an empty store and compare.

    Args:
        path: of their file, for messages.
        results: the recorded cells.
        rules: their protocol.
        plugins: plug-in files to load.
        tolerance: largest relative difference of the scored metric, of counts and of the shares of real and of
            generated rows; on the same machine, with the same versions and commit, there must be none.
        workers: 1 for a process of its own, as `run` has; 0 for this process.

    Raises:
        RecordError: a cell ends in another way or too far from its record.
    """
    for recorded in results:
        cell = cell_of(recorded.cell, rules, plugins)
        started = time.monotonic()
        with tempfile.TemporaryDirectory() as store:
            executor = Local(workers) if workers else Here()
            (again,) = executor.run([cell], Options(Path(store)), Silent())
        yield _compared(path, recorded, again, time.monotonic() - started, tolerance)


def _compared(path: Path, recorded: CellResult, again: CellResult, seconds: float, tolerance: float) -> Rerun:
    cell, equal = recorded.cell, recorded.same_result(again)
    name = f"{cell.method.label} on {cell.task.name}/{cell.world.name}, seed {cell.seed}"
    if again.cell.status != cell.status or len(again.generations) != len(recorded.generations):
        raise RecordError(
            f"{path}: {name} is recorded as {cell.status} after {len(recorded.generations)} generations; run again it "
            f"is {again.cell.status} after {len(again.generations)}. {again.cell.reason}".rstrip(),
            _NOT_THESE,
        )
    here = _same_setting(recorded, again)
    quantity, difference = largest_difference(recorded, again)
    if (here and not equal) or difference > tolerance:
        where = "on the same machine, with the same versions and commit" if here else f"(allowed: {tolerance:g})"
        raise RecordError(
            f"{path}: {name}: {quantity} differs by {difference:.2g} when it is run again {where}.", _NOT_THESE
        )
    return Rerun(
        task=cell.task.name,
        world=cell.world.name,
        label=cell.method.label,
        seed=cell.seed,
        seconds=round(seconds, 1),
        equal=equal,
        quantity=quantity if difference else None,
        difference=difference,
    )


_NOT_THESE = "The records are not what this source gives: run the cells again with `collapsebench run`."


def _same_setting(one: CellResult, other: CellResult) -> bool:
    """Whether two cells ran on one kind of machine with the same versions and code, as far as is known."""
    first, second = (
        {key: value for key, value in result.cell.environment.items() if key not in _VARIES} for result in (one, other)
    )
    return first == second and first.get("dirty") is False


def largest_difference(recorded: CellResult, again: CellResult) -> tuple[str, float]:
    """Of what is scored or counted, the quantity that differs most, relative to its largest size in the lineage."""
    if len(recorded.generations) != len(again.generations):
        return "generations", math.inf
    first, second = _quantities(recorded), _quantities(again)
    found = [("a number that is not scored", 0.0)]
    for name, values in first.items():
        scale = max(map(abs, values))
        apart = max(abs(a - b) for a, b in zip(values, second[name], strict=True))
        found.append((name, apart / scale if scale else math.inf if apart else 0.0))
    return max(found, key=lambda pair: pair[1])


def _quantities(result: CellResult) -> dict[str, list[float]]:
    generations, primary = result.generations, result.cell.task.primary
    if not generations:
        return {}
    return {
        primary: [g.metrics[primary] for g in generations],
        "rows": [g.rows for g in generations],
        "real_share": [g.real_share for g in generations],
        "synthetic_share": [g.synthetic_share for g in generations],
        **{name: [g.costs[name] for g in generations] for name in generations[0].costs},
    }
