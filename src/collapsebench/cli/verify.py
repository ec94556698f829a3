"""`collapsebench verify`: whether this source gives these records."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from ..core.errors import RecordError, UsageError
from .options import PluginOption

if TYPE_CHECKING:
    from ..core.records import CellResult, ProtocolRecord
    from ..loop.protocol import Protocol
    from ..results.signature import Rerun


def verify(
    records: Annotated[list[Path], typer.Argument(help="Records files, or folders of boards.")],
    protocol: Annotated[
        str | None, typer.Option("--protocol", help="The YAML file of a protocol that is not shipped.")
    ] = None,
    plugin: PluginOption = None,
    cells: Annotated[int, typer.Option("--cells", min=0, help="Cells of each file to run again.")] = 1,
    tolerance: Annotated[
        float, typer.Option("--tolerance", help="Largest relative difference between machines: at least 0, below 1.")
    ] = 0.1,
    partial: Annotated[
        bool, typer.Option("--partial", help="Accept entries that lack cells; their board says so.")
    ] = False,
    sign: Annotated[
        bool, typer.Option("--sign", help="Mark the records as verified if all is well, and write the pages.")
    ] = False,
    workers: Annotated[
        int, typer.Option("--workers", min=0, max=1, help="1: run cells in another process; 0: in this one.")
    ] = 1,
) -> None:
    """Check records against the installed source, aggregate their board, and run a sample of their cells again.

    The content of a file decides which of its cells run again. The command exits with 3 at the first record that is
    malformed, stale, forged or missing, and names file, line and field.
    """
    from ..board import load_board
    from ..core.registry import load_plugins
    from ..render.files import write_board
    from ..results.merge import board_lock

    if not 0 <= tolerance < 1:
        raise UsageError(f"--tolerance {tolerance} does not lie in [0, 1).", "For example: --tolerance 0.1")
    if sign and not cells:
        raise UsageError("--sign with --cells 0 would mark records that nobody ran again.", "Leave one of them out.")
    load_plugins(plugin or [])
    files = [_checked(path, protocol, partial) for path in _paths(records)]
    boards = {file.board for file in files if file.board is not None}
    for folder in sorted(boards):
        load_board(folder)
    for file in files:
        reruns = list(_rerun(file, cells, [str(path.resolve()) for path in plugin or []], tolerance, workers))
        if sign:
            _sign(file, reruns, tolerance)
    for folder in sorted(boards) if sign else ():
        with board_lock(folder):
            write_board(folder)


class _File(NamedTuple):
    """A records file that is as the installed source writes it."""

    path: Path
    rules: Protocol
    results: list[CellResult]

    @property
    def board(self) -> Path | None:
        """The folder of its board, if it lies in one."""
        return self.path.parent.parent if self.path.parent.name == "records" else None


def _paths(paths: Sequence[Path]) -> Iterator[Path]:
    for path in paths:
        if not path.is_dir():
            yield path
        elif found := sorted((path / "records").glob("*.jsonl")):
            yield from found
        else:
            raise UsageError(f"No records in {path}.", "Name a records file, or a folder that holds records/.")


def _checked(path: Path, protocol: str | None, partial: bool) -> _File:
    """A file, once its format, its source and its completeness are in order."""
    from ..core.method import METHODS
    from ..loop.protocol import load_protocol
    from ..results.audit import check_source
    from ..results.collect import commands, in_words, missing_places
    from ..results.reader import read_located
    from ..testing.source import hidden_reads

    located = read_located(path)
    line, first = located[0]
    if protocol is None:
        rules, named = _known_rules(f"{path}:{line}", first.cell.protocol)
    else:
        rules, named = load_protocol(protocol), protocol
    check_source(path, located, rules)
    if said := next(hidden_reads(METHODS.get(path.stem)), ""):
        hint = "`collapsebench check FILE` names every place."
        raise RecordError(f"{path}: method: its source reads what is hidden from methods. {said}", hint)
    results = [result for _, result in located]
    if (missing := missing_places(results, rules)) and not partial:
        completed_by = "; ".join(commands(missing, rules, named))
        raise RecordError(
            f"{path} is not complete: {in_words(missing)}.", f"{completed_by}; or accept it with --partial."
        )
    typer.echo(f"{path}: {len(results)} cells, as the installed source writes them.")
    return _File(path, rules, results)


def _known_rules(where: str, record: ProtocolRecord) -> tuple[Protocol, str]:
    """The shipped protocol of a record, or the rules of its tasks' own; and how a command names them.

    Raises:
        RecordError: it is neither.
    """
    from ..core.task import TASKS
    from ..loop.protocol import load_protocol, own_protocol, shipped_protocols

    if record.name in shipped_protocols():
        return load_protocol(record.name), record.name
    if set(record.tasks) <= set(TASKS.names()):
        own = own_protocol({name: TASKS.get(name).rules for name in record.tasks})
        if own.name == record.name:
            return own, ""
    raise RecordError(
        f"{where}: protocol.name: {record.name!r} is not shipped.", "Pass its file with --protocol path.yaml."
    )


def _rerun(file: _File, cells: int, plugins: list[str], tolerance: float, workers: int) -> Iterator[Rerun]:
    from ..results.rerun import rerun, sample

    drawn = sample(file.results, cells)
    for result in rerun(file.path, drawn, file.rules, plugins, tolerance, workers):
        typer.echo(f"  run again: {result}")
        yield result


def _sign(file: _File, reruns: list[Rerun], tolerance: float) -> None:
    from ..results.signature import sign

    if file.board is None:
        raise UsageError(f"{file.path} is not in the records/ of a board.", "Only a board has a place for the mark.")
    if not reruns:
        typer.echo("  not signed: none of its cells finished")
        return
    typer.echo(f"  signed: {sign(file.board, file.path.stem, file.results, reruns, tolerance)}")
