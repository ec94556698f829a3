"""What a board says if its references and learning curves come from a machine that rounds in another way.

`python benchmarks/rounding.py [FOLDER]` reads the records of a board (`leaderboards/quick` by default), multiplies
every loss of a reference or a learning curve by 1 + size * N(0, 1), independently, ten times for each size, and
compares the board with that of the records as they are. It prints a table of docs/statistics.md.
"""

import math
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
from tabulate import tabulate

from collapsebench.board import Board, load_board
from collapsebench.core.records import CellResult, write_results
from collapsebench.results.reader import read_results

Key = tuple[str, ...]

KINDS = ("verdicts", "ranks", "names", "settings that count")
SIZES = (1e-9, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1)
NAMED = 1e-5
"""Up to this size, what changes is named."""

DRAWS = 10


def moved(result: CellResult, size: float, random: np.random.Generator) -> CellResult:
    """The cell with another loss in every generation."""
    primary = result.cell.task.primary
    factors = 1 + size * random.standard_normal(len(result.generations))
    generations = (
        g.changed(metrics={**g.metrics, primary: g.metrics[primary] * float(factor)})
        for g, factor in zip(result.generations, factors, strict=True)
    )
    return replace(result, generations=tuple(generations))


def elsewhere(source: Path, target: Path, size: float, random: np.random.Generator) -> Board:
    """The board of these records with references from another machine."""
    (target / "records").mkdir(parents=True, exist_ok=True)
    for path in sorted((source / "records").glob("*.jsonl")):
        results = read_results(path)
        if results[0].cell.method.reference:
            text = write_results([moved(result, size, random) for result in results])
        else:
            text = path.read_text(encoding="utf-8")
        (target / "records" / path.name).write_text(text, encoding="utf-8")
    return load_board(target)


class Said:
    """What a board says.

    Attributes:
        worth: log2 V in the settings that count, of the entries that are no references.
        recovered: R of the same.
        words: verdicts, ranks, names of what is not ranked, and which settings count.
    """

    def __init__(self, board: Board) -> None:
        self.worth: dict[Key, float] = {}
        self.recovered: dict[Key, float] = {}
        self.words: dict[str, dict[Key, object]] = {kind: {} for kind in KINDS}
        entries = [entry for entry in board.entries if not entry.reference]
        for setting in board.settings:
            self.words["settings that count"][setting.name,] = setting.counts
            for entry in entries if setting.counts else ():
                if worth := board.scores.worth(entry, setting):
                    self.worth[entry.label, setting.name] = worth.log2.centre
                    self.recovered[entry.label, setting.name] = board.scores.recovered(entry, setting).centre
        for group in board.groups:
            where = f"{group.question}, {group.suite}"
            for entry in entries:
                self.words["ranks"][entry.label, where] = board.ranks.rank(entry, group)
                self.words["names"][entry.label, group.question] = board.ranks.called(entry, group.question)
                for other in board.entries:
                    if other.reference or other.label > entry.label:
                        verdict = board.scores.verdict(entry, other, group)
                        self.words["verdicts"][entry.label, other.label, where] = verdict


def compared(before: Said, after: Said) -> tuple[float, float, dict[str, list[Key]]]:
    """The largest change of V, relatively, and of R, and what is said in other words."""
    both = before.worth.keys() & after.worth.keys()  # without settings that count no longer
    worth = max(2 ** abs(after.worth[key] - before.worth[key]) - 1 for key in both)
    recovered = max(abs(after.recovered[key] - before.recovered[key]) for key in both)
    words = {
        kind: [key for key, value in known.items() if after.words[kind].get(key) != value]
        for kind, known in before.words.items()
    }
    return worth, recovered, words


def main(folder: Path) -> None:
    """Print the table, and by name what the smallest sizes change."""
    with tempfile.TemporaryDirectory() as scratch:
        before = Said(load_board(folder))
        print({kind: len(known) for kind, known in before.words.items()}, f"worths: {len(before.worth)}")
        rows = []
        for size in SIZES:
            found = []
            for draw in range(DRAWS):
                random = np.random.default_rng([draw, round(-math.log10(size))])
                found.append(compared(before, Said(elsewhere(folder, Path(scratch) / f"{size}-{draw}", size, random))))
            counted = [
                f"{max(len(words[kind]) for _, _, words in found)} of {len(before.words[kind])}" for kind in KINDS
            ]
            rows.append([f"{size:g}", f"{max(f[0] for f in found):.1g}", f"{max(f[1] for f in found):.1g}", *counted])
            changes = {f"{kind}: {' / '.join(key)}" for _, _, words in found for kind in KINDS for key in words[kind]}
            for change in sorted(changes) if size <= NAMED else ():
                print(f"at {size:g}, {change}")
        print(tabulate(rows, headers=["moved by", "V moves by up to", "R by", *KINDS], tablefmt="pipe"))


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "leaderboards/quick"))
