"""Scores: recovered gaps, ranks within a track, and how an entry stands to a reference."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np

from .stats import (
    LEVEL,
    Interval,
    paired_p_value,
    probability_of_improvement,
    rank_groups,
    resolution_floor,
    stratified_interval,
    student_t_interval,
)

if TYPE_CHECKING:
    from .cells import BoardTask, Cells, Entry, Key
    from .scope import Scope


@dataclass(frozen=True)
class Overall:
    """Overall score: interquartile mean over (task, seed) with two intervals of different claims."""

    seed_interval: Interval
    """For new seeds on these tasks; its centre is the score."""
    task_interval: Interval
    """For new tasks: Student-t over the means of the tasks."""


@dataclass(frozen=True)
class Against:
    """How an entry stands to a reference over the tasks that count for it.

    Args:
        verdict: `level` where the two would share a rank.
        improvement: probability of improvement, the share of seeds on which the entry's loss is the lower one.
    """

    verdict: Literal["better", "level", "worse"]
    improvement: float


@dataclass(frozen=True)
class Scores:
    """The scores of a board; the score of an entry does not depend on who else entered."""

    cells: Cells
    scope: Scope

    @cached_property
    def by_cell(self) -> Mapping[Key, float]:
        """Recovered gap R of every (label, task, seed) on the counting tasks whose seed has both references."""
        losses, counting = self.cells.losses, {task.name for task in self.cells.counting}
        scores: dict[Key, float] = {}
        for (label, task, seed), loss in losses.items():
            worst, best = (losses.get((name, task, seed), math.nan) for name in ("replace", "frozen"))
            if task in counting and math.isfinite(worst - best) and worst != best:
                scores[label, task, seed] = (worst - loss) / (worst - best)
        return scores

    def _values(self, entry: Entry, task: BoardTask) -> list[float]:
        keys = [(entry.label, name, seed) for name, seed in entry.cells if name == task.name]
        return [self.by_cell[key] for key in keys if key in self.by_cell]

    def of(self, entry: Entry, task: BoardTask) -> Interval:
        """R on one task: mean over seeds with the Student-t half-width."""
        return student_t_interval(self._values(entry, task))

    def overall(self, entry: Entry) -> Overall:
        """R over the counting tasks that the entry has, whether it is complete or not."""
        return self._overall[entry.label]

    @cached_property
    def _overall(self) -> Mapping[str, Overall]:
        by_task = {e.label: [self._values(e, task) for task in self.cells.counting] for e in self.cells.entries}
        strata = {label: [values for values in tasks if values] for label, tasks in by_task.items()}
        return {
            label: Overall(stratified_interval(tasks), student_t_interval([np.mean(values) for values in tasks]))
            for label, tasks in strata.items()
        }

    def has(self, entry: Entry) -> bool:
        """Whether the entry has an overall score: it is complete, and a task in its scope counts."""
        return bool(self.cells.counting and self.scope.of(entry)) and self.scope.state(entry) == "done"

    @cached_property
    def complete(self) -> tuple[Entry, ...]:
        """Entries with an overall score, references included."""
        return tuple(filter(self.has, self.cells.entries))

    def ranked(self, track: str) -> list[Entry]:
        """Complete entries of a track, best first."""
        complete = filter(self.has, self.cells.competitors(track))
        return sorted(complete, key=lambda entry: -self.overall(entry).seed_interval.centre)

    @cached_property
    def ranks(self) -> Mapping[str, int]:
        """Rank of every ranked entry within its track, by label; two entries share it unless told apart."""
        tracks = [self.ranked(track) for track in {entry.track for entry in self.cells.entries}]
        ranks = ((entries, rank_groups(self._paired(entries))) for entries in tracks)
        return {entry.label: rank for track in ranks for entry, rank in zip(*track, strict=True)}

    def resolution(self, track: str) -> float:
        """Median half-width of the paired differences between the ranked entries of a track."""
        return resolution_floor(self._paired(self.ranked(track)))

    def _paired(self, entries: list[Entry]) -> list[list[float]]:
        """Scores `[entries, pairs]` over every (task, seed); NaN where an entry has none."""
        cells = sorted({(task, seed) for _, task, seed in self.by_cell})
        return [[self.by_cell.get((entry.label, *cell), math.nan) for cell in cells] for entry in entries]

    def against(self, entry: Entry, reference: str = "frozen") -> Against | None:
        """The entry against a reference, whoever else entered; None where it has no overall score."""
        other = self.cells.reference(reference)
        if other is None or not self.has(entry):
            return None
        ours, theirs = [], []
        for task in self.scope.of(entry):
            own, rival = self.cells.losses_of(entry, task), self.cells.losses_of(other, task)
            if seeds := [seed for seed in own if seed in rival]:
                ours.append([own[seed] for seed in seeds])
                theirs.append([rival[seed] for seed in seeds])
        keys = [key for key in self.by_cell if key[0] == entry.label]
        ahead = np.array([self.by_cell[key] - self.by_cell[(reference, *key[1:])] for key in keys])
        told = paired_p_value(ahead) < 1 - LEVEL
        verdict: Literal["better", "level", "worse"] = "level"
        if told:
            verdict = "better" if ahead.mean() > 0 else "worse"
        return Against(verdict, probability_of_improvement(ours, theirs))

    def identical_reference(self, entry: Entry, task: BoardTask | None = None) -> str:
        """The reference whose scored losses an entry has on every seed to the last bit, or "".

        Without a task it has to be the same one on all tasks that a complete entry is scored on.
        """
        if task is None:
            tasks = self.scope.of(entry) if self.has(entry) else ()
            found = {self.identical_reference(entry, task) for task in tasks}
            return found.pop() if len(found) == 1 else ""
        losses = {} if entry.reference else self.cells.losses_of(entry, task)
        same = (r.label for r in self.cells.references if self.cells.losses_of(r, task) == losses)
        return next(same, "") if losses else ""
