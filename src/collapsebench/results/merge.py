"""Publish: carry finished cells from a run into the records of a board."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from ..core.files import write_atomic
from ..core.records import CellResult, write_results
from .reader import parse_results, read_results


def merge_records(results: Iterable[CellResult], folder: Path) -> None:
    """Merge results into `folder/records/<method>.jsonl`, one file per method.

    A cell that is there already with the same result, timings aside, keeps its bytes, and the metrics from lm-eval
    that the new run was not asked for; a changed one is replaced. Records of another version of the protocol, of a
    task or of a method are removed: a board mixes nothing. Seeds beyond the protocol's stay off the board, which
    would otherwise depend on who ran more of them.

    Raises:
        RecordError: a file that stands there is not one of records; nothing is written.
    """
    new = {_place(result): _presentable(result) for result in results if _on_the_board(result)}
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
    methods = sorted({result.cell.method["name"] for result in known.values()})
    files = {
        records / f"{name}.jsonl": [r for r in known.values() if r.cell.method["name"] == name] for name in methods
    }
    contents = {path: write_results(own).encode() for path, own in files.items()}
    for path, content in contents.items():
        parse_results(content, path)  # what is written can be read: a plug-in may log or return anything
    for path in set(records.glob("*.jsonl")) - set(files):
        path.unlink()
    for path, content in contents.items():
        if not path.is_file() or path.read_bytes() != content:
            write_atomic(path, content)


def _on_the_board(result: CellResult) -> bool:
    return bool(result.cell.seed < result.cell.protocol["seeds"])


def _presentable(result: CellResult) -> CellResult:
    """The result with its sentences on one line: plug-ins and the errors of libraries write what they like."""
    cell = result.cell
    sentences = {key: _one_line(cell.method[key]) for key in ("title", "description", "paper")}
    return replace(result, cell=replace(cell, reason=_one_line(cell.reason), method={**cell.method, **sentences}))


def _one_line(text: str, most: int = 1000) -> str:
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= most else f"{line[: most - 3]}..."


def _digests(result: CellResult) -> list[tuple[str, str]]:
    """What a result was obtained with: protocol, task and method, each with its digest."""
    cell = result.cell
    parts = (("protocol", "name", cell.protocol), ("task", "name", cell.task), ("method", "label", cell.method))
    return [(f"{kind} {content[name]}", content["digest"]) for kind, name, content in parts]


def _place(result: CellResult) -> tuple[str, str, int]:
    return result.cell.task["name"], result.cell.method["label"], result.cell.seed
