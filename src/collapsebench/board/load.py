"""From record files to a board; refuses to mix what cannot be compared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from ..core.errors import RecordError, StoreError
from ..core.method import QUESTIONS
from ..core.records import CellResult, MethodRecord, Place, ProtocolRecord, TaskRecord, WorldRecord
from ..core.task import SUITES
from ..results.reader import differing_keys, read_results
from .cells import Entry, Key, Setting
from .model import Board
from .worth import LearningCurve


def load_board(folder: Path) -> Board:
    """The board of `<folder>/records/*.jsonl`, whatever order the files are read in.

    Raises:
        StoreError: no records.
        RecordError: a line that is not a record, a cell that stands twice, or records that were not made under the
            same protocol, task, world and method sources.
    """
    found = [(path, result) for path in sorted((folder / "records").glob("*.jsonl")) for result in read_results(path)]
    if not found:
        raise StoreError(f"No records in {folder / 'records'}.", "`collapsebench run` writes them.")
    found.sort(key=lambda item: (item[1].cell.task.name, *item[1].place))
    _require_distinct(found)
    _require_one_source(found)
    curves = [result for _, result in found if result.cell.world.question == "curve"]
    results = [result for _, result in found if result.cell.world.question != "curve"]
    losses = {key(result): scored_loss(result) for result in results if result.cell.status == "done"}
    methods = {result.cell.method.label: result.cell.method for result in results}
    cells: dict[str, dict[tuple[str, int], CellResult]] = {label: {} for label in sorted(methods)}
    for result in results:
        label, setting, seed = key(result)
        cells[label][setting, seed] = result
    return Board(
        found[0][1].cell.protocol,
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


def _require_distinct(found: Iterable[tuple[Path, CellResult]]) -> None:
    seen: dict[Place, Path] = {}
    for path, result in found:
        label, task, world, seed = result.place
        if result.place in seen:
            raise RecordError(
                f"The cell of {label} on {task}/{world} with seed {seed} stands twice, in {seen[result.place]} and in "
                f"{path}.",
                "Keep one of them.",
            )
        seen[result.place] = path


def _require_one_source(found: Iterable[tuple[Path, CellResult]]) -> None:
    """Refuse to pair cells that were run under different rules, or that say different things of the same ones."""
    first: dict[tuple[str, str], tuple[ProtocolRecord | TaskRecord | MethodRecord | WorldRecord, Path]] = {}
    for path, result in found:
        label, task, world, _ = result.place
        for kind, group in (("protocol", ""), ("task", task), ("world", f"{task}/{world}"), ("method", label)):
            part = getattr(result.cell, kind)
            known, other = first.setdefault((kind, group), (part, path))
            where = f"{path} holds" if path == other else f"{other} and {path} hold"
            what = f"{kind} '{group or part.name}'"
            if not isinstance(known, WorldRecord) and known.digest != part.digest:
                raise RecordError(
                    f"{where} records of different versions of {what} ({known.digest[:8]} and {part.digest[:8]}).",
                    "Delete the older records and run their cells again.",
                )
            if differing := differing_keys(known, part):
                raise RecordError(
                    f"{where} records that differ in {kind}.{differing[0]} of {what}.",
                    "`collapsebench verify` says which of them is not what the installed code gives.",
                )
