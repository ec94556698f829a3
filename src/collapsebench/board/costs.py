"""Costs: what an entry saw, scored, asked, trained on and took."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from ..core.records import CellResult
    from .cells import BoardTask, Entry
    from .scope import Scope


@dataclass(frozen=True)
class Costs:
    """The costs of a board's entries."""

    scope: Scope

    def counted(self, entry: Entry, counts: Iterable[str]) -> float:
        """Some of the counts of `Costs` at the last generation, mean over seeds and summed over the scope.

        NaN, as are the seconds, for an entry that is not complete: its sum over fewer cells would look cheap.
        """
        names = tuple(counts)
        return self._summed(entry, lambda result: sum(result.generations[-1].costs.get(name, 0) for name in names))

    def seconds(self, entry: Entry) -> float:
        """Wall time, mean over seeds and summed over the scope."""
        return self._summed(entry, lambda result: sum(sum(g.seconds.values()) for g in result.generations))

    def real_share(self, entry: Entry, tasks: Iterable[BoardTask] | None = None) -> float:
        """Share of real rows among those trained on, mean over t ≥ 1, seeds and tasks; NaN before any has run."""
        names = [task.name for task in (self.scope.of(entry) if tasks is None else tasks)]
        results = (result for name in names for result in entry.results(name))
        shares = [generation.real_share for result in results for generation in result.generations[1:]]
        return float(np.mean(shares)) if shares else math.nan

    def _summed(self, entry: Entry, spent: Callable[[CellResult], float]) -> float:
        if self.scope.state(entry) != "done":
            return math.nan
        return sum(float(np.mean([spent(r) for r in entry.results(task.name)])) for task in self.scope.of(entry))
