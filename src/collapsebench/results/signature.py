"""Verification: the note that a maintainer ran a sample of a file's cells again, and the mark that follows from it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from pydantic import Field, ValidationError

from ..core.errors import RecordError
from ..core.files import sha256, write_atomic
from ..core.records import CellResult, Count, Digest, Key, List, Name, Part, Place, Scalar, Text, problem, result_lines
from ..loop.environment import environment

FOLDER = "verified"

NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Finite = Annotated[float, Field(allow_inf_nan=False)]


class Cell(Part):
    """A cell by what names it on a board."""

    task: Name
    world: Name
    label: Text
    seed: Count

    @property
    def place(self) -> Place:
        """As of its result."""
        return self.label, self.task, self.world, self.seed

    def __str__(self) -> str:
        return f"{self.label} on {self.task}/{self.world}, seed {self.seed}"


Agreed: TypeAlias = Literal["to the byte", "to rounding", "in what is scored", "as another draw"]


class Rerun(Cell):
    """A cell that was run again, and agreed.

    Args:
        seconds: that the second run took.
        agreed: in what way; `in what is scored` or `as another draw` where rounding moves other metrics, or parts
            lineages of this task, on the verifying machine too.
        quantity: the number that moved most of what it may move; None where the records are equal.
        of_allowed: how much of it.
        references: its floor and ceiling, where they ran again on this machine: whether they gave their own records.
    """

    seconds: NonNegative
    agreed: Agreed
    quantity: Key | None
    of_allowed: Annotated[float, Field(ge=0, le=1)]
    references: dict[Text, bool]

    def __str__(self) -> str:
        moved = f", {self.quantity} by {self.of_allowed:.2g} of what it may" if self.quantity else ""
        return f"{super().__str__()} ({self.seconds:.1f} s): agrees {self.agreed}{moved}"


class Refusal(Cell):
    """A cell that did not agree. It is among the cells of every later verification, so that no other draw misses it.

    Args:
        records: digest of the file that it stood in.
        said: what was found.
        date: the day (UTC).
    """

    records: Digest
    said: Text
    date: Text


class HiddenScore(Part):
    """A score of an entry on public and on hidden seeds, as means of log2 V with the half-widths of their intervals.

    Args:
        label: of the entry.
        group: question and suite.
        public, hidden: the means.
        public_half_width, hidden_half_width: of their 95 % intervals.
        differs: whether the two means differ by a two-sided test at 1 %.
    """

    label: Text
    group: Key
    public: Finite
    public_half_width: NonNegative
    hidden: Finite
    hidden_half_width: NonNegative
    differs: bool


class Hidden(Part):
    """What `verify --hidden` found.

    Args:
        seeds: how many.
        commitment: to the maintainer's secret that they follow from, which is told nowhere.
        scores: of every entry and group that has both.
    """

    seeds: Count
    commitment: Digest
    scores: List[HiddenScore]


class Note(Part):
    """`verified/<method>.json`.

    Args:
        form: of these files. A note of an older form gives no mark: few of the numbers were compared for it.
        method: name, as of the file.
        records: digest of the records that it speaks of, to the byte; "" where none agreed yet.
        protocol: its digest.
        draw: the cells that ran again follow from it.
        drawn: who made it: the operating system, once the file was fixed, or the maintainer with `--draw`.
        cells: those that ran again.
        ended: cells of the file that could have been drawn.
        tolerance: share of the half-width of an interval that a number may differ by.
        hidden: what hidden seeds gave, if any were run.
        refused: cells of this or earlier files of the method that did not agree.
        date: the day (UTC).
        environment: of the process that verified.
    """

    form: Literal[2]
    method: Name
    records: Digest | Literal[""]
    protocol: Digest
    draw: Text
    drawn: Literal["by the system", "by hand"]
    cells: List[Rerun]
    ended: Count
    tolerance: NonNegative
    hidden: Hidden | None
    refused: List[Refusal]
    date: Text
    environment: dict[Key, Scalar]

    @property
    def in_words(self) -> str:
        """`3 of 48 cells ran again on 2026-11-25 (1 agreed as another draw only); 1 was refused before`."""
        refused = f"; {len(self.refused)} refused before" if self.refused else ""
        draws = sum(cell.agreed == "as another draw" for cell in self.cells)
        parted = f" ({draws} agreed as another draw only)" if draws else ""
        by_hand = "" if self.drawn == "by the system" else f", drawn {self.drawn}"
        return f"{len(self.cells)} of {self.ended} cells ran again on {self.date}{by_hand}{parted}{refused}"

    def hidden_scores(self, label: str) -> list[HiddenScore]:
        """The scores of an entry that hidden seeds were run for."""
        return [score for score in self.hidden.scores if score.label == label] if self.hidden else []


class Draw(Part):
    """Where the choice of cells comes from; as of `Note`."""

    draw: Text
    drawn: Literal["by the system", "by hand"]


def today() -> str:
    """The day (UTC)."""
    return datetime.now(UTC).date().isoformat()


def fingerprint(results: Iterable[CellResult]) -> str:
    """SHA-256 over the lines of the records of one method, seconds and environment too, whatever their order."""
    return sha256("\n".join(sorted("".join(result_lines(result)) for result in results)).encode())


def sign(
    folder: Path,
    results: Sequence[CellResult],
    draw: Draw,
    reruns: Sequence[Rerun],
    refusals: Sequence[Refusal] = (),
    tolerance: float = 0.0,
    hidden: Hidden | None = None,
) -> Path:
    """Write `verified/<method>.json` beside the records that were verified, or were refused.

    Args:
        folder: of the board.
        results: all cells of the file.
        draw: that the cells follow from.
        reruns: the cells that were run again, and agreed.
        refusals: those that did not; with any of them there is no mark.
        tolerance: within which they had to agree.
        hidden: what hidden seeds gave.
    """
    cell = results[0].cell
    path = folder / FOLDER / f"{cell.method.name}.json"
    before = read_note(path)
    note = Note(
        form=2,
        method=cell.method.name,
        records="" if refusals else fingerprint(results),
        protocol=cell.protocol.digest,
        **vars(draw),
        cells=tuple(reruns),
        ended=len(ended(results)),
        tolerance=tolerance,
        hidden=hidden,
        refused=(*(before.refused if before else ()), *refusals),
        date=today(),
        environment=environment(),
    )
    write_atomic(path, (json.dumps(note.model_dump(), indent=2, sort_keys=True) + "\n").encode())
    return path


def ended(results: Iterable[CellResult]) -> list[CellResult]:
    """The cells that gave numbers, and so can be run again."""
    return [result for result in results if result.cell.status in ("done", "diverged")]


def verified(folder: Path, results: Iterable[CellResult]) -> dict[str, Note]:
    """The notes on a board's records that speak of exactly these records, by name of the method.

    It follows from files beside the records, never from what is installed: `leaderboard --check` compares with that.

    Raises:
        RecordError: a file of `verified/` is not one that `verify --sign` wrote.
    """
    by_method: dict[str, list[CellResult]] = {}
    for result in results:
        by_method.setdefault(result.cell.method.name, []).append(result)
    notes = {method: read_note(folder / FOLDER / f"{method}.json") for method in by_method}
    return {name: note for name, note in notes.items() if note and note.records == fingerprint(by_method[name])}


def read_note(path: Path) -> Note | None:
    """The note of a file; None where there is none, or one of an older form.

    Raises:
        RecordError: it is not one that `verify --sign` wrote.
    """
    if not path.is_file():
        return None
    content = path.read_bytes()
    try:
        note = Note.model_validate_json(content)
    except ValidationError as error:
        if _of_older_form(content):
            return None
        field, said = problem(error)
        raise RecordError(
            f"{path}: {field or 'line 1'}: {said}.", "Delete it and run `collapsebench verify --sign`."
        ) from None
    if note.method != path.stem:
        raise RecordError(f"{path}: method: is not that of the file's name.", "Delete it.")
    return note


_OLDER = {"cells", "date", "environment", "method", "protocol", "records", "tolerance"}


def _of_older_form(content: bytes) -> bool:
    try:
        return set(json.loads(content)) == _OLDER
    except (ValueError, TypeError, RecursionError):
        return False
