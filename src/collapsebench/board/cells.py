"""The cells of a board by entry, task and seed, and what can be read off them before anything is scored."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from ..core.records import CellResult, MethodRecord, ProtocolRecord
from .stats import GAP_FACTOR, Interval, PairedGap, student_t_interval

State = Literal["done", "missing", "failed", "diverged", "skipped", "unsupported"]
"""How a cell, or an entry over all the cells it needs, stands; of an entry the first that applies."""

Key = tuple[str, str, int]
"""Method label, task and seed."""


@dataclass(frozen=True)
class Entry:
    """A method with its parameters, and its cells by task and seed."""

    method: MethodRecord
    cells: Mapping[tuple[str, int], CellResult]

    @property
    def label(self) -> str:
        """The method's name with the parameters that are not its defaults."""
        return self.method.label

    @property
    def reference(self) -> bool:
        """Whether it is one of the references, which are never ranked."""
        return self.method.reference

    @property
    def track(self) -> str:
        """What the method may see; "" for references."""
        return "" if self.reference else self.method.track

    def results(self, task: str) -> list[CellResult]:
        """Cells of a task in order of seed."""
        return [result for (name, _), result in self.cells.items() if name == task]


@dataclass(frozen=True)
class BoardTask:
    """A task that the protocol names and whether it collapsed; only `name` is known before it has run."""

    name: str
    title: str = ""
    primary: str = ""
    unit: str = ""
    version: int = 0
    generations: int = 0
    shown: tuple[str, ...] = ()
    metrics: Mapping[str, str] | None = None
    gap: PairedGap | None = None

    @property
    def verdict(self) -> str:
        """Whether the task counts, in words."""
        if not self.primary:
            return "not run"
        if self.gap is None:
            return "references incomplete"
        if self.gap.pairs == 1 and self.gap.mean > 0:
            return "counts, untested: one seed"
        return "counts" if self.gap.ratio > GAP_FACTOR else "no collapse here"

    @property
    def counts(self) -> bool:
        """Whether the task enters the overall score."""
        return self.verdict.startswith("counts")


@dataclass(frozen=True)
class Cells:
    """What the records of one protocol hold.

    Args:
        protocol: the `protocol` part of every record.
        tasks: in the order in which the protocol names them.
        entries: references included, in order of label.
        losses: the scored loss (primary metric averaged over the last generations) of every cell that is done.
    """

    protocol: ProtocolRecord
    tasks: tuple[BoardTask, ...]
    entries: tuple[Entry, ...]
    losses: Mapping[Key, float]

    @cached_property
    def counting(self) -> tuple[BoardTask, ...]:
        """Tasks that enter the overall score."""
        return tuple(task for task in self.tasks if task.counts)

    @cached_property
    def newest(self) -> str:
        """The day (UTC) of the newest record, "" where none carries one."""
        results = (result for entry in self.entries for result in entry.cells.values())
        return max((str(result.cell.environment.get("date", "")) for result in results), default="")

    @cached_property
    def references(self) -> tuple[Entry, ...]:
        """The reference lineages, in order of label."""
        return tuple(entry for entry in self.entries if entry.reference)

    def competitors(self, *tracks: str) -> tuple[Entry, ...]:
        """Entries of some tracks, one track after the other, references left out."""
        return tuple(e for track in tracks for e in self.entries if e.track == track and not e.reference)

    def reference(self, label: str) -> Entry | None:
        """A reference by its label; None where it has not run at all."""
        return next((entry for entry in self.references if entry.label == label), None)

    def losses_of(self, entry: Entry | None, task: BoardTask) -> dict[int, float]:
        """The scored losses of an entry on a task by seed."""
        keys = [(entry.label, name, seed) for name, seed in entry.cells if name == task.name] if entry else []
        return {key[2]: self.losses[key] for key in keys if key in self.losses}

    def metric(self, entry: Entry, task: BoardTask, metric: str) -> Interval:
        """A metric at the last generation over the seeds that are done."""
        done = [result for result in entry.results(task.name) if result.cell.status == "done"]
        return student_t_interval([result.generations[-1].metrics.get(metric, math.nan) for result in done])

    def start(self, task: BoardTask, metric: str) -> Interval:
        """A metric at generation 0, which all entries share, over seeds."""
        by_seed = {
            seed: result.generations[0].metrics.get(metric, math.nan)
            for entry in sorted(self.entries, key=lambda entry: entry.reference)  # references last: theirs stands
            for (name, seed), result in entry.cells.items()
            if name == task.name and result.generations
        }
        return student_t_interval([by_seed[seed] for seed in sorted(by_seed)])

    def lm_eval(self, task: BoardTask) -> tuple[str, ...]:
        """Names of the metrics that lm-eval added to a task's cells, `<lm-eval task>/<metric>`."""
        last = (result.generations[-1] for e in self.entries for result in e.results(task.name) if result.generations)
        return tuple(sorted({name for generation in last for name in generation.metrics if "/" in name}))

    def lm_eval_limits(self, task: BoardTask) -> tuple[int, ...]:
        """Numbers of items that lm-eval's tasks were cut down to; empty where all items were asked."""
        asked = (result.cell.task.lm_eval for e in self.entries for result in e.results(task.name))
        return tuple(sorted({part.limit for part in asked if part is not None and part.limit is not None}))

    def across_machines(self, entry: Entry) -> bool:
        """Whether a cell ran on another machine than a reference of the same (task, seed)."""
        return any(
            _machine(reference.cells[key]) != _machine(result)
            for key, result in entry.cells.items()
            for reference in self.references
            if key in reference.cells
        )


def _machine(result: CellResult) -> str:
    return str(result.cell.environment.get("machine", ""))
