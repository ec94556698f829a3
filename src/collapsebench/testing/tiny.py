"""Tiny cells: core tasks at sizes at which a whole lineage takes moments, in each world that a method is made for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from ..core.corpus import Corpus
from ..core.errors import PluginError, ProtocolError
from ..core.files import temporary_folder
from ..core.method import Method
from ..core.records import CellResult, GenerationRecord
from ..core.task import TASKS, Task
from ..loop.cell import Cell
from ..loop.lineage import Lineage
from ..loop.plan import check_world
from ..loop.protocol import single_task
from ..loop.runner import run_cell
from ..loop.store import Store
from ..loop.world import QUESTIONS
from .toy import Toy

GENERATIONS = 4
INTERRUPTED_AFTER = 2

_SIZES: Mapping[str, Mapping[str, Any]] = {
    "gaussian": {"n": 24, "params": {"d": 3}},
    "categorical": {"n": 60, "params": {"contexts": 3, "tokens": 8, "support": 6}},
    "kde": {"n": 24, "params": {"heldout": 16}},
    "regression": {"n": 24, "params": {"d": 3}},
    # Operands 0 and 1: four lines, so that a few steps teach enough for verifiers to keep something.
    "arithmetic": {"n": 48, "budget": {"steps": 60, "batch": 16}, "params": {"max_operand": 2, "heldout": 8}},
    "digits": {"n": 60, "budget": {"steps": 20, "batch": 16}, "params": {"latent": 2, "width": 16}},
    "mixture2d": {"n": 40, "params": {"heldout": 32, "width": 16}},
    "storyworld": {"n": 48, "budget": {"steps": 40, "batch": 8}, "params": {"heldout": 8, "samples": 16}},
}
_ANY_SIZE: Mapping[str, Any] = {"n": 32, "budget": {"steps": 8, "batch": 8}}
_KINDS = ("preserve", "purify", "purify-outside", "grow")
"""Worlds that methods are tried in; what a `mix` asks of them is what the first generation of `purify-outside` asks."""

CORE_TASKS = ("gaussian", "categorical", "kde", "regression", "arithmetic", "digits")
"""What methods are tried on. `storyworld` is not among them: so few steps teach no story that a verifier keeps."""


def tiny_task(cls: type[Task]) -> Task:
    """A task at a tiny size if it is a core task, else at its default size."""
    return cls(**_SIZES.get(cls.name, {}).get("params", {}))


def tiny_cell(method: Method, task: Task, kind: str = "preserve") -> Cell:
    """One cell of a few generations in a world of a kind, seed 0."""
    entry = {**_ANY_SIZE, **_SIZES.get(task.name, {}), "params": task.params()}
    n = entry["n"] = min(entry["n"], task.card.population or entry["n"])
    temperature = 0.8 if "temperature" in task.card.supports else 1.0
    outside = {"generator": {"temperature": temperature}}
    worlds = {kind: {"purify-outside": outside, "grow": {"m": 2 * n}}.get(kind, {})}
    return Cell(single_task(task.name, GENERATIONS, worlds=worlds, **entry), task, method, 0, kind)


def tiny_cells(method: Method, tasks: Sequence[str] | None) -> list[Cell]:
    """Cells on the toy, with stored stages and without extras, and on the named tasks, by default the core ones.

    They are in each kind of world that the method is made for and that the data allow. Of a core task that takes
    seconds it is the last kind alone, unless the method runs on none of the tasks before.
    """
    kinds = [kind for kind in _KINDS if QUESTIONS[kind].name in method.questions()]
    names = [name for name in CORE_TASKS if name in TASKS.names()] if tasks is None else tasks
    found: list[Cell] = []
    for task in (Toy(bare=True), Toy(stepped=True, noise=1.0), *(tiny_task(TASKS.get(name)) for name in names)):
        cells = [cell for kind in kinds if has_data(cell := tiny_cell(method, task, kind))]
        tried = "budget" in _SIZES.get(task.name, {}) and any(cell.skip_reason() is None for cell in found)
        found += cells[-1:] if tried else cells
    return found


def has_data(cell: Cell) -> bool:
    """Whether the task has as many real rows as arrive in the world."""
    try:
        check_world(cell.task, cell.rules.n, cell.world)
    except ProtocolError:
        return False
    return True


class TinyRun(NamedTuple):
    """What a cell gave.

    Args:
        corpora: D_0, D_1, ..., D_G: what each generation was trained on.
        history: D_0, A_1, ..., A_G: what arrived in each generation.
        records: metrics, costs, log and share of real rows of each generation.
    """

    corpora: tuple[Corpus, ...]
    history: tuple[Corpus, ...]
    records: tuple[GenerationRecord, ...]

    @property
    def log(self) -> Mapping[str, float]:
        """What the method logged in the last generation."""
        return self.records[-1].log


def tiny_run(
    method: Method, task: Task | None = None, generations: int = 2, seed: int = 0, world: str = "preserve", **rules: Any
) -> TinyRun:
    """Run one cell in memory, for the assertions of a plug-in's own tests; on the toy task if `task` is None.

    `rules` are what a protocol file writes below a task's name: `n` (8 by default), `worlds`, `budget`, `limits`.
    Without `worlds`, `world` is a kind of world at its defaults.

    Raises:
        PluginError: the method does not support the task, or breaks its contract.
        Diverged: a loss or a fitted state is not finite.
        Exception: whatever else a plug-in raises.
    """
    task = Toy() if task is None else task
    entry = {**_ANY_SIZE, "n": 8, "worlds": {world: {}}, **rules}
    cell = Cell(single_task(task.name, generations, **entry), task, method, seed, world)
    if reason := cell.skip_reason():
        raise PluginError(f"Method '{method.name}' cannot run on task '{task.name}': {reason}.")
    method.check(cell.rules.n)
    lineage = Lineage(cell, store=None)
    corpora, records = zip(*((lineage.corpus.value, record) for record in lineage.generations()), strict=True)
    return TinyRun(corpora, tuple(corpus.value for corpus in lineage.history), records)


def run_whole(cell: Cell) -> CellResult:
    """The cell in a store of its own."""
    with temporary_folder("check") as folder:
        return run_cell(cell, Store(Path(folder)))


def run_interrupted(cell: Cell) -> CellResult:
    """The cell in a store of its own, left after two generations and taken up again from what is on disk."""
    with temporary_folder("check") as folder:
        store = Store(Path(folder))
        list(islice(Lineage(cell, store).generations(), INTERRUPTED_AFTER + 1))
        return run_cell(cell, store)


def difference(a: CellResult, b: CellResult) -> str | None:
    """Where two results of one cell differ first, timings aside; None if nowhere."""
    if a.same_result(b):
        return None
    if a.cell.status != b.cell.status:
        return f"{a.cell.status} and {b.cell.status} ({b.cell.reason or a.cell.reason})"
    for one, two in zip(a.generations, b.generations, strict=False):
        for part in ("metrics", "costs", "rows", "real_share", "log"):
            if getattr(one, part) != getattr(two, part):
                return f"{part} at generation {one.t}: {getattr(one, part)} and {getattr(two, part)}"
    return "different numbers of generations"
