"""Scope: which cells an entry needs, how they stand, and what completes them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from ..core.commands import run_command

if TYPE_CHECKING:
    from .cells import Cells, Entry, Group, Setting, State

Standing = Literal["whole", "part", "waits", "absent"]
"""Of an entry in a group: it has every counting setting; it has all that it can have and a setting lacks something, or
a cell diverged or was skipped; a run could complete it; it has no cell."""


@dataclass(frozen=True)
class Scope:
    """What the entries of a board have to have, and have."""

    cells: Cells

    def lacks(self, entry: Entry, setting: Setting) -> str:
        """What keeps an entry's method out of a setting, in words; "" if nothing does."""
        results = entry.results(setting)
        return next((r.cell.reason or "unsupported" for r in results if r.cell.status == "unsupported"), "")

    def needed(self, entry: Entry, group: Group) -> tuple[Setting, ...]:
        """The settings that an entry must have: the counting ones, or all while none counts, that lack nothing."""
        return tuple(setting for setting in group.counting or group.settings if not self.lacks(entry, setting))

    def covered(self, entry: Entry, group: Group) -> tuple[Setting, ...]:
        """The counting settings that an entry has with every seed of the protocol."""
        return tuple(s for s in group.counting if len(self.seeds(entry, "done", s)) == self.cells.protocol.seeds)

    def seeds(self, entry: Entry, state: State, setting: Setting) -> list[int]:
        """Seeds of an entry that stand in `state`."""
        return [seed for seed in range(self.cells.protocol.seeds) if _state(entry, setting, seed) == state]

    def standing(self, entry: Entry, group: Group) -> Standing:
        """How an entry stands in a group."""
        return self._standings[entry.label, group]

    @cached_property
    def _standings(self) -> Mapping[tuple[str, Group], Standing]:
        pairs = [(entry, group) for entry in self.cells.entries for group in self.cells.groups]
        return {(entry.label, group): self._standing(entry, group) for entry, group in pairs}

    def _standing(self, entry: Entry, group: Group) -> Standing:
        if all(result.cell.status == "unsupported" for s in group.settings for result in entry.results(s)):
            return "absent"
        needed = self.needed(entry, group)
        if any(self.seeds(entry, state, setting) for setting in needed for state in ("missing", "failed")):
            return "waits"
        return "whole" if self.covered(entry, group) == group.counting else "part"

    def diverged(self, entry: Entry, setting: Setting) -> str:
        """`diverged at t=3 (2 of 3 seeds)`, or ""."""
        seeds = self.seeds(entry, "diverged", setting)
        if not seeds:
            return ""
        first = min(len(entry.cells[setting.name, seed].generations) for seed in seeds)  # the one it did not finish
        of = self.cells.protocol.seeds
        return f"diverged at t={first} ({len(seeds)} of {of} {'seed' if of == 1 else 'seeds'})"

    def waiting(self, entry: Entry) -> tuple[Setting, ...]:
        """Settings in which a run could give an entry cells that it needs: they are missing or failed."""
        groups = (group for group in self.cells.groups if self.standing(entry, group) == "waits")
        return tuple(
            setting
            for group in groups
            for setting in self.needed(entry, group)
            if self.seeds(entry, "missing", setting) or self.seeds(entry, "failed", setting)
        )

    def command(self, entry: Entry) -> str:
        """The command line that runs what an entry lacks."""
        tasks = {setting.task.name for setting in self.waiting(entry)}
        in_order = [task for task in self.cells.protocol.tasks if task in tasks]
        return run_command(entry.label, in_order, self.cells.protocol.name)

    def missing_references(self) -> dict[str, list[str]]:
        """Settings whose floor, ceiling or `frozen` has no cell at all, by reference."""
        absent: dict[str, list[str]] = {}
        for setting in self.cells.settings:
            for label in dict.fromkeys(("frozen", setting.world.floor, setting.world.ceiling)):
                reference = self.cells.reference(label)
                if reference is None or not reference.results(setting):
                    absent.setdefault(label, []).append(setting.name)
        return absent

    def tasks(self, settings: Iterable[str]) -> list[str]:
        """The tasks of settings that are given by name, each once."""
        return list(dict.fromkeys(name.partition("/")[0] for name in settings))


def _state(entry: Entry, setting: Setting, seed: int) -> State:
    result = entry.cells.get((setting.name, seed))
    return "missing" if result is None or result.cell.status == "running" else result.cell.status
