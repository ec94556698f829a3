"""Scope: which cells an entry needs, how they stand, and what completes them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from ..core.commands import run_command

if TYPE_CHECKING:
    from .cells import BoardTask, Cells, Entry, State

_WORST_FIRST: tuple[State, ...] = ("missing", "failed", "diverged", "skipped")


@dataclass(frozen=True)
class Scope:
    """What the entries of a board have to have, and have."""

    cells: Cells

    def lacks(self, entry: Entry, task: BoardTask) -> str:
        """What an entry's method needs and the task does not have, in words; "" if the task is in its scope."""
        results = entry.results(task.name)
        return next((r.cell.reason or "unsupported" for r in results if r.cell.status == "unsupported"), "")

    def of(self, entry: Entry) -> tuple[BoardTask, ...]:
        """Tasks that an entry is scored on: the counting ones that lack nothing; while none counts, all that do."""
        return tuple(task for task in self.cells.counting or self.cells.tasks if not self.lacks(entry, task))

    def needed(self, entry: Entry) -> tuple[BoardTask, ...]:
        """Tasks that an entry must have: its scope; all, for references."""
        return self.cells.tasks if entry.reference else self.of(entry)

    def seeds(self, entry: Entry, state: State, tasks: Iterable[BoardTask] | None = None) -> dict[str, list[int]]:
        """Seeds of an entry that stand in `state`, by task; by default over the tasks it needs."""
        found: dict[str, list[int]] = {}
        for task in self.needed(entry) if tasks is None else tasks:
            seeds = [s for s in range(self.cells.protocol.seeds) if _cell_state(entry, task, s) == state]
            if seeds:
                found[task.name] = seeds
        return found

    def state(self, entry: Entry) -> State:
        """`done` when every (task, seed) that the entry needs is done, else the first of the other states."""
        return self._states[entry.label]

    @cached_property
    def _states(self) -> Mapping[str, State]:
        return {
            entry.label: next((state for state in _WORST_FIRST if self.seeds(entry, state)), "done")
            for entry in self.cells.entries
        }

    def diverged(self, entry: Entry, task: BoardTask) -> str:
        """`diverged at t=3 (2 of 3 seeds)`, or ""."""
        seeds = self.seeds(entry, "diverged", [task]).get(task.name)
        if not seeds:
            return ""
        first = min(len(entry.cells[task.name, seed].generations) for seed in seeds)  # the one it did not finish
        of = self.cells.protocol.seeds
        return f"diverged at t={first} ({len(seeds)} of {of} {'seed' if of == 1 else 'seeds'})"

    def waits(self, entry: Entry) -> bool:
        """Whether a run could complete the entry: cells are missing or failed."""
        return self.state(entry) in {"missing", "failed"}

    def command(self, entry: Entry) -> str:
        """The command line that runs what an entry lacks: cells that are missing or failed."""
        tasks = {*self.seeds(entry, "missing"), *self.seeds(entry, "failed")}
        in_order = [task.name for task in self.cells.tasks if task.name in tasks]
        return run_command(entry.label, in_order, self.cells.protocol.name)

    def missing_references(self) -> dict[str, list[str]]:
        """Tasks on which `replace` or `frozen` has no cell at all, by reference; its command brings them in."""
        ran = {(entry.method.name, task) for entry in self.cells.references for task, _ in entry.cells}
        absent = {
            reference: [task.name for task in self.cells.tasks if (reference, task.name) not in ran]
            for reference in ("replace", "frozen")
        }
        return {reference: tasks for reference, tasks in absent.items() if tasks}


def _cell_state(entry: Entry, task: BoardTask, seed: int) -> State:
    result = entry.cells.get((task.name, seed))
    return "missing" if result is None or result.cell.status == "running" else result.cell.status
