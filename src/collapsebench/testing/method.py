"""The contract of a method, check by check."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import torch

from ..core.learner import Decoding
from ..core.method import Method
from ..core.records import CellResult
from ..core.task import MODALITIES
from ..loop.cell import Cell
from .audits import check_preferences, own_rows
from .checks import Checklist, CheckResult, NotApplicable
from .random_state import global_random_state
from .source import declaration_problems, hidden_reads, pickling, submodule_imports
from .tiny import GENERATIONS, difference, run_interrupted, run_whole, tiny_cells
from .toy import Toy
from .watch import Observation


class MethodTrial:
    """A method under test, with what `method_results` is given; what several checks look at is run once."""

    def __init__(
        self, cls: type[Method], tasks: Sequence[str] | None = None, params: Mapping[str, Any] | None = None
    ) -> None:
        self.cls, self.tasks, self._params = cls, tasks, params or {}

    @cached_property
    def method(self) -> Method:
        """An instance with these hyper-parameters."""
        return self.cls.make(self._params)

    @cached_property
    def observed(self) -> list[tuple[Cell, Observation]]:
        """A tiny cell on each supported task in each world that the method is made for, and what it did there."""
        supported = [cell for cell in tiny_cells(self.method, self.tasks) if cell.skip_reason() is None]
        return [(cell, Observation(cell)) for cell in supported]

    @property
    def audited(self) -> list[Cell]:
        """A cell on the first supported task of each kind of examples."""
        cells = [cell for cell, _ in self.observed if not isinstance(cell.task, Toy)]
        return list({cell.task.card.modality: cell for cell in reversed(cells)}.values())

    @cached_property
    def results(self) -> list[CellResult]:
        """Each cell, run as it would be run for a board."""
        return [run_whole(cell) for cell, _ in self.observed]

    @cached_property
    def asked(self) -> set[str]:
        """Accesses that it used in some cell."""
        return {access for _, observation in self.observed for access in observation.asked}

    def problems(self, check: str) -> Iterator[str]:
        """What was observed that belongs to a check."""
        return (problem for _, observation in self.observed for problem in observation.problems[check])


METHOD_CHECKS: Checklist[MethodTrial] = Checklist()


def method_results(
    cls: type[Method], tasks: Sequence[str] | None = None, params: Mapping[str, Any] | None = None
) -> list[CheckResult]:
    """Every check of a method, on these tasks or the core ones, at tiny sizes; `params` are not its defaults."""
    return METHOD_CHECKS.run(MethodTrial(cls, tasks, params))


@METHOD_CHECKS.add()
def declaration(trial: MethodTrial) -> Iterator[str]:
    """It has a docstring and a card, and every hyper-parameter has a plain default."""
    yield from declaration_problems(trial.cls)


@METHOD_CHECKS.add()
def no_pickle(trial: MethodTrial) -> Iterator[str]:
    """Its file neither imports pickle nor calls what pickles."""
    yield from pickling(trial.cls)


@METHOD_CHECKS.add(warns=True)
def public_imports(trial: MethodTrial) -> Iterator[str]:
    """It imports `collapsebench` and none of its submodules, which may change."""
    yield from submodule_imports(trial.cls)


@METHOD_CHECKS.add()
def public_attributes(trial: MethodTrial) -> Iterator[str]:
    """It reads no attribute that begins with an underscore of what it is handed, and pries into nothing."""
    yield from hidden_reads(trial.cls)


@METHOD_CHECKS.add("declaration")
def decoding(trial: MethodTrial) -> Iterator[str]:
    """`decoding(t)` is a Decoding whose features the method's `needs` name."""
    for t in range(1, GENERATIONS + 1):
        wanted = trial.method.decoding(t)
        if not isinstance(wanted, Decoding):
            yield f"decoding({t}) is a {type(wanted).__name__}."
        elif lacking := wanted.features - trial.method.needs():
            yield f"Add {', '.join(sorted(lacking))} to `needs`."


@METHOD_CHECKS.add("declaration")
def loss_weights(trial: MethodTrial) -> Iterator[str]:
    """`site_weights` gives finite, non-negative weights of the shape of its argument, and `needs` declares it."""
    if not trial.method.weights_sites:
        raise NotApplicable("it leaves the loss alone")
    if "site_weights" not in trial.method.needs():
        yield "Add site_weights to `needs`."
    log_probs = torch.tensor([[-1e-4, -0.1, -1.0], [-3.0, -10.0, -40.0]])
    state = global_random_state()
    weights = trial.method.site_weights(log_probs.clone())
    if weights is not None and weights.shape != log_probs.shape:
        yield f"Weights of shape {tuple(weights.shape)} for log-probabilities of shape {tuple(log_probs.shape)}."
    if weights is not None and not (bool(torch.isfinite(weights).all()) and bool((weights >= 0).all())):
        yield "Some weights are NaN, infinite or negative."
    if global_random_state() != state:
        yield "It draws from global random state."


@METHOD_CHECKS.add("declaration")
def declared_access(trial: MethodTrial) -> Iterator[str]:
    """It uses nothing of the context that its card does not declare; a run would raise AccessDenied."""
    if undeclared := trial.asked - trial.method.access():
        yield f"Add to the card: access={{{', '.join(map(repr, sorted(undeclared)))}}}."


@METHOD_CHECKS.add("declaration", "declared_access")
def runs(trial: MethodTrial) -> Iterator[str]:
    """It curates every generation of each core task that it supports in each world that it is made for."""
    if not trial.observed:
        reasons = {f"{cell.task.name}: {cell.skip_reason()}": None for cell in tiny_cells(trial.method, trial.tasks)}
        yield f"It supports none of them: {'; '.join(reasons)}."
    yield from trial.problems("runs")


@METHOD_CHECKS.add("declaration", "declared_access", "runs", warns=True)
def used_access(trial: MethodTrial) -> Iterator[str]:
    """It uses every access that it declares; an unused one puts it in a stronger track for nothing."""
    if unused := trial.method.access() - trial.asked:
        yield f"Never used on the tiny tasks: {', '.join(sorted(unused))}."


@METHOD_CHECKS.add("declaration", "decoding", "declared_access", "runs")
def used_needs(trial: MethodTrial) -> Iterator[str]:
    """It uses all that it declares and some tasks lack; else it would keep those tasks out of its score for nothing."""
    method = trial.method
    used = trial.asked.union(*(observation.touched for _, observation in trial.observed))
    used.update(*(method.decoding(t).features for t in range(1, GENERATIONS + 1)))
    used |= {"site_weights"} if method.weights_sites else set()
    narrowing = method.needs() | (method.access() & {"verifier", "reward", "prior"})
    if unused := narrowing - used - set(MODALITIES):  # on which kind of examples it relies cannot be seen
        yield f"Never used on the tiny tasks: {', '.join(sorted(unused))}."


@METHOD_CHECKS.add("declaration")
def valid_corpora(trial: MethodTrial) -> Iterator[str]:
    """It returns corpora with rows, of the task's columns, types and shapes, with finite values and weights."""
    yield from trial.problems("valid_corpora")


@METHOD_CHECKS.add("declaration")
def inputs_unchanged(trial: MethodTrial) -> Iterator[str]:
    """It leaves what arrived and the pool, D_0 included, as they were."""
    yield from trial.problems("inputs_unchanged")


@METHOD_CHECKS.add("declaration")
def global_random_state_untouched(trial: MethodTrial) -> Iterator[str]:
    """It draws from `ctx.rng` and leaves the global state of torch, numpy and Python's random alone."""
    yield from trial.problems("global_random_state_untouched")


_SOUND = ("declaration", "decoding", "declared_access", "runs", "valid_corpora", "inputs_unchanged")


@METHOD_CHECKS.add(*_SOUND, "global_random_state_untouched")
def deterministic(trial: MethodTrial) -> Iterator[str]:
    """The same cell run twice, in memory and through a store, gives the same records, timings aside."""
    for (cell, observation), result in zip(trial.observed, trial.results, strict=True):
        if result.cell.status == "failed":
            yield f"The run failed: {result.cell.reason}"
        elif differs := difference(result, CellResult(result.cell, tuple(observation.records))):
            yield f"On {cell.task.name}/{cell.world_name}: {differs}."


@METHOD_CHECKS.add(*_SOUND, "global_random_state_untouched", "deterministic")
def resumable(trial: MethodTrial) -> Iterator[str]:
    """Four generations give the same records as two, an interruption, and two more."""
    for (cell, _), result in zip(trial.observed, trial.results, strict=True):
        if differs := difference(result, run_interrupted(cell)):
            yield f"On {cell.task.name}/{cell.world_name}: {differs}."


@METHOD_CHECKS.add(*_SOUND, "global_random_state_untouched", "deterministic")
def knows_no_more(trial: MethodTrial) -> Iterator[str]:
    """A blind method has no preference for D_0 or for real rows where nothing that it may know tells them."""
    if trial.method.track != "blind":
        raise NotApplicable("it is not blind: by its access it may know which rows are real")
    yield from check_preferences(trial.method, trial.audited)


@METHOD_CHECKS.add(*_SOUND, "global_random_state_untouched", "deterministic")
def makes_no_rows(trial: MethodTrial) -> Iterator[str]:
    """It returns what it was handed and what models drew or edited, where half of all rows occur nowhere."""
    yield from own_rows(trial.method, trial.audited)
