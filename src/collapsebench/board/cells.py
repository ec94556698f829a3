"""The cells of a board by entry, setting and seed, and what can be read off them before anything is scored."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from ..core.records import CellResult, MethodRecord, ProtocolRecord, TaskRecord, WorldRecord
from .stats import Interval, student_t_interval
from .worth import LearningCurve

State = Literal["done", "missing", "failed", "diverged", "skipped", "unsupported"]
"""How a cell stands."""

Key = tuple[str, str, int]
"""Method label, setting and seed."""

AGAINST: Mapping[str, str] = {"preserve": "frozen", "purify": "take_all", "grow": "frozen"}
"""Question -> the reference that its entries are compared with."""


@dataclass(frozen=True)
class Entry:
    """A method with its parameters, and its cells by setting and seed."""

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

    @cached_property
    def since(self) -> tuple[str, str]:
        """Day (UTC) of its earliest record, and its label: entries in the order in which they came.

        A cell out of the method's scope never ran and has no day.
        """
        days = (str(result.cell.environment.get("date", "")) for result in self.cells.values())
        return min(filter(None, days), default="9999"), self.label

    def results(self, setting: Setting) -> list[CellResult]:
        """Cells in a setting, in order of seed."""
        return self._results.get(setting.name, [])

    @cached_property
    def _results(self) -> Mapping[str, list[CellResult]]:
        found: dict[str, list[CellResult]] = {}
        for (name, _), result in self.cells.items():
            found.setdefault(name, []).append(result)
        return found

    def done(self, setting: Setting) -> list[CellResult]:
        """Those of them that are done."""
        return [result for result in self.results(setting) if result.cell.status == "done"]


@dataclass(frozen=True, eq=False)
class Setting:
    """A task in one of its worlds, and the learning curve that worth is read off there.

    Args:
        task: what every record of it says of the task.
        world: and of the world.
        curve: as far as it is known; of the seeds `seeds`.
        seeds: those with a curve and with `frozen`.
    """

    task: TaskRecord
    world: WorldRecord
    curve: LearningCurve | None = None
    seeds: tuple[int, ...] = ()

    @property
    def name(self) -> str:
        """Task and world, as in `gaussian/purify`."""
        return f"{self.task.name}/{self.world.name}"

    @property
    def heading(self) -> str:
        """The name, with the corpus that the task reads: `babistories/preserve (TinyStories)`."""
        return f"{self.name} ({self.task.corpus})" if self.task.corpus else self.name

    @property
    def verdict(self) -> str:
        """Whether the setting counts, in words."""
        if self.curve is None:
            return "no learning curve"
        if self.curve.doubling.pairs == 1 and self.curve.doubling.mean > 0:
            return "counts, untested: one seed"
        return "counts" if self.curve.counts else "no resolution"

    @property
    def counts(self) -> bool:
        """Whether the setting enters a score."""
        return self.verdict.startswith("counts")

    def curve_of(self, seeds: Sequence[int]) -> LearningCurve:
        """The curve of some of its seeds."""
        assert self.curve is not None, self.name
        return self.curve if seeds == list(self.seeds) else self.curve.rows([self.seeds.index(s) for s in seeds])


@dataclass(frozen=True, eq=False)
class Group:
    """The settings of one question in one suite: what a score is a mean over."""

    question: str
    suite: str
    settings: tuple[Setting, ...]

    @property
    def name(self) -> str:
        """Of its page: `preserve-theory`."""
        return f"{self.question}-{self.suite}"

    @cached_property
    def counting(self) -> tuple[Setting, ...]:
        """Settings that enter the score."""
        return tuple(setting for setting in self.settings if setting.counts)


@dataclass(frozen=True)
class Cells:
    """What the records of one protocol hold.

    Args:
        protocol: the `protocol` part of every record.
        settings: by question, then in the order in which the protocol names the tasks; learning curves are none.
        entries: references included, in order of label.
        losses: the scored loss (primary metric averaged over the last generations) of every cell that is done.
    """

    protocol: ProtocolRecord
    settings: tuple[Setting, ...]
    entries: tuple[Entry, ...]
    losses: Mapping[Key, float]

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        """Settings by question and suite, in their order."""
        keys = dict.fromkeys((setting.world.question, setting.task.suite) for setting in self.settings)
        return tuple(
            Group(*key, tuple(s for s in self.settings if (s.world.question, s.task.suite) == key)) for key in keys
        )

    @cached_property
    def questions(self) -> tuple[str, ...]:
        """The questions that the board answers."""
        return tuple(dict.fromkeys(group.question for group in self.groups))

    def of(self, question: str) -> tuple[Setting, ...]:
        """The settings of a question."""
        return tuple(setting for setting in self.settings if setting.world.question == question)

    @cached_property
    def not_run(self) -> tuple[str, ...]:
        """Tasks of the protocol of which no record stands."""
        ran = {setting.task.name for setting in self.settings}
        return tuple(task for task in self.protocol.tasks if task not in ran)

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

    def losses_of(self, entry: Entry | None, setting: Setting) -> Mapping[int, float]:
        """The scored losses of an entry in a setting by seed."""
        return self.losses_by_setting.get(entry.label, {}).get(setting.name, {}) if entry else {}

    @cached_property
    def losses_by_setting(self) -> Mapping[str, Mapping[str, Mapping[int, float]]]:
        """Label -> setting -> seed -> scored loss."""
        found: dict[str, dict[str, dict[int, float]]] = {}
        for (label, name, seed), loss in self.losses.items():
            found.setdefault(label, {}).setdefault(name, {})[seed] = loss
        return found

    def metric(self, entry: Entry, setting: Setting, metric: str) -> Interval:
        """A metric at the last generation over the seeds that are done."""
        return student_t_interval([r.generations[-1].metrics.get(metric, math.nan) for r in entry.done(setting)])

    def logged(self, entry: Entry, setting: Setting, name: str, less: str = "") -> Interval:
        """What an entry's method logged in the last generation, less another such number, over the seeds that are done.

        NaN where it did not log that.
        """
        logs = [result.generations[-1].log for result in entry.done(setting)]
        taken = [log.get(less, math.nan) if less else 0.0 for log in logs]
        return student_t_interval([log.get(name, math.nan) - off for log, off in zip(logs, taken, strict=True)])

    def start(self, setting: Setting, metric: str) -> Interval:
        """A metric at generation 0, which all entries share, over seeds."""
        by_seed = {
            result.cell.seed: result.generations[0].metrics.get(metric, math.nan)
            for entry in sorted(self.entries, key=lambda entry: entry.reference)  # references last: theirs stands
            for result in entry.results(setting)
            if result.generations
        }
        return student_t_interval([by_seed[seed] for seed in sorted(by_seed)])

    def parameters(self, task: str) -> int:
        """The trained numbers of a task's model; 0 where no cell of it has run."""
        everyone = sorted(self.entries, key=lambda entry: not entry.reference)
        counts = (r.cell.parameters for entry in everyone for r in entry.cells.values() if r.cell.task.name == task)
        return next(filter(None, counts), 0)

    def measures(self, settings: Iterable[Setting], metric: str) -> bool:
        """Whether any cell of these settings has a metric."""
        generations = (r.generations[-1] for s in settings for e in self.entries for r in e.results(s) if r.generations)
        return any(metric in generation.metrics for generation in generations)

    def lm_eval(self, setting: Setting) -> tuple[str, ...]:
        """Names of the metrics that lm-eval added to a setting's cells, `<lm-eval task>/<metric>`."""
        last = (result.generations[-1] for e in self.entries for result in e.results(setting) if result.generations)
        return tuple(sorted({name for generation in last for name in generation.metrics if "/" in name}))

    def lm_eval_limits(self, setting: Setting) -> tuple[int, ...]:
        """Numbers of items that lm-eval's tasks were cut down to; empty where all items were asked."""
        asked = (result.cell.task.lm_eval for e in self.entries for result in e.results(setting))
        return tuple(sorted({part.limit for part in asked if part is not None and part.limit is not None}))

    def across_machines(self, entry: Entry) -> bool:
        """Whether a cell ran on another machine, or with other versions, than a reference of its (setting, seed)."""
        return entry.label in self._across_machines

    @cached_property
    def machines_of_references(self) -> Mapping[str, tuple[str, ...]]:
        """Where references ran -> their labels."""
        ran = {(_machine(r), entry.label) for entry in self.references for r in entry.cells.values() if r.generations}
        return {machine: tuple(sorted(one for at, one in ran if at == machine)) for machine, _ in sorted(ran)}

    @cached_property
    def _across_machines(self) -> frozenset[str]:
        usual: dict[tuple[str, int], set[str]] = {}
        for reference in self.references:
            for key, result in reference.cells.items():
                if result.generations:
                    usual.setdefault(key, set()).add(_machine(result))
        return frozenset(
            entry.label
            for entry in self.entries
            for key, result in entry.cells.items()
            if result.generations and usual.get(key, set()) - {_machine(result)}
        )


def _machine(result: CellResult) -> str:
    """What rounds: `AMD EPYC, torch 2.13.0, numpy 2.4.6`."""
    told = result.cell.environment
    versions = (f"{name} {told[name]}" for name in ("torch", "numpy") if name in told)
    return ", ".join([str(told.get("machine", "")), *versions])
