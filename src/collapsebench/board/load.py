"""From record files to a board; refuses to mix what cannot be compared."""

from __future__ import annotations

from collections.abc import Mapping
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
    found.sort(key=lambda item: (item[1].cell.task.name, item[1].cell.method.label, item[1].cell.seed))
    _require_one_source(found)
    _require_distinct(found)
    results = [result for _, result in found]
    protocol = results[0].cell.protocol
    losses = {_key(result): scored_loss(result) for result in results if result.cell.status == "done"}
    tasks = tuple(_board_task(name, results, losses) for name in protocol.tasks)
    return Board(protocol, tasks, _entries(results), losses)


def scored_loss(result: CellResult) -> float:
    """L: the primary metric of a done cell, averaged over the last generations that the protocol names."""
    last = result.generations[-result.cell.protocol.average_last :]
    return float(np.mean([generation.metrics[result.cell.task.primary] for generation in last]))


def _key(result: CellResult) -> Key:
    cell = result.cell
    return cell.method.label, cell.task.name, cell.seed


def _require_one_source(found: list[tuple[Path, CellResult]]) -> None:
    """Refuse to pair cells that were run under different rules, or that say different things of the same ones."""
    first: dict[tuple[str, str], tuple[ProtocolRecord | TaskRecord | MethodRecord, Path]] = {}
    for path, result in found:
        cell = result.cell
        parts: tuple[tuple[str, str, str, ProtocolRecord | TaskRecord | MethodRecord], ...] = (
            ("protocol", "", cell.protocol.name, cell.protocol),
            ("task", cell.task.name, cell.task.name, cell.task),
            ("method", cell.method.label, cell.method.label, cell.method),
        )
        for kind, group, name, content in parts:
            known, other = first.setdefault((kind, group), (content, path))
            if known.digest != content.digest:
                digests = f"{known.digest[:8]} and {content.digest[:8]}"
                raise RecordError(
                    f"{_where(path, other)} records of different versions of {kind} '{name}' ({digests}).",
                    "Delete the older records and run their cells again.",
                )
            if differing := differing_keys(known, content):
                raise RecordError(
                    f"{_where(path, other)} records that differ in {kind}.{differing[0]} of {kind} '{name}'.",
                    "`collapsebench verify` says which of them is not what the installed code gives.",
                )


def _where(path: Path, other: Path) -> str:
    return f"{path} holds" if path == other else f"{other} and {path} hold"


def _require_distinct(found: list[tuple[Path, CellResult]]) -> None:
    seen: dict[Key, Path] = {}
    for path, result in found:
        label, task, seed = key = _key(result)
        if key in seen:
            raise RecordError(
                f"The cell of {label} on {task} with seed {seed} stands twice, in {seen[key]} and in {path}.",
                "Keep one of them.",
            )
        seen[key] = path


def _board_task(name: str, results: list[CellResult], losses: Mapping[Key, float]) -> BoardTask:
    card = next((result.cell.task for result in results if result.cell.task.name == name), None)
    if card is None:
        return BoardTask(name)
    by_seed = [
        {seed: loss for (label, task, seed), loss in losses.items() if (label, task) == (reference, name)}
        for reference in ("replace", "frozen")
    ]
    replace, frozen = by_seed
    seeds = [seed for seed in replace if seed in frozen]
    return BoardTask(
        name=name,
        title=card.title,
        primary=card.primary,
        unit=card.unit,
        version=card.version,
        generations=card.generations,
        shown=card.shown,
        metrics=card.metrics,
        gap=paired_gap([replace[s] for s in seeds], [frozen[s] for s in seeds]) if seeds else None,
    )


def _entries(results: list[CellResult]) -> tuple[Entry, ...]:
    by_label: dict[str, list[CellResult]] = {}
    for result in results:
        by_label.setdefault(result.cell.method.label, []).append(result)
    return tuple(
        Entry(own[0].cell.method, {(result.cell.task.name, result.cell.seed): result for result in own})
        for _, own in sorted(by_label.items())
    )
