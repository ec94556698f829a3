"""Claims about a committed board: paired differences of the scored loss, and a verdict on each claim."""

import statistics
import sys
from pathlib import Path

from collapsebench.board.load import load_board, scored_loss
from collapsebench.core.records import CellResult

Claims = dict[str, tuple[bool, list[float]]]
"""What is claimed -> whether it holds, and the figures that say so."""


class Measured:
    """The finished cells of a board in one setting, such as `storyworld/preserve`, by label of the entry."""

    def __init__(self, folder: Path, name: str) -> None:
        board = load_board(folder)
        setting = next(setting for setting in board.settings if setting.name == name)
        self.cells: dict[str, list[CellResult]] = {entry.label: entry.done(setting) for entry in board.entries}
        self.losses = {label: [scored_loss(cell) for cell in cells] for label, cells in self.cells.items()}

    def metric(self, label: str, name: str, t: int = -1) -> list[float]:
        """A metric of an entry at generation t, seed by seed."""
        return [cell.generations[t].metrics[name] for cell in self.cells[label]]

    def logged(self, label: str, name: str, t: int = -1) -> list[float]:
        """What an entry's method logged at generation t, seed by seed."""
        return [cell.generations[t].log[name] for cell in self.cells[label]]

    def worse(self, worse: str, better: str) -> tuple[float, list[float]]:
        """By how many paired standard errors one entry loses to another, and the differences by seed."""
        return paired(self.losses[worse], self.losses[better])

    def between(self, label: str, better: str, worse: str) -> bool:
        """Whether an entry lies between two others in every seed."""
        rows = zip(self.losses[better], self.losses[label], self.losses[worse], strict=True)
        return all(low < middle < high for low, middle, high in rows)


def paired(larger: list[float], smaller: list[float]) -> tuple[float, list[float]]:
    """By how many paired standard errors one list is larger than another, and the differences by seed."""
    gaps = [a - b for a, b in zip(larger, smaller, strict=True)]
    error = statistics.stdev(gaps) / len(gaps) ** 0.5
    return statistics.mean(gaps) / error, gaps


def board_folder(default: str) -> Path:
    """The board that the command line names, else the default one."""
    return Path(sys.argv[1] if len(sys.argv) > 1 else default)


def verdict(claims: Claims) -> None:
    """Print every claim with its figures; exits 1 if one does not hold."""
    for claim, (holds, figures) in claims.items():
        print(f"{'holds' if holds else 'FAILS'}: {claim}: {' '.join(f'{figure:.3f}' for figure in figures)}")
    sys.exit(not all(holds for holds, _ in claims.values()))
