"""What a board says: entries, tasks, scores, ranks and costs, computed from records alone."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ..core.commands import completing_command
from ..core.records import CellResult, ProtocolRecord
from .stats import (
    GAP_FACTOR,
    Interval,
    PairedGap,
    rank_groups,
    resolution_floor,
    stratified_interval,
    student_t_interval,
)

State = Literal["done", "missing", "failed", "diverged", "skipped", "unsupported"]
"""How a cell, or an entry over all the cells it needs, stands; of an entry the first that applies."""

_WORST_FIRST: tuple[State, ...] = ("missing", "failed", "diverged", "skipped")

Key = tuple[str, str, int]
"""Method label, task and seed."""

COSTS: Mapping[str, tuple[str, ...]] = {
    "real examples": ("real_examples",),
    "synthetic examples": ("synthetic_examples",),
    "scored tokens": ("scored_tokens",),
    "verifier/reward calls": ("verifier_calls", "reward_calls"),
    "trained tokens": ("trained_tokens",),
}
"""Cost columns and the costs counts that each adds up."""


@dataclass(frozen=True)
class Entry:
    """A method with its parameters, and its cells by task and seed."""

    label: str
    name: str
    title: str
    description: str
    paper: str
    track: str
    reference: bool
    params: Mapping[str, Any]
    cells: Mapping[tuple[str, int], CellResult]
    badge: str = "self-reported"
    """`verified` or `self-reported`: whether a signed note beside the records says that a sample was run again."""

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
class Overall:
    """Overall score: interquartile mean over (task, seed) with two intervals of different claims."""

    seed_interval: Interval
    """For new seeds on these tasks; its centre is the score."""
    task_interval: Interval
    """For new tasks: Student-t over the means of the tasks."""


@dataclass(frozen=True)
class Standing:
    """A ranked entry."""

    rank: int
    entry: Entry


@dataclass(frozen=True)
class Board:
    """All that the pages of one protocol say.

    Args:
        protocol: the `protocol` part of every record.
        tasks: in the order in which the protocol names them.
        entries: references included, in order of label.
        losses: the scored loss (primary metric averaged over the last generations) of every cell that is done.
        sheets: files of the sheets of samples, by task and label.
    """

    protocol: ProtocolRecord
    tasks: tuple[BoardTask, ...]
    entries: tuple[Entry, ...]
    losses: Mapping[Key, float]
    sheets: Mapping[tuple[str, str], Path] = field(default_factory=dict)

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

    def competitors(self, track: str) -> tuple[Entry, ...]:
        """Entries of a track, references left out."""
        return tuple(entry for entry in self.entries if entry.track == track and not entry.reference)

    @cached_property
    def scores(self) -> Mapping[Key, float]:
        """Recovered gap R of every (label, task, seed) on the counting tasks whose seed has both references."""
        counting = {task.name for task in self.counting}
        scores: dict[Key, float] = {}
        for (label, task, seed), loss in self.losses.items():
            worst, best = (self.losses.get((name, task, seed), math.nan) for name in ("replace", "frozen"))
            if task in counting and math.isfinite(worst - best) and worst != best:
                scores[label, task, seed] = (worst - loss) / (worst - best)
        return scores

    def lacks(self, entry: Entry, task: BoardTask) -> str:
        """What an entry's method needs and the task does not have, in words; "" if the task is in its scope."""
        results = entry.results(task.name)
        return next((r.cell.reason or "unsupported" for r in results if r.cell.status == "unsupported"), "")

    def scope(self, entry: Entry) -> tuple[BoardTask, ...]:
        """Tasks that an entry is scored on: the counting ones that lack nothing; while none counts, all that do."""
        return tuple(task for task in self.counting or self.tasks if not self.lacks(entry, task))

    def _values(self, entry: Entry, task: BoardTask) -> list[float]:
        keys = [(entry.label, name, seed) for name, seed in entry.cells if name == task.name]
        return [self.scores[key] for key in keys if key in self.scores]

    def score(self, entry: Entry, task: BoardTask) -> Interval:
        """R on one task: mean over seeds with the Student-t half-width."""
        return student_t_interval(self._values(entry, task))

    def overall(self, entry: Entry) -> Overall:
        """R over the counting tasks that the entry has, whether it is complete or not."""
        return self._overall[entry.label]

    @cached_property
    def _overall(self) -> Mapping[str, Overall]:
        strata = {
            e.label: [values for task in self.counting if (values := self._values(e, task))] for e in self.entries
        }
        return {
            label: Overall(stratified_interval(tasks), student_t_interval([np.mean(values) for values in tasks]))
            for label, tasks in strata.items()
        }

    def cell_state(self, entry: Entry, task: str, seed: int) -> State:
        """How one cell stands."""
        result = entry.cells.get((task, seed))
        if result is None or result.cell.status == "running":
            return "missing"
        return result.cell.status

    def cells_in(self, entry: Entry, state: State, tasks: Iterable[BoardTask] | None = None) -> dict[str, list[int]]:
        """Seeds of an entry that stand in `state`, by task; by default over the tasks it needs."""
        found: dict[str, list[int]] = {}
        for task in self.needed(entry) if tasks is None else tasks:
            seeds = [s for s in range(self.protocol.seeds) if self.cell_state(entry, task.name, s) == state]
            if seeds:
                found[task.name] = seeds
        return found

    def needed(self, entry: Entry) -> tuple[BoardTask, ...]:
        """Tasks that an entry must have: its scope; all, for references."""
        return self.tasks if entry.reference else self.scope(entry)

    def state(self, entry: Entry) -> State:
        """`done` when every (task, seed) that the entry needs is done, else the first of the other states."""
        return next((state for state in _WORST_FIRST if self.cells_in(entry, state)), "done")

    def scored(self, entry: Entry) -> bool:
        """Whether the entry has an overall score: it is complete, and a task in its scope counts."""
        return bool(self.counting and self.scope(entry)) and self.state(entry) == "done"

    @cached_property
    def complete(self) -> tuple[Entry, ...]:
        """Entries with an overall score, references included."""
        return tuple(entry for entry in self.entries if self.scored(entry))

    def standings(self, track: str) -> list[Standing]:
        """Complete entries of a track, best first, with ranks that two entries share unless told apart."""
        complete = [entry for entry in self.competitors(track) if self.scored(entry)]
        best_first = sorted(complete, key=lambda entry: -self.overall(entry).seed_interval.centre)
        ranks = rank_groups(self._paired(best_first))
        return [Standing(rank, entry) for rank, entry in zip(ranks, best_first, strict=True)]

    def resolution(self, track: str) -> float:
        """Median half-width of the paired differences between the ranked entries of a track."""
        return resolution_floor(self._paired([standing.entry for standing in self.standings(track)]))

    def _paired(self, entries: list[Entry]) -> list[list[float]]:
        """Scores `[entries, pairs]` over every (task, seed); NaN where an entry has none."""
        cells = sorted({(task, seed) for _, task, seed in self.scores})
        return [[self.scores.get((entry.label, *cell), math.nan) for cell in cells] for entry in entries]

    def twin(self, entry: Entry, task: BoardTask) -> str:
        """The reference whose scored loss an entry has on every seed to the bit, or ""."""
        losses = self.losses_of(entry, task)
        twins = (other.label for other in self.references if self.losses_of(other, task) == losses)
        return next(twins, "") if losses and not entry.reference else ""

    def losses_of(self, entry: Entry, task: BoardTask) -> dict[int, float]:
        """The scored losses of an entry on a task by seed."""
        keys = [(entry.label, task.name, seed) for name, seed in entry.cells if name == task.name]
        return {key[2]: self.losses[key] for key in keys if key in self.losses}

    def metric(self, entry: Entry, task: str, metric: str, t: int = -1) -> Interval:
        """A metric at generation `t` (by default the last) over the seeds that are done."""
        done = [result for result in entry.results(task) if result.cell.status == "done"]
        return student_t_interval([result.generations[t].metrics.get(metric, math.nan) for result in done])

    def start(self, task: BoardTask, metric: str) -> Interval:
        """A metric at generation 0, which all entries share, over seeds."""
        by_seed = {
            seed: result.generations[0].metrics.get(metric, math.nan)
            for entry in sorted(self.entries, key=lambda entry: entry.reference)  # references last: theirs stands
            for (name, seed), result in entry.cells.items()
            if name == task.name and result.generations
        }
        return student_t_interval([by_seed[seed] for seed in sorted(by_seed)])

    def reason(self, entry: Entry, task: str, seed: int) -> str:
        """Why a cell is not done."""
        return entry.cells[task, seed].cell.reason

    def lm_eval(self, task: BoardTask) -> tuple[str, ...]:
        """Names of the metrics that lm-eval added to a task's cells, `<lm-eval task>/<metric>`."""
        last = (result.generations[-1] for e in self.entries for result in e.results(task.name) if result.generations)
        return tuple(sorted({name for generation in last for name in generation.metrics if "/" in name}))

    def lm_eval_limits(self, task: BoardTask) -> tuple[int, ...]:
        """Numbers of items that lm-eval's tasks were cut down to; empty where all items were asked."""
        asked = (result.cell.task.lm_eval for e in self.entries for result in e.results(task.name))
        return tuple(sorted({part.limit for part in asked if part is not None and part.limit is not None}))

    def diverged_at(self, entry: Entry, task: str, seed: int) -> int:
        """The generation that a diverged cell did not finish."""
        return len(entry.cells[task, seed].generations)

    def costs(self, entry: Entry) -> dict[str, float]:
        """Cost columns at the last generation and `seconds`, averaged over seeds and summed over the scope.

        Empty for an entry that is not complete: its sum over fewer cells would look cheap.
        """
        if self.state(entry) != "done":
            return {}
        total = dict.fromkeys([*COSTS, "seconds"], 0.0)
        for task in self.scope(entry):
            results = entry.results(task.name)
            for column, names in COSTS.items():
                counts = [sum(result.generations[-1].costs.get(name, 0) for name in names) for result in results]
                total[column] += float(np.mean(counts))
            total["seconds"] += float(np.mean([_seconds(result) for result in results]))
        return total

    def real_share(self, entry: Entry, tasks: Iterable[BoardTask] | None = None) -> float:
        """Share of real rows among those trained on, mean over t ≥ 1, seeds and tasks; NaN before any has run."""
        names = [task.name for task in (self.scope(entry) if tasks is None else tasks)]
        shares = [
            generation.real_share
            for name in names
            for result in entry.results(name)
            for generation in result.generations[1:]
        ]
        return float(np.mean(shares)) if shares else math.nan

    def across_machines(self, entry: Entry) -> bool:
        """Whether a cell ran on another machine than a reference of the same (task, seed)."""
        for key, result in entry.cells.items():
            paired = [reference.cells[key] for reference in self.references if key in reference.cells]
            if any(_machine(other) != _machine(result) for other in paired):
                return True
        return False

    def sheets_of(self, task: BoardTask, entries: Iterable[Entry]) -> list[tuple[Entry, Path]]:
        """The sheets of the references, then of `entries`, as far as there are any."""
        both = (*self.references, *entries)
        return [(entry, path) for entry in both if (path := self.sheets.get((task.name, entry.label)))]

    def command(self, entry: Entry) -> str:
        """The command line that runs what an entry lacks: cells that are missing or failed."""
        states: tuple[State, ...] = ("missing", "failed")
        tasks = {name for state in states for name in self.cells_in(entry, state)}
        in_order = [task.name for task in self.tasks if task.name in tasks]
        return completing_command(entry.name, entry.label, entry.params, in_order, self.protocol.name)

    def missing_references(self) -> dict[str, list[str]]:
        """Tasks on which `replace` or `frozen` has no cell at all, by reference; its command brings them in."""
        names = {entry.name: entry for entry in self.references}
        tasks = [task.name for task in self.tasks]
        absent = {
            reference: [task for task in tasks if reference not in names or not names[reference].results(task)]
            for reference in ("replace", "frozen")
        }
        return {reference: without for reference, without in absent.items() if without}


def _seconds(result: CellResult) -> float:
    return sum(seconds for generation in result.generations for seconds in generation.seconds.values())


def _machine(result: CellResult) -> str:
    return str(result.cell.environment.get("machine", ""))
