"""Publish: carry finished cells from a run into the records of a board."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from .records import CellResult, read_results, write_results
from .store import write_atomic


def publish(results: Iterable[CellResult], folder: Path) -> None:
    """Merge results into `folder/records/<method>.jsonl`, one file per method.

    A cell that is there already with the same result, timings aside, keeps its bytes, and the metrics from lm-eval
    that the new run was not asked for; a changed one is replaced. Records of another version of the protocol, of a
    task or of a method are removed: a board mixes nothing.
    """
    new = {_place(result): result for result in results}
    if not new:
        return
    current = {name: digest for result in new.values() for name, digest in _digests(result)}
    records = folder / "records"
    known = {
        _place(result): result
        for path in sorted(records.glob("*.jsonl"))
        for result in read_results(path)
        if all(current.get(name, digest) == digest for name, digest in _digests(result))
    }
    for place, result in new.items():
        if place not in known or not known[place].includes(result):
            known[place] = result
    for path in records.glob("*.jsonl"):
        if not any(result.cell.method["name"] == path.stem for result in known.values()):
            path.unlink()
    for method in sorted({result.cell.method["name"] for result in known.values()}):
        content = write_results(r for r in known.values() if r.cell.method["name"] == method).encode()
        path = records / f"{method}.jsonl"
        if not path.is_file() or path.read_bytes() != content:
            write_atomic(path, content)


def _digests(result: CellResult) -> list[tuple[str, str]]:
    """What a result was obtained with: protocol, task and method, each with its digest."""
    cell = result.cell
    parts = (("protocol", "name", cell.protocol), ("task", "name", cell.task), ("method", "label", cell.method))
    return [(f"{kind} {content[name]}", content["digest"]) for kind, name, content in parts]


def _place(result: CellResult) -> tuple[str, str, int]:
    return result.cell.task["name"], result.cell.method["label"], result.cell.seed
