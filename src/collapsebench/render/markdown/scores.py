"""The table of scores: ranks, the recovered gap overall and by task, and how far apart entries can be told."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from ...board.against import against, copy_of
from ..numbers import MISSING, OUTSIDE, measured, number, score, span
from ..words import plural, score_notes, standing_of_records
from .text import Footnotes, blocks, code, linked, plain, table, task_link

if TYPE_CHECKING:
    from ...board import Board, BoardTask, Entry, Standing


Row = tuple["Standing | None", "Entry"]


def rows_of(board: Board, tracks: Iterable[str]) -> list[Row]:
    """Ranked entries by track, each track's others that only lack skipped or diverged tasks, then the references."""
    rows: list[Row] = []
    for track in tracks:
        ranked = board.standings(track)
        placed = {standing.entry.label for standing in ranked}
        rows += [(standing, standing.entry) for standing in ranked]
        rows += [
            (None, entry)
            for entry in board.competitors(track)
            if entry.label not in placed and board.state(entry) not in {"missing", "failed"}
        ]
    return rows + [(None, entry) for entry in board.references]


def scores_section(board: Board, tracks: Sequence[str], with_track: bool) -> str:
    """Entries by track and rank with R overall and by task, and what has to be said about them."""
    tasks, notes = board.counting, Footnotes()
    lead = ["rank", *(["track"] if with_track else []), "entry"]
    header = [*lead, "tasks", "overall R", "these tasks", "tasks like these", "against frozen"]
    rows = []
    for standing, entry in rows_of(board, tracks):
        overall = board.overall(entry)
        complete = board.scored(entry)
        row = [str(standing.rank) if standing else "" if entry.reference else MISSING]
        row += ["" if entry.reference else entry.track] if with_track else []
        row += [linked(board, entry) + _copy_mark(board, entry) + _badge(entry), coverage(board, entry)]
        row += [score(overall.seed_interval.centre) if complete else MISSING]
        row += [span(overall.seed_interval), span(overall.task_interval)] if complete else [MISSING, MISSING]
        row += [against_frozen(board, entry)]
        rows.append(row + [_noted_score(board, entry, task, notes) for task in tasks])
    scores = table([*header, *(task_link(task) for task in tasks)], rows, left=len(lead))
    entries = [entry for track in tracks for entry in board.competitors(track)]
    return blocks(scores, str(notes), *score_notes(board, [*entries, *board.references], code, plain))


def _copy_mark(board: Board, entry: Entry) -> str:
    original = copy_of(board, entry)
    return f" = *{plain(original)}*" if original else ""


def _badge(entry: Entry) -> str:
    """A mark for records that were verified or are stale; what is self-reported has none."""
    return {"verified": " ✓", "stale": " (stale)"}.get(standing_of_records(entry), "")


def against_frozen(board: Board, entry: Entry) -> str:
    """`worse, 5 %`: the verdict beside `frozen`, and the probability of improvement over it."""
    standing = against(board, entry)
    return f"{standing.verdict}, {100 * standing.improvement:.0f} %" if standing else MISSING


def coverage(board: Board, entry: Entry) -> str:
    """`5/6`: of the tasks that count (of all, while none does), those in the scope of an entry."""
    return f"{len(board.scope(entry))}/{len(board.counting or board.tasks)}"


def _noted_score(board: Board, entry: Entry, task: BoardTask, notes: Footnotes) -> str:
    if reason := board.lacks(entry, task):
        return OUTSIDE + notes.mark(plain(reason))
    twin = board.twin(entry, task)
    note = f"identical to {plain(twin)} on every seed, to the last bit: R says nothing of the method there"
    return task_score(board, entry, task) + (notes.mark(note) if twin else "")


def task_score(board: Board, entry: Entry, task: BoardTask) -> str:
    """R on one task, or that it diverged."""
    return diverged(board, entry, task) or measured(board.score(entry, task)).removeprefix(f"{MISSING} ± ")


def diverged(board: Board, entry: Entry, task: BoardTask) -> str:
    """`diverged at t=3 (2 of 3 seeds)`, or nothing."""
    seeds = board.cells_in(entry, "diverged", [task]).get(task.name, [])
    if not seeds:
        return ""
    first = min(board.diverged_at(entry, task.name, seed) for seed in seeds)
    return f"diverged at t={first} ({len(seeds)} of {plural(board.protocol.seeds, 'seed')})"


def resolution_line(board: Board, tracks: Sequence[str]) -> str:
    """Below which difference entries are, typically, not told apart; nothing where no two can be compared."""
    floors = [(track, board.resolution(track)) for track in tracks]
    known = [f"{track} {number(floor)}" for track, floor in floors if math.isfinite(floor)]
    if not known:
        return ""
    return (
        f"Resolution floor (median 95 % half-width of the paired difference between two entries): {', '.join(known)}."
    )
