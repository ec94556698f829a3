"""Publish: carry finished cells from a run into the records of a board."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from .records import CellResult, read_results, write_results
from .store import write_atomic


def publish(results: Iterable[CellResult], folder: Path) -> None:
    """Merge results into `folder/records/<method>.jsonl`, one file per method.

    A cell that is there already with the same result, timings aside, keeps its bytes; a changed one is
    replaced. Records of an older version of the protocol are removed: a board mixes nothing.
    """
    new = {_place(result): result for result in results}
    if not new:
        return
    digest = next(iter(new.values())).cell.protocol["digest"]
    records = folder / "records"
    known = {
        _place(result): result
        for path in sorted(records.glob("*.jsonl"))
        for result in read_results(path)
        if result.cell.protocol["digest"] == digest
    }
    for place, result in new.items():
        if place not in known or not known[place].same_result(result):
            known[place] = result
    for path in records.glob("*.jsonl"):
        if not any(result.cell.method["name"] == path.stem for result in known.values()):
            path.unlink()
    for method in sorted({result.cell.method["name"] for result in known.values()}):
        content = write_results(r for r in known.values() if r.cell.method["name"] == method).encode()
        path = records / f"{method}.jsonl"
        if not path.is_file() or path.read_bytes() != content:
            write_atomic(path, content)


def _place(result: CellResult) -> tuple[str, str, int]:
    return result.cell.task["name"], result.cell.method["label"], result.cell.seed
