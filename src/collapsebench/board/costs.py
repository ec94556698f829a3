"""Costs: what an entry saw, scored, asked, trained on and took."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from .cells import BoardTask, Entry
    from .scope import Scope


@dataclass(frozen=True)
class Costs:
    """The costs of a board's entries."""

    scope: Scope

    def on(self, entry: Entry, task: BoardTask, counts: Collection[str]) -> float:
        """Some of the counts of `Costs` at the last generation of a task, mean over the seeds that are done."""
        cells = [result for result in entry.results(task.name) if result.cell.status == "done"]
        totals = [sum(result.generations[-1].costs.get(name, 0) for name in counts) for result in cells]
        return float(np.mean(totals)) if totals else 0.0

    def counted(self, entry: Entry, counts: Collection[str]) -> float:
        """The same, summed over the scope.

        NaN, as are the seconds, for an entry that is not complete: its sum over fewer cells would look cheap.
        """
        complete = self.scope.state(entry) == "done"
        return sum(self.on(entry, task, counts) for task in self.scope.of(entry)) if complete else math.nan

    def seconds(self, entry: Entry) -> float:
        """Wall time, mean over seeds and summed over the scope."""
        if self.scope.state(entry) != "done":
            return math.nan
        return sum(
            float(np.mean([sum(sum(g.seconds.values()) for g in r.generations) for r in entry.results(task.name)]))
            for task in self.scope.of(entry)
        )

    def real_share(self, entry: Entry, tasks: Iterable[BoardTask] | None = None) -> float:
        """Share of real rows among those trained on, mean over t ≥ 1, seeds and tasks; NaN before any has run."""
        names = [task.name for task in (self.scope.of(entry) if tasks is None else tasks)]
        results = (result for name in names for result in entry.results(name))
        shares = [generation.real_share for result in results for generation in result.generations[1:]]
        return float(np.mean(shares)) if shares else math.nan
