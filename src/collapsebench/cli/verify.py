"""`collapsebench verify`: whether this source gives these records."""

from __future__ import annotations

import math
import os
import secrets
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from ..core.errors import RecordError, UsageError
from ..core.files import temporary_folder
from .options import PluginOption

if TYPE_CHECKING:
    from ..board import Board
    from ..board.drift import Drift, Yardstick
    from ..core.records import CellResult, Place, ProtocolRecord
    from ..loop.cell import Cell
    from ..loop.protocol import Protocol
    from ..results.rerun import Key, Outside, Ran
    from ..results.signature import Agreed, Draw, Hidden, Refusal, Rerun

CELLS = 2
"""Cells of each file that run again unless the command says how many."""


def verify(
    records: Annotated[list[Path], typer.Argument(help="Records files, or folders of boards.")],
    protocol: Annotated[
        str | None, typer.Option("--protocol", help="The YAML file of a protocol that is not shipped.")
    ] = None,
    plugin: PluginOption = None,
    cells: Annotated[
        int,
        typer.Option(
            "--cells",
            min=0,
            help="Cells of each file to run again, of all tasks before any twice; their floor and ceiling run too.",
        ),
    ] = CELLS,
    draw: Annotated[
        str | None, typer.Option("--draw", help="Repeat a draw of cells: its text stands in the note.")
    ] = None,
    tolerance: Annotated[
        float,
        typer.Option(
            "--tolerance", help="Share of an interval's half-width that numbers of a trained model may move by."
        ),
    ] = 0.05,
    hidden: Annotated[
        int | None,
        typer.Option("--hidden", min=2, help="Run entries and references on so many seeds of the secret too."),
    ] = None,
    secret: Annotated[
        Path | None,
        typer.Option("--secret", help="File of the secret that hidden seeds follow from; or $COLLAPSEBENCH_SECRET."),
    ] = None,
    partial: Annotated[
        bool, typer.Option("--partial", help="Accept entries that lack cells; their board says so.")
    ] = False,
    sign: Annotated[
        bool, typer.Option("--sign", help="Mark the records as verified if all is well, and write the pages.")
    ] = False,
    workers: Annotated[int, typer.Option("--workers", min=0, help="Processes that run cells; 0: in this one.")] = 1,
) -> None:
    """Check records against the installed source, aggregate their board, and run a sample of their cells again.

    The operating system draws the cells, once the files are read. The command exits with 3 if a record is malformed,
    stale, forged or missing, and names file, line and field. A cell that does not agree is run again at every later
    verification that signs.

    A cell of the board quick takes 6 s of one core as a mean, of standard 5 s, of classic 34 s (babistories 145 s).
    """
    from ..board.drift import Yardstick
    from ..core.registry import judge, load_plugins
    from ..loop.world import CURVE
    from ..render.files import write_board
    from ..results.merge import board_lock
    from ..results.signature import Draw

    if not 0 <= tolerance < 1:
        raise UsageError(f"--tolerance {tolerance} does not lie in [0, 1).", "For example: --tolerance 0.05")
    if sign and not cells:
        raise UsageError("--sign with --cells 0 would mark records that nobody ran again.", "Leave one of them out.")
    if draw is not None and not (draw.isprintable() and 0 < len(draw) <= 1000):
        raise UsageError("--draw is not a line of printable text.", "Copy it from a note, or leave it out.")
    if sign and (outside := next((path for path in _paths(records) if path.parent.name != "records"), None)):
        raise UsageError(f"{outside} is not in the records/ of a board.", "Only a board has a place for the mark.")
    key = _secret(secret) if hidden else b""
    judge()
    load_plugins(plugin or [])
    files = [_checked(path, protocol, partial, plugin or []) for path in _paths(records)]
    boards = _boards(files)
    measures = {
        file.board: Yardstick(
            boards[file.board], tolerance, [r for r in file.beside.values() if r.cell.world.name == CURVE]
        )
        for file in files
    }
    drawn = Draw(draw=draw or secrets.token_hex(16), drawn="by hand" if draw else "by the system")
    refused = []
    for file, reruns, refusals in _run_again(files, cells, drawn, measures, plugin or [], workers):
        for rerun in reruns:
            typer.echo(f"{file.path.stem}: run again: {rerun}")
        for refusal in refusals:
            typer.echo(f"{file.path.stem}: refused: {refusal}: {refusal.said}")
        refused += [f"{file.path}: {refusal}: {refusal.said}." for refusal in refusals]
        unseen = _on_hidden_seeds(file, boards[file.board], hidden, key, workers, plugin or []) if hidden else None
        if sign and (reruns or refusals):
            _sign(file, drawn, reruns, refusals, tolerance, unseen)
    for folder in sorted(folder for folder in boards if folder is not None) if sign else ():
        with board_lock(folder):
            write_board(folder)
    if refused:
        more = f" {len(refused) - 1} more cells are refused." if len(refused) > 1 else ""
        raise RecordError(refused[0] + more, _NOT_THESE)


_NOT_THESE = "The records are not what this source gives: run the cells again with `collapsebench run`."


class _File(NamedTuple):
    """A records file that is as the installed source writes it, and the records of references beside it."""

    path: Path
    rules: Protocol
    results: list[CellResult]
    beside: dict[Place, CellResult]

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


def _checked(path: Path, protocol: str | None, partial: bool, plugin: Sequence[Path]) -> _File:
    """A file, once its format, its source and its completeness are in order."""
    from ..core.method import METHODS
    from ..loop.protocol import load_protocol
    from ..results.audit import check_source
    from ..results.collect import commands, in_words, missing_places
    from ..results.reader import read_located
    from ..testing.source import hidden_reads

    plugins = [str(one.resolve()) for one in plugin]
    located = read_located(path)
    line, first = located[0]
    if protocol is None:
        rules, named = _known_rules(f"{path}:{line}", first.cell.protocol, plugins)
    else:
        rules, named = load_protocol(protocol), protocol
    check_source(path, located, rules, plugins)
    if said := next(hidden_reads(METHODS.get(path.stem)), ""):
        hint = "`collapsebench check FILE` names every place."
        raise RecordError(f"{path}: method: its source reads what is hidden from methods. {said}", hint)
    results = [result for _, result in located]
    if said := _accused(results, rules, plugins):
        hint = "`collapsebench check FILE` shows what it is handed."
        raise RecordError(f"{path}: method: audits find what it may not know or do. {said}", hint)
    if (missing := missing_places(results, rules, plugins)) and not partial:
        completed_by = "; ".join(commands(missing, rules, named))
        raise RecordError(
            f"{path} is not complete: {in_words(missing)}.", f"{completed_by}; or accept it with --partial."
        )
    typer.echo(f"{path}: {len(results)} cells, as the installed source writes them.")
    return _File(path, rules, results, _references_beside(path, first.cell.protocol.digest))


def _accused(results: Sequence[CellResult], rules: Protocol, plugins: Sequence[str]) -> str:
    """What audits say of a method that is not shipped, on the shipped tasks of its records; "" if nothing."""
    from ..core.plugin import source_file
    from ..core.shipped import is_shipped
    from ..core.task import TASKS
    from ..results.audit import cell_of
    from ..testing.audits import accused

    ran = {(r.cell.method.label, r.cell.task.name): r.cell for r in results if r.cell.status in ("done", "diverged")}
    cells = [cell_of(record, rules, plugins) for record in ran.values() if record.task.name in TASKS.names()]
    for label in dict.fromkeys(cell.method.label for cell in cells):
        some = [cell for cell in cells if cell.method.label == label]
        if not is_shipped(source_file(type(some[0].method))):
            for said in accused(some[0].method, some):
                return said
    return ""


def _boards(files: Sequence[_File]) -> dict[Path | None, Board | None]:
    """The boards of files by folder, each aggregated; none for a file that is not in one."""
    from ..board import load_board

    return {folder: None if folder is None else load_board(folder) for folder in {file.board: None for file in files}}


def _references_beside(path: Path, protocol: str) -> dict[Place, CellResult]:
    """The records of references in the folder of a records file, by place."""
    from ..results.reader import read_results

    if path.parent.name != "records":
        return {}
    results = [result for other in sorted(path.parent.glob("*.jsonl")) for result in read_results(other)]
    return {r.place: r for r in results if r.cell.method.reference and r.cell.protocol.digest == protocol}


def _known_rules(where: str, record: ProtocolRecord, plugins: list[str]) -> tuple[Protocol, str]:
    """The shipped protocol of a record, or the rules of its tasks' own; and how a command names them.

    Raises:
        RecordError: it is neither.
    """
    from ..core.task import TASKS
    from ..loop.protocol import load_protocol, own_protocol, parse_protocol, shipped_protocols
    from ..results.apart import ask

    if record.name in shipped_protocols():
        return load_protocol(record.name), record.name
    if own_protocol({name: {} for name in record.tasks}).name == record.name:
        if strange := sorted(set(record.tasks) - set(TASKS.names())):
            text = ask("results.audit:own_rules", list(record.tasks), plugins=plugins, about=f"Task '{strange[0]}'")
            return parse_protocol(str(text), f"of {', '.join(record.tasks)}"), ""
        return own_protocol({name: TASKS.get(name).rules for name in record.tasks}), ""
    raise RecordError(
        f"{where}: protocol.name: {record.name!r} is not shipped.", "Pass its file with --protocol path.yaml."
    )


# -- running again -------------------------------------------------------------------------------------


class _Job(NamedTuple):
    """A cell to run again, with those of the floor and the ceiling of its world, task and seed."""

    recorded: CellResult
    key: Key
    references: tuple[Key, ...]

    def beside(self, file: _File, ran: Mapping[Key, Ran]) -> list[tuple[CellResult, CellResult]]:
        """The references that the board has, as recorded and as they ran again."""
        results = [ran[key].result for key in self.references]
        return [(file.beside[result.place], result) for result in results if result.place in file.beside]

    def compared(
        self, file: _File, ran: Mapping[Key, Ran], yardstick: Yardstick, parted: Collection[str] = ()
    ) -> tuple[Drift | None, Agreed]:
        """As `board.drift.verdict`; None where the cell ended in another way."""
        from ..board.drift import verdict

        again = ran[self.key].result
        if not _same_end(self.recorded, again):
            return None, "to rounding"
        return verdict(yardstick.drifts((self.recorded, again), self.beside(file, ran)), parted)

    def in_doubt(self, file: _File, ran: Mapping[Key, Ran], yardstick: Yardstick) -> bool:
        """Whether it disagrees, and rounding may be the reason."""
        from ..board.drift import is_stepped

        worst, _ = self.compared(file, ran, yardstick)
        return worst is not None and worst.of_allowed > 1 and is_stepped(ran[self.key].result)


class _Again:
    """Cells that run again, each once for all files.

    Args:
        plugins: plug-in files.
        workers: processes.
    """

    def __init__(self, plugins: Sequence[Path], workers: int) -> None:
        self._plugins, self.workers = [str(path.resolve()) for path in plugins], workers
        self._here: dict[Key, Cell] = {}
        self._outside: dict[Key, tuple[Outside, Protocol]] = {}

    def __len__(self) -> int:
        return len(self._here) + len(self._outside)

    def job(self, recorded: CellResult, rules: Protocol) -> _Job:
        """Add a recorded cell and its references."""
        world, label = recorded.cell.world, recorded.cell.method.label
        others = [other for other in (world.floor, world.ceiling) if other and other != label]
        return _Job(
            recorded,
            self._added(recorded, label, rules),
            tuple(self._added(recorded, other, rules) for other in others),
        )

    def _added(self, recorded: CellResult, label: str, rules: Protocol) -> Key:
        from ..core.task import TASKS
        from ..loop.plugins import make_method
        from ..results.audit import cell_of
        from ..results.rerun import Outside

        key = recorded.cell.protocol.digest, (label, *recorded.place[1:])
        if recorded.cell.task.name not in TASKS.names():
            self._outside[key] = Outside(recorded.cell, label), rules
            return key
        cell = cell_of(recorded.cell, rules, self._plugins)
        self._here[key] = cell if label == cell.method.label else replace(cell, method=make_method(label, {}))
        return key

    def run(self, some: Collection[Key] | None = None, otherwise: bool = False) -> Iterator[tuple[Key, Ran]]:
        """Run all cells or some; they come as they finish."""
        from ..results.rerun import key, run_again, run_outside

        here = [cell for name, cell in self._here.items() if some is None or name in some]
        for ran in run_again(here, self.workers, otherwise):
            yield key(ran.result), ran
        outside: dict[str, list[tuple[Outside, Protocol]]] = {}
        for name, (cell, rules) in self._outside.items():
            if some is None or name in some:
                outside.setdefault(f"{name[0]} {cell.record.task.name}", []).append((cell, rules))
        for found in outside.values():
            cells, rules = [cell for cell, _ in found], found[0][1]
            for ran in run_outside(cells, rules, self._plugins, self.workers, otherwise):
                yield key(ran.result), ran

    def estimate(self, files: Sequence[_File]) -> str:
        """`12 cells, about 3 minutes of one core by their records`."""
        every = {(r.cell.protocol.digest, r.place): r for file in files for r in (*file.results, *file.beside.values())}
        known = [every[key] for key in (*self._here, *self._outside) if key in every]
        minutes = sum(sum(generation.seconds.values()) for result in known for generation in result.generations) / 60
        return f"{len(self)} cells, about {math.ceil(minutes)} minutes of one core by the seconds in their records"


def _run_again(
    files: Sequence[_File],
    count: int,
    draw: Draw,
    measures: Mapping[Path | None, Yardstick],
    plugins: Sequence[Path],
    workers: int,
) -> Iterator[tuple[_File, list[Rerun], list[Refusal]]]:
    """Each file with the cells that agreed and those that did not, as soon as its cells have run."""
    from ..results.rerun import sample
    from ..results.signature import FOLDER, read_note

    jobs: list[tuple[_File, list[_Job]]] = []
    again = _Again(plugins, workers)
    for file in files:
        note = read_note(file.board / FOLDER / f"{file.path.stem}.json") if file.board else None
        owed = {refusal.place for refusal in note.refused} if note else set()
        drawn = sample(file.results, count, draw.draw, owed) if count else []
        jobs.append((file, [again.job(recorded, file.rules) for recorded in drawn]))
    if not len(again):
        return
    typer.echo(f"Run again: {again.estimate(files)} (draw {draw.draw}).")
    ran: dict[Key, Ran] = {}
    doubtful: list[tuple[_File, list[_Job]]] = []
    for name, one in again.run():
        ran[name] = one
        for file, own in [item for item in jobs if all(k in ran for j in item[1] for k in (j.key, *j.references))]:
            jobs.remove((file, own))
            if workers and any(job.in_doubt(file, ran, measures[file.board]) for job in own):
                doubtful.append((file, own))
            else:
                yield (file, *_judged(file, own, ran, measures[file.board], {}))
    parted = _parted(doubtful, ran, measures, again)
    for file, own in doubtful:
        yield (file, *_judged(file, own, ran, measures[file.board], parted))


_ENOUGH = 4
"""Cells of a task that show whether rounding parts it."""


def _parted(
    files: Sequence[tuple[_File, list[_Job]]],
    ran: Mapping[Key, Ran],
    measures: Mapping[Path | None, Yardstick],
    again: _Again,
) -> dict[str, set[str]]:
    """Task -> kinds of numbers that rounding parts there, by the cells of these files that are in doubt.

    Some of them, and of their references, are run once more as another machine rounds.
    """
    from ..board.drift import of_parted

    parted: dict[str, set[str]] = {}
    of_files = [(file, job, measures[file.board]) for file, own in files for job in own]
    jobs = [(job, measure) for file, job, measure in of_files if job.in_doubt(file, ran, measure)]
    keys = [(job.key, measure) for job, measure in jobs] + [(key, m) for job, m in jobs for key in job.references]
    doubted: dict[Key, Yardstick] = {}
    for key, measure in keys:
        if sum(other[1][1] == key[1][1] for other in doubted) < _ENOUGH:
            doubted[key] = measure
    if not doubted:
        return parted
    typer.echo(f"Run once more as another machine rounds: {len(doubted)} cells.")
    for key, one in again.run(doubted, otherwise=True):
        if _same_end(ran[key].result, one.result):
            kinds = of_parted(doubted[key].drifts((ran[key].result, one.result), []))
            parted.setdefault(one.result.cell.task.name, set()).update(kinds)
    return parted


def _judged(
    file: _File, jobs: Sequence[_Job], ran: Mapping[Key, Ran], yardstick: Yardstick, parted: Mapping[str, set[str]]
) -> tuple[list[Rerun], list[Refusal]]:
    """The cells of a file that agreed, and those that did not."""
    from ..results.signature import Cell as SignedCell
    from ..results.signature import Refusal, Rerun, fingerprint, today

    reruns, refusals, records = list[Rerun](), list[Refusal](), fingerprint(file.results)
    for job in jobs:
        recorded, (again, seconds) = job.recorded, ran[job.key]
        label, task, world, seed = recorded.place
        place = SignedCell(task=task, world=world, label=label, seed=seed)
        worst, agreed = job.compared(file, ran, yardstick, parted.get(task, ()))
        if not _same_end(recorded, again) or (worst and worst.of_allowed > 1):
            said = worst.said if worst else _ends(recorded, again)
            refusals.append(Refusal(**vars(place), records=records, said=said[:1000], date=today()))
            continue
        reruns.append(
            Rerun(
                **vars(place),
                seconds=round(seconds, 1),
                agreed=agreed,
                quantity=worst.quantity if worst else None,
                of_allowed=worst.of_allowed if worst else 0.0,
                references={old.cell.method.label: old.same_result(new) for old, new in job.beside(file, ran)},
            )
        )
    return reruns, refusals


def _same_end(recorded: CellResult, again: CellResult) -> bool:
    same = again.cell.status == recorded.cell.status and again.cell.parameters == recorded.cell.parameters
    return same and len(again.generations) == len(recorded.generations)


def _ends(recorded: CellResult, again: CellResult) -> str:
    first, second = (
        f"{r.cell.status} after {len(r.generations)} generations of {r.cell.parameters} numbers"
        for r in (recorded, again)
    )
    return f"it is recorded as {first}; run again it is {second}. {again.cell.reason}".rstrip()


def _sign(
    file: _File,
    draw: Draw,
    reruns: list[Rerun],
    refusals: list[Refusal],
    tolerance: float,
    hidden: Hidden | None,
) -> None:
    from ..results.signature import sign

    assert file.board is not None
    path = sign(file.board, file.results, draw, reruns, refusals, tolerance, hidden)
    typer.echo(f"{file.path.stem}: {'the refusal stands in' if refusals else 'signed:'} {path}")


# -- hidden seeds --------------------------------------------------------------------------------------

_SECRET = "COLLAPSEBENCH_SECRET"

_SHORTEST = 16
"""Bytes of a secret that nobody guesses."""


def _secret(path: Path | None) -> bytes:
    """The maintainer's secret; no process that this one starts finds it in its environment.

    Raises:
        UsageError: there is none, or it is short.
    """
    found = os.environ.pop(_SECRET, "").encode()
    if path is not None:
        try:
            found = path.read_bytes().strip()
        except OSError as error:
            raise UsageError(f"--secret {path} cannot be read: {error.strerror}.") from None
    if len(found) < _SHORTEST:
        raise UsageError(
            f"--hidden needs a secret of at least {_SHORTEST} bytes.",
            f"Keep one for all boards: `openssl rand -hex 32 > secret`, then --secret secret, or ${_SECRET}.",
        )
    return found


def _on_hidden_seeds(
    file: _File, board: Board | None, count: int, secret: bytes, workers: int, plugins: Sequence[Path]
) -> Hidden | None:
    """The entries of a file on hidden seeds, beside their scores on public ones; nothing else is kept or told of them.

    Raises:
        RecordError: a cell failed.
    """
    from ..board import load_board
    from ..board.hidden import commitment, hidden_cells, hidden_scores, renumbered
    from ..loop.plugins import make_method
    from ..results.merge import merge_records
    from ..results.rerun import run_again
    from ..results.signature import Hidden

    entries = {r.cell.method.label: r.cell.method for r in file.results if not r.cell.method.reference}
    if not entries or board is None:
        return None
    methods = [make_method(entry.name, entry.params) for entry in entries.values()]
    cells = hidden_cells(file.rules, methods, count, secret, [str(path.resolve()) for path in plugins])
    typer.echo(f"{file.path.stem}: {len(cells)} cells on {count} hidden seeds.")
    numbers, results = {cell.place: number for cell, number in cells}, []
    for ran in run_again([cell for cell, _ in cells], workers):
        result, (label, task, world, _) = ran.result, ran.result.place
        if result.cell.status == "failed":
            raise RecordError(f"{file.path}: {label} on {task}/{world} failed on a hidden seed.")
        results.append(renumbered(result, numbers[result.place]))
    with temporary_folder("hidden") as folder:
        merge_records(results, Path(folder) / "board")
        scores = tuple(hidden_scores(board, load_board(Path(folder) / "board"), entries))
    for score in scores:
        differs = "beyond chance" if score.differs else "within chance"
        public, unseen = (
            f"{2**centre:.3g} [{2 ** (centre - half):.3g}, {2 ** (centre + half):.3g}]"
            for centre, half in ((score.public, score.public_half_width), (score.hidden, score.hidden_half_width))
        )
        typer.echo(f"{score.label}: {score.group}: worth {public} on public, {unseen} on hidden seeds: {differs}")
    return Hidden(seeds=count, commitment=commitment(secret, file.rules.digest()), scores=scores)
