"""Board: from record files to scores, ranks and leaderboard pages. Records are its only input."""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from .errors import StoreError
from .method import TRACKS
from .records import CellResult, read_results
from .stats import (
    GAP_FACTOR,
    Interval,
    PairedGap,
    paired_gap,
    rank_groups,
    resolution_floor,
    stratified_interval,
    student_t_interval,
)
from .store import write_atomic

if TYPE_CHECKING:
    from rich.table import Table

State = Literal["done", "missing", "failed", "diverged", "skipped"]
"""How a cell, or an entry over all the cells it needs, stands; of an entry the first that applies."""

_WORST_FIRST: tuple[State, ...] = ("missing", "failed", "diverged", "skipped")

Key = tuple[str, str, int]
"""Method label, task and seed."""

COSTS: Mapping[str, tuple[str, ...]] = {
    "real examples": ("real_examples",),
    "synthetic examples": ("synthetic_examples",),
    "scored tokens": ("scored_tokens",),
    "verifier/reward calls": ("verifier_calls", "reward_calls"),
    "trained tokens": ("trained_tokens",),
}
"""Cost columns and the ledger counts that each adds up."""


@dataclass(frozen=True)
class Entry:
    """A method with its parameters, and its cells by task and seed."""

    label: str
    name: str
    title: str
    description: str
    paper: str
    track: str
    reference: bool
    params: Mapping[str, Any]
    cells: Mapping[tuple[str, int], CellResult]

    def results(self, task: str) -> list[CellResult]:
        """Cells of a task in order of seed."""
        return [result for (name, _), result in self.cells.items() if name == task]


@dataclass(frozen=True)
class BoardTask:
    """A task that the protocol names and whether it collapsed; only `name` is known before it has run."""

    name: str
    title: str = ""
    primary: str = ""
    unit: str = ""
    version: int = 0
    shown: tuple[str, ...] = ()
    metrics: Mapping[str, str] | None = None
    gap: PairedGap | None = None

    @property
    def verdict(self) -> str:
        """Whether the task counts, in words."""
        if not self.primary:
            return "not run"
        if self.gap is None:
            return "references incomplete"
        if self.gap.pairs == 1 and self.gap.mean > 0:
            return "counts, untested: one seed"
        return "counts" if self.gap.ratio > GAP_FACTOR else "no collapse here"

    @property
    def counts(self) -> bool:
        """Whether the task enters the overall score."""
        return self.verdict.startswith("counts")


@dataclass(frozen=True)
class Overall:
    """Overall score: interquartile mean over (task, seed) with two intervals of different claims."""

    these_tasks: Interval
    """For new seeds on these tasks; its centre is the score."""
    tasks_like_these: Interval
    """For new tasks: Student-t over the means of the tasks."""


@dataclass(frozen=True)
class Standing:
    """A ranked entry."""

    rank: int
    entry: Entry


@dataclass(frozen=True)
class Board:
    """All that the pages of one protocol say.

    Args:
        protocol: the `protocol` part of every record.
        tasks: in the order in which the protocol names them.
        entries: references included, in order of label.
        losses: the scored loss (primary metric averaged over the last generations) of every cell that is done.
    """

    protocol: Mapping[str, Any]
    tasks: tuple[BoardTask, ...]
    entries: tuple[Entry, ...]
    losses: Mapping[Key, float]

    @cached_property
    def counting(self) -> tuple[BoardTask, ...]:
        """Tasks that enter the overall score."""
        return tuple(task for task in self.tasks if task.counts)

    @cached_property
    def references(self) -> tuple[Entry, ...]:
        """The reference lineages, in order of label."""
        return tuple(entry for entry in self.entries if entry.reference)

    def competitors(self, track: str) -> tuple[Entry, ...]:
        """Entries of a track, references left out."""
        return tuple(entry for entry in self.entries if entry.track == track and not entry.reference)

    @cached_property
    def scores(self) -> Mapping[Key, float]:
        """Recovered gap R of every (label, task, seed) on the counting tasks whose seed has both references."""
        counting = {task.name for task in self.counting}
        scores: dict[Key, float] = {}
        for (label, task, seed), loss in self.losses.items():
            worst, best = (self.losses.get((name, task, seed), math.nan) for name in ("replace", "frozen"))
            if task in counting and math.isfinite(worst - best) and worst != best:
                scores[label, task, seed] = (worst - loss) / (worst - best)
        return scores

    def _values(self, entry: Entry, task: BoardTask) -> list[float]:
        keys = [(entry.label, name, seed) for name, seed in entry.cells if name == task.name]
        return [self.scores[key] for key in keys if key in self.scores]

    def score(self, entry: Entry, task: BoardTask) -> Interval:
        """R on one task: mean over seeds with the Student-t half-width."""
        return student_t_interval(self._values(entry, task))

    def overall(self, entry: Entry) -> Overall:
        """R over the counting tasks that the entry has, whether it is complete or not."""
        strata = [values for task in self.counting if (values := self._values(entry, task))]
        return Overall(stratified_interval(strata), student_t_interval([np.mean(values) for values in strata]))

    def cell_state(self, entry: Entry, task: str, seed: int) -> State:
        """How one cell stands; one that ran to the end with a loss that is not finite counts as diverged."""
        result = entry.cells.get((task, seed))
        if result is None or result.cell.status == "running":
            return "missing"
        if result.cell.status == "done" and not math.isfinite(self.losses[entry.label, task, seed]):
            return "diverged"
        return result.cell.status

    def cells_in(self, entry: Entry, state: State, tasks: Iterable[BoardTask] | None = None) -> dict[str, list[int]]:
        """Seeds of an entry that stand in `state`, by task; by default over the tasks it needs."""
        found: dict[str, list[int]] = {}
        for task in self.needed(entry) if tasks is None else tasks:
            seeds = [s for s in range(self.protocol["seeds"]) if self.cell_state(entry, task.name, s) == state]
            if seeds:
                found[task.name] = seeds
        return found

    def needed(self, entry: Entry) -> tuple[BoardTask, ...]:
        """Tasks that an entry must have: the counting ones; all, for references and while none counts."""
        return self.tasks if entry.reference or not self.counting else self.counting

    def state(self, entry: Entry) -> State:
        """`done` when every (task, seed) that the entry needs is done, else the first of the other states."""
        return next((state for state in _WORST_FIRST if self.cells_in(entry, state)), "done")

    def standings(self, track: str) -> list[Standing]:
        """Complete entries of a track, best first, with ranks that two entries share unless told apart."""
        complete = [entry for entry in self.competitors(track) if self.counting and self.state(entry) == "done"]
        best_first = sorted(complete, key=lambda entry: -self.overall(entry).these_tasks.centre)
        ranks = rank_groups(self._paired(best_first))
        return [Standing(rank, entry) for rank, entry in zip(ranks, best_first, strict=True)]

    def resolution(self, track: str) -> float:
        """Median half-width of the paired differences between the ranked entries of a track."""
        return resolution_floor(self._paired([standing.entry for standing in self.standings(track)]))

    def _paired(self, entries: list[Entry]) -> list[list[float]]:
        """Scores `[entries, pairs]` over the (task, seed) that all entries have."""
        cells = sorted({(task, seed) for _, task, seed in self.scores})
        common = [cell for cell in cells if all((entry.label, *cell) in self.scores for entry in entries)]
        return [[self.scores[entry.label, task, seed] for task, seed in common] for entry in entries]

    def metric(self, entry: Entry, task: str, metric: str, t: int = -1) -> Interval:
        """A metric at generation `t` (by default the last) over the seeds that are done."""
        done = [result for result in entry.results(task) if result.cell.status == "done"]
        return student_t_interval([result.generations[t].metrics.get(metric, math.nan) for result in done])

    def start(self, task: BoardTask, metric: str) -> Interval:
        """A metric at generation 0, which all entries share, over seeds."""
        by_seed = {
            seed: result.generations[0].metrics.get(metric, math.nan)
            for entry in sorted(self.entries, key=lambda entry: entry.reference)  # references last: theirs stands
            for (name, seed), result in entry.cells.items()
            if name == task.name and result.generations
        }
        return student_t_interval([by_seed[seed] for seed in sorted(by_seed)])

    def reason(self, entry: Entry, task: str, seed: int) -> str:
        """Why a cell is not done."""
        cell = entry.cells[task, seed].cell
        return cell.reason or f"the scored {cell.task['primary']} is not finite"

    def diverged_at(self, entry: Entry, task: str, seed: int) -> int:
        """The generation that a diverged cell did not finish, or whose scored loss was the first not finite."""
        result = entry.cells[task, seed]
        primary = result.cell.task["primary"]
        broken = [g.t for g in result.generations if not math.isfinite(g.metrics[primary])]
        return broken[0] if broken else len(result.generations)

    def costs(self, entry: Entry) -> dict[str, float]:
        """Cost columns at the last generation and `seconds`, averaged over seeds and summed over the tasks needed.

        Empty for an entry that is not complete: its sum over fewer cells would look cheap.
        """
        if self.state(entry) != "done":
            return {}
        total = dict.fromkeys([*COSTS, "seconds"], 0.0)
        for task in self.needed(entry):
            results = entry.results(task.name)
            for column, names in COSTS.items():
                counts = [sum(result.generations[-1].ledger.get(name, 0) for name in names) for result in results]
                total[column] += float(np.mean(counts))
            total["seconds"] += float(np.mean([_seconds(result) for result in results]))
        return total

    def real_share(self, entry: Entry, tasks: Iterable[BoardTask] | None = None) -> float:
        """Share of real rows among those trained on, mean over t ≥ 1, seeds and tasks; NaN before any has run."""
        names = [task.name for task in (self.needed(entry) if tasks is None else tasks)]
        shares = [
            generation.real_share
            for name in names
            for result in entry.results(name)
            for generation in result.generations[1:]
        ]
        return float(np.mean(shares)) if shares else math.nan

    def across_machines(self, entry: Entry) -> bool:
        """Whether a cell ran on another machine than a reference of the same (task, seed)."""
        for key, result in entry.cells.items():
            paired = [reference.cells[key] for reference in self.references if key in reference.cells]
            if any(_machine(other) != _machine(result) for other in paired):
                return True
        return False

    def command(self, entry: Entry, tasks: Iterable[str]) -> str:
        """The command line that runs this entry's cells on `tasks`."""
        words = ["collapsebench", "run", "--method", entry.name, "--task", ",".join(tasks)]
        if entry.label != entry.name:
            words += [word for key, value in entry.params.items() for word in ("--set", f"{key}={value}")]
        return shlex.join([*words, "--protocol", self.protocol["name"]])

    def missing_references(self) -> dict[str, list[str]]:
        """Tasks on which `replace` or `frozen` has no cell at all, by reference; its command brings them in."""
        names = {entry.name: entry for entry in self.references}
        tasks = [task.name for task in self.tasks]
        absent = {
            reference: [task for task in tasks if reference not in names or not names[reference].results(task)]
            for reference in ("replace", "frozen")
        }
        return {reference: without for reference, without in absent.items() if without}


def load_board(folder: Path) -> Board:
    """The board of `<folder>/records/*.jsonl`, whatever order the files are read in.

    Raises:
        StoreError: no records, a line that is not a record, a cell that stands twice, or records that were
            not made under the same protocol, task and method sources.
    """
    found = [(path, result) for path in sorted((folder / "records").glob("*.jsonl")) for result in read_results(path)]
    if not found:
        raise StoreError(f"No records in {folder / 'records'}.", "`collapsebench run` writes them.")
    found.sort(key=lambda item: (item[1].cell.task["name"], item[1].cell.method["label"], item[1].cell.seed))
    _require_one_source(found)
    _require_distinct(found)
    results = [result for _, result in found]
    protocol = results[0].cell.protocol
    losses = {_key(result): scored_loss(result) for result in results if result.cell.status == "done"}
    tasks = tuple(_board_task(name, results, losses) for name in protocol["tasks"])
    return Board(protocol, tasks, _entries(results), losses)


def scored_loss(result: CellResult) -> float:
    """L: the primary metric of a done cell, averaged over the last generations that the protocol names."""
    last = result.generations[-result.cell.protocol["average_last"] :]
    return float(np.mean([generation.metrics[result.cell.task["primary"]] for generation in last]))


def _key(result: CellResult) -> Key:
    cell = result.cell
    return cell.method["label"], cell.task["name"], cell.seed


def _seconds(result: CellResult) -> float:
    return sum(seconds for generation in result.generations for seconds in generation.seconds.values())


def _machine(result: CellResult) -> str:
    return str(result.cell.environment.get("machine", ""))


def _require_one_source(found: list[tuple[Path, CellResult]]) -> None:
    """Refuse to pair cells that were run under different rules."""
    first: dict[tuple[str, str], tuple[str, Path]] = {}
    for path, result in found:
        cell = result.cell
        parts = (
            ("protocol", "", cell.protocol["name"], cell.protocol["digest"]),
            ("task", cell.task["name"], cell.task["name"], cell.task["digest"]),
            ("method", cell.method["label"], cell.method["label"], cell.method["digest"]),
        )
        for kind, group, name, digest in parts:
            known, other = first.setdefault((kind, group), (digest, path))
            if known != digest:
                where = f"{path} holds" if path == other else f"{other} and {path} hold"
                raise StoreError(
                    f"{where} records of different versions of {kind} '{name}' ({known[:8]} and {digest[:8]}).",
                    "Delete the older records and run their cells again.",
                )


def _require_distinct(found: list[tuple[Path, CellResult]]) -> None:
    seen: dict[Key, Path] = {}
    for path, result in found:
        label, task, seed = key = _key(result)
        if key in seen:
            raise StoreError(
                f"The cell of {label} on {task} with seed {seed} stands twice, in {seen[key]} and in {path}.",
                "Keep one of them.",
            )
        seen[key] = path


def _board_task(name: str, results: list[CellResult], losses: Mapping[Key, float]) -> BoardTask:
    card = next((result.cell.task for result in results if result.cell.task["name"] == name), None)
    if card is None:
        return BoardTask(name)
    by_seed = [
        {seed: loss for (label, task, seed), loss in losses.items() if (label, task) == (reference, name)}
        for reference in ("replace", "frozen")
    ]
    replace, frozen = by_seed
    seeds = [seed for seed in replace if seed in frozen and math.isfinite(replace[seed] - frozen[seed])]
    return BoardTask(
        name=name,
        title=card["title"],
        primary=card["primary"],
        unit=card["unit"],
        version=card["version"],
        shown=tuple(card["shown"]),
        metrics=card["metrics"],
        gap=paired_gap([replace[s] for s in seeds], [frozen[s] for s in seeds]) if seeds else None,
    )


def _entries(results: list[CellResult]) -> tuple[Entry, ...]:
    entries = []
    for label in sorted({result.cell.method["label"] for result in results}):
        own = [result for result in results if result.cell.method["label"] == label]
        method = own[0].cell.method
        entries.append(
            Entry(
                label=label,
                name=method["name"],
                title=method["title"],
                description=method["description"],
                paper=method["paper"],
                track=method["track"],
                reference=method["reference"],
                params=method["params"],
                cells={(result.cell.task["name"], result.cell.seed): result for result in own},
            )
        )
    return tuple(entries)


def write_board(folder: Path) -> list[Path]:
    """Bring the pages and curves of a board up to date with its records, each file whole or not at all.

    Returns:
        The pages of the board, `README.md` first, whether they changed or not.

    Raises:
        StoreError: as `load_board`.
    """
    board = load_board(folder)
    for path, content in _changes(board, folder).items():
        if content is None:
            path.unlink()
        else:
            write_atomic(path, content.encode())
    return [folder / name for name in _page_names(board)]


def stale_pages(folder: Path) -> list[Path]:
    """Pages and curves that `write_board` would write, rewrite or remove.

    Raises:
        StoreError: as `load_board`.
    """
    return sorted(_changes(load_board(folder), folder))


def _page_names(board: Board) -> list[str]:
    tracks = [f"{track}.md" for track in TRACKS if board.competitors(track)]
    return ["README.md", *tracks, *(f"{task.name}.svg" for task in board.tasks if task.primary)]


def _changes(board: Board, folder: Path) -> dict[Path, str | None]:
    """New content of every file that has to change; None for one that has to go."""
    from .render import markdown, svg

    changes: dict[Path, str | None] = {}
    for name in _page_names(board):
        path = folder / name
        old = path.read_bytes() if path.is_file() else None
        if path.suffix == ".svg":
            curves = svg.curves(board, path.stem)
            if old is None or svg.digest(curves).encode() not in old:
                changes[path] = svg.draw(curves)
        else:
            new = markdown.readme(board) if name == "README.md" else markdown.track_page(board, path.stem)
            if new.encode() != old:
                changes[path] = new
    known = {folder / name for name in _page_names(board)}
    generated = [folder / f"{track}.md" for track in TRACKS] + [
        path for path in folder.glob("*.svg") if svg.MARK.encode() in path.read_bytes()
    ]
    changes.update({path: None for path in generated if path.is_file() and path not in known})
    return changes


def summary_table(folder: Path) -> Table:
    """A compact table of a board for the terminal; incomplete entries are in it, with what they have.

    Raises:
        StoreError: as `load_board`.
    """
    from .render import terminal

    return terminal.summary(load_board(folder))
