"""From record files to a board; refuses to mix what cannot be compared."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..core.errors import RecordError, StoreError
from ..core.method import QUESTIONS
from ..core.records import CellRecord, CellResult, GenerationRecord, ProtocolRecord, TaskRecord, WorldRecord
from ..core.task import SUITES
from ..results.reader import REFERENCES, LocatedResult, differing_keys, read_located
from .cells import Entry, Key, Setting
from .model import Board
from .worth import LearningCurve

STEPPED = 0.05
"""By how much the scored metric of one M_0 may differ between machines, relatively, where it is trained in steps."""


class Aside(NamedTuple):
    """A file of a board that is not shown, and why."""

    path: Path
    error: RecordError


def load_board(folder: Path) -> Board:
    """The board of `<folder>/records/*.jsonl`, of which each is sound.

    Raises:
        StoreError: no records.
        RecordError: the first reason why a file would be put aside.
    """
    board, aside = read_board(folder)
    for file in aside:
        raise file.error
    return board


def read_board(folder: Path) -> tuple[Board, tuple[Aside, ...]]:
    """The board of the sound files of `<folder>/records/*.jsonl`, whatever order they are read in, and the others.

    A file is put aside whole: for a line that is no record, and where it was not made under the protocol, task, world
    and seeds of the files before it; those of references come first, then by name.

    Raises:
        StoreError: no records.
        RecordError: no file is sound.
    """
    paths = sorted((folder / "records").glob("*.jsonl"), key=lambda path: (path.stem not in REFERENCES, path.stem))
    if not paths:
        raise StoreError(f"No records in {folder / 'records'}.", "`collapsebench run` writes them.")
    results: list[CellResult] = []
    aside: list[Aside] = []
    shared = _Shared()
    for path in paths:
        try:
            results += shared.agreeing(path, read_located(path))
        except RecordError as error:
            aside.append(Aside(path, error))
    if not results:
        raise aside[0].error
    return _board(sorted(results, key=lambda result: (result.cell.task.name, *result.place))), tuple(aside)


def _board(found: Sequence[CellResult]) -> Board:
    curves = [result for result in found if result.cell.world.question == "curve"]
    results = [result for result in found if result.cell.world.question != "curve"]
    losses = {key(result): scored_loss(result) for result in results if result.cell.status == "done"}
    methods = {result.cell.method.label: result.cell.method for result in results}
    cells: dict[str, dict[tuple[str, int], CellResult]] = {label: {} for label in sorted(methods)}
    for result in results:
        label, setting, seed = key(result)
        cells[label][setting, seed] = result
    return Board(
        found[0].cell.protocol,
        _settings(results, curves, losses),
        tuple(Entry(methods[label], own) for label, own in cells.items()),
        losses,
    )


def key(result: CellResult) -> Key:
    """Where a board looks for a cell."""
    label, task, world, seed = result.place
    return label, f"{task}/{world}", seed


def scored_loss(result: CellResult) -> float:
    """L: the primary metric of a done cell, averaged over the last generations that the protocol names."""
    last = result.generations[1:][-result.cell.protocol.average_last :]
    return float(np.mean([generation.metrics[result.cell.task.primary] for generation in last]))


def _settings(
    results: Sequence[CellResult], curves: Sequence[CellResult], losses: Mapping[Key, float]
) -> tuple[Setting, ...]:
    """The settings of the records, each with its learning curve, by question, suite, task and world."""
    cells = {key(result)[1]: result.cell for result in results}
    settings = []
    for name, cell in cells.items():
        frozen = {seed: loss for (label, where, seed), loss in losses.items() if (label, where) == ("frozen", name)}
        measured = {
            result.cell.seed: result
            for result in curves
            if result.cell.task.name == cell.task.name and result.cell.status == "done"
        }
        curve, seeds = _curve(measured, frozen)
        settings.append(Setting(cell.task, cell.world, curve, seeds))

    def order(setting: Setting) -> tuple[int, int, int, str]:
        task, question = setting.task, setting.world.question
        tasks = results[0].cell.protocol.tasks
        return _place(QUESTIONS, question), _place(SUITES, task.suite), _place(tasks, task.name), setting.world.name

    return tuple(sorted(settings, key=order))


def _place(known: Sequence[str], name: str) -> int:
    return known.index(name) if name in known else len(known)


def _curve(
    measured: Mapping[int, CellResult], frozen: Mapping[int, float]
) -> tuple[LearningCurve | None, tuple[int, ...]]:
    """The learning curve of a setting with the seeds that it is of, through what `frozen` scored there.

    Where a closed form gives the expected losses, it gives the curve's shape and no seed has to be measured.
    """
    if not measured or not frozen:
        return None, ()
    sample = next(iter(measured.values()))
    sizes = tuple(generation.rows / sample.cell.task.n for generation in sample.generations)
    order = np.argsort(sizes, kind="stable")
    multiples = tuple(sizes[place] for place in order)
    primary = sample.cell.task.primary
    if closed_form := sample.cell.theory.get(primary):
        shape = np.array(closed_form)[order]
        return LearningCurve.of_shape(multiples, shape, list(frozen.values())), tuple(frozen)
    seeds = tuple(seed for seed in frozen if seed in measured)
    if not seeds:
        return None, ()
    losses = np.array([[g.metrics[primary] for g in measured[seed].generations] for seed in seeds])[:, order]
    losses[:, multiples.index(1.0)] = [frozen[seed] for seed in seeds]
    return LearningCurve(multiples, losses), seeds


class _Shared:
    """What the files so far say of what they share: the rules, and the model that every lineage begins with."""

    def __init__(self) -> None:
        self._parts: dict[tuple[str, str], tuple[ProtocolRecord | TaskRecord | WorldRecord, Path]] = {}
        self._starts: dict[tuple[str, int], tuple[GenerationRecord, Path]] = {}

    def agreeing(self, path: Path, located: Sequence[LocatedResult]) -> list[CellResult]:
        """The cells of a file, once all of them agree with what is known.

        Raises:
            RecordError: the message names both files, the line and the field.
        """
        parts, starts = dict(self._parts), dict(self._starts)
        for line, result in located:
            for (kind, name), part in _parts(result.cell):
                known, other = parts.setdefault((kind, name), (part, path))
                _require_equal(f"{path}:{line}", kind, part, known, other)
            for start in result.generations[:1]:
                place = result.cell.task.name, result.cell.seed
                first, other = starts.setdefault(place, (start, path))
                _require_same_start(f"{path}:{line + 1}", result.cell, start, first, other)
        self._parts, self._starts = parts, starts
        return [result for _, result in located]


def _parts(cell: CellRecord) -> Iterator[tuple[tuple[str, str], ProtocolRecord | TaskRecord | WorldRecord]]:
    yield ("protocol", ""), cell.protocol
    yield ("task", cell.task.name), cell.task
    yield ("world", f"{cell.task.name}/{cell.world.name}"), cell.world


def _require_equal(
    where: str,
    kind: str,
    part: ProtocolRecord | TaskRecord | WorldRecord,
    known: ProtocolRecord | TaskRecord | WorldRecord,
    other: Path,
) -> None:
    if not isinstance(part, WorldRecord) and not isinstance(known, WorldRecord) and part.digest != known.digest:
        raise RecordError(
            f"{where}: {kind}.digest: is {part.digest[:8]}, another version of {kind} '{part.name}' than the "
            f"{known.digest[:8]} of {other}.",
            "Delete the older records and run their cells again.",
        )
    for field in differing_keys(part, known):
        raise RecordError(
            f"{where}: {kind}.{field}: differs from what {other} says of {kind} '{part.name}'.",
            "`collapsebench verify` says which of them is not what the installed code gives.",
        )


def _require_same_start(
    where: str, cell: CellRecord, start: GenerationRecord, known: GenerationRecord, other: Path
) -> None:
    """All lineages of a task and seed begin with one M_0, whatever the world and the method.

    On another machine training in steps rounds otherwise, so that only the scored metric is nearly the same there.
    """
    exact = not (start.costs["optimizer_steps"] or known.costs["optimizer_steps"])
    names = start.metrics.keys() & known.metrics.keys() if exact else {cell.task.primary}
    for name in sorted(names):
        here, there = start.metrics[name], known.metrics[name]
        if not (math.isclose(here, there, rel_tol=1e-6 if exact else STEPPED) or (here != here and there != there)):
            raise RecordError(
                f"{where}: metrics.{name}: is {here:.9g} at generation 0, and {there:.9g} in {other}, with the same "
                f"seed: all lineages of {cell.task.name} begin with one model.",
                "`collapsebench verify` says which of them is not what the installed code gives.",
            )
    for name, counted in start.costs.items():
        if counted != known.costs[name]:
            raise RecordError(
                f"{where}: costs.{name}: is {counted} at generation 0, and {known.costs[name]} in {other}, with the "
                f"same seed: all lineages of {cell.task.name} begin with one model.",
                "`collapsebench verify` says which of them is not what the installed code gives.",
            )
