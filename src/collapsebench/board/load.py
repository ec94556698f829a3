"""From record files to a board; refuses to mix what cannot be compared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from ..core.errors import RecordError, StoreError
from ..core.records import CellResult, MethodRecord, ProtocolRecord, TaskRecord
from ..results.reader import differing_keys, read_results
from .cells import BoardTask, Entry, Key
from .model import Board
from .stats import paired_gap


def load_board(folder: Path) -> Board:
    """The board of `<folder>/records/*.jsonl`, whatever order the files are read in.

    Raises:
        StoreError: no records.
        RecordError: a line that is not a record, a cell that stands twice, or records that were not made under the
            same protocol, task and method sources.
    """
    found = [(path, result) for path in sorted((folder / "records").glob("*.jsonl")) for result in read_results(path)]
    if not found:
        raise StoreError(f"No records in {folder / 'records'}.", "`collapsebench run` writes them.")
    found.sort(key=lambda item: (item[1].cell.task.name, *item[1].place))
    _require_distinct(found)
    _require_one_source(found)
    results = [result for _, result in found]
    protocol = results[0].cell.protocol
    losses = {result.place: scored_loss(result) for result in results if result.cell.status == "done"}
    cards = {result.cell.task.name: result.cell.task for result in results}
    methods = {result.cell.method.label: result.cell.method for result in results}
    return Board(
        protocol,
        tuple(_board_task(name, cards.get(name), losses) for name in protocol.tasks),
        tuple(
            Entry(method, {result.place[1:]: result for result in results if result.cell.method.label == label})
            for label, method in sorted(methods.items())
        ),
        losses,
    )


def scored_loss(result: CellResult) -> float:
    """L: the primary metric of a done cell, averaged over the last generations that the protocol names."""
    last = result.generations[-result.cell.protocol.average_last :]
    return float(np.mean([generation.metrics[result.cell.task.primary] for generation in last]))


def _require_distinct(found: Iterable[tuple[Path, CellResult]]) -> None:
    seen: dict[Key, Path] = {}
    for path, result in found:
        label, task, seed = result.place
        if result.place in seen:
            raise RecordError(
                f"The cell of {label} on {task} with seed {seed} stands twice, in {seen[result.place]} and in {path}.",
                "Keep one of them.",
            )
        seen[result.place] = path


def _require_one_source(found: Iterable[tuple[Path, CellResult]]) -> None:
    """Refuse to pair cells that were run under different rules, or that say different things of the same ones."""
    first: dict[tuple[str, str], tuple[ProtocolRecord | TaskRecord | MethodRecord, Path]] = {}
    for path, result in found:
        label, task, _ = result.place
        for kind, group in (("protocol", ""), ("task", task), ("method", label)):
            part = getattr(result.cell, kind)
            known, other = first.setdefault((kind, group), (part, path))
            where = f"{path} holds" if path == other else f"{other} and {path} hold"
            what = f"{kind} '{group or part.name}'"
            if known.digest != part.digest:
                raise RecordError(
                    f"{where} records of different versions of {what} ({known.digest[:8]} and {part.digest[:8]}).",
                    "Delete the older records and run their cells again.",
                )
            if differing := differing_keys(known, part):
                raise RecordError(
                    f"{where} records that differ in {kind}.{differing[0]} of {what}.",
                    "`collapsebench verify` says which of them is not what the installed code gives.",
                )


def _board_task(name: str, card: TaskRecord | None, losses: Mapping[Key, float]) -> BoardTask:
    if card is None:
        return BoardTask(name)
    seeds = [seed for label, task, seed in losses if (label, task) == ("replace", name)]
    pairs = [(losses["replace", name, s], losses["frozen", name, s]) for s in seeds if ("frozen", name, s) in losses]
    return BoardTask(
        name=name,
        title=card.title,
        primary=card.primary,
        unit=card.unit,
        version=card.version,
        generations=card.generations,
        shown=card.shown,
        metrics=card.metrics,
        gap=paired_gap(*zip(*pairs, strict=True)) if pairs else None,
    )
