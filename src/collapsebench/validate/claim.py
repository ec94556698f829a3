"""What a claim is: a law, real cells of the loop, a number taken from them, and how the two are held together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from ..laws import LAWS, Array, Law
from ..loop.protocol import single_task

if TYPE_CHECKING:
    from ..core.method import Method
    from ..core.records import GenerationRecord
    from ..core.task import Task
    from ..loop.cell import Cell
    from ..loop.lineage import Lineage


@dataclass(frozen=True)
class Seen:
    """What a probe sees of a cell at a generation: its lineage, its records and its models M_0, M_1, ... so far."""

    lineage: Lineage
    records: list[GenerationRecord]
    models: list[Any]

    @property
    def task(self) -> Any:
        """The task of the cell, whose parts depend on its class."""
        return self.lineage.cell.task

    @property
    def model(self) -> Any:
        """The newest model, whose parts depend on its class."""
        return self.models[-1]


Probe: TypeAlias = Callable[[Seen], float]
"""Takes one number from a cell; must be picklable, to travel to a worker."""

Gate = Literal["exact", "asymptotic", "at_most", "at_least", "rising", "falling", "slope"]
"""How a measurement is held against the theory.

`exact`: |z| < 4 at every judged point. `asymptotic`: relative error within the tolerance at every judged
point. `at_most`, `at_least`: an inequality, violated by less than 4 standard errors. `rising`, `falling`: each
judged point differs from the one before by more than 4 standard errors, in that direction. `slope`: the
exponent in log-log over the judged points, relative error within the tolerance.
"""

TRENDS: dict[str, Law] = {}
"""What is held without a closed form, by name: a direction, stated by its function's docstring."""


def known() -> dict[str, Law]:
    """Every law and trend by name."""
    return {**LAWS, **TRENDS}


@dataclass(frozen=True)
class Setting:
    """The cells of one claim: a protocol with one task in one world, and a method. One cell per seed.

    Args:
        task: name of a task, or the class of one that is no plug-in.
        n: real examples in D_0.
        generations: G.
        method: name of a method, or the class of one that is no plug-in.
        world: what arrives, as a protocol file writes it; its `kind` is `preserve` unless it says another.
        limits: the protocol's limits, where the method needs more than the usual.
    """

    task: str | type[Task]
    n: int
    generations: int
    method: str | type[Method] = "replace"
    task_params: Mapping[str, Any] = field(default_factory=dict)
    method_params: Mapping[str, Any] = field(default_factory=dict)
    world: Mapping[str, Any] = field(default_factory=dict)
    limits: Mapping[str, float] = field(default_factory=dict)

    def cell(self, seed: int = 0) -> Cell:
        """One of the cells, as `run` makes it."""
        from ..loop.cell import Cell
        from ..loop.plugins import make_method, make_task

        params = dict(self.task_params)
        task = make_task(self.task, params) if isinstance(self.task, str) else self.task.make(params)
        method = (
            make_method(self.method, self.method_params)
            if isinstance(self.method, str)
            else self.method.make(self.method_params)
        )
        world = {"kind": "preserve", **self.world}
        rules = {"n": self.n, "params": params, "worlds": {"held": world}, "limits": dict(self.limits) or None}
        return Cell(single_task(task.name, self.generations, name="validate", **rules), task, method, seed, "held")


@dataclass(frozen=True)
class Claim:
    """One row of the table.

    With one setting the curve runs over its generations; with several it has one point per setting, at
    that setting's last generation.

    Args:
        law: name in `LAWS` or `TRENDS`.
        what: the number that `probe` takes, in words.
        theory: the law at every point, float `[points]`; NaN where there is none.
        seeds: cells per setting in a full run.
        fast: cells per setting in a fast run; 0 leaves the claim out of it.
        judged: indices of the points that are held; all if None.
        relative: the numbers are divided by their mean over seeds at the first point.
        tolerance: of a relative error, where it is not the law's own.
        axis: what the points are.
        x: where the points stand on the axis; 0, 1, 2, ... if None.
    """

    law: str
    what: str
    settings: tuple[Setting, ...]
    probe: Probe
    theory: Array
    seeds: int
    fast: int = 0
    gate: Gate = "exact"
    judged: tuple[int, ...] | None = None
    relative: bool = False
    tolerance: float | None = None
    axis: str = "generation"
    x: tuple[float, ...] | None = None

    @property
    def family(self) -> str:
        """The module of the law, which is also the name of the claim's figure."""
        return known()[self.law].formula.__module__.rpartition(".")[2]

    @property
    def largest_error(self) -> float:
        """Largest relative error that passes."""
        return self.tolerance or known()[self.law].tolerance or 0.02

    @property
    def setting(self) -> str:
        """The cells in words: all that its settings share. What differs between them is on the axis."""
        first = self.settings[0]
        sizes = [{"n": s.n, **s.task_params} for s in self.settings]
        method = _shared([setting.method_params for setting in self.settings])
        world = _shared([setting.world for setting in self.settings])
        task, name = (part if isinstance(part, str) else part.__name__ for part in (first.task, first.method))
        words = f"{task} {_shared(sizes)}; {name}{f'({method})' if method else ''}"
        return f"{words}; {world}" if world else words


@dataclass(frozen=True)
class Metric:
    """A probe: one metric of the records, divided by a constant (the unit of a law)."""

    name: str
    unit: float = 1.0

    def __call__(self, seen: Seen) -> float:
        """The metric of the newest generation."""
        return seen.records[-1].metrics[self.name] / self.unit


@dataclass(frozen=True)
class Logged:
    """A probe: one number that the method logged; NaN at t = 0, where no method has run."""

    name: str

    def __call__(self, seen: Seen) -> float:
        """What was logged in the newest generation."""
        return seen.records[-1].log.get(self.name, float("nan"))


def _shared(params: Sequence[Mapping[str, Any]]) -> str:
    first, *others = params
    same = {name: value for name, value in first.items() if all(other.get(name) == value for other in others)}
    return ", ".join(f"{name}={value:{'g' if isinstance(value, float) else ''}}" for name, value in same.items())
