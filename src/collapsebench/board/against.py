"""An entry against a reference: whether it is told apart from it, how often its loss is lower, and who is its copy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from .stats import LEVEL, paired_p_value, probability_of_improvement

if TYPE_CHECKING:
    from .model import Board, BoardTask, Entry

Verdict = Literal["better", "level", "worse"]


@dataclass(frozen=True)
class Against:
    """How an entry stands to a reference over the tasks that count for it.

    Args:
        verdict: `level` where the two would share a rank.
        improvement: probability of improvement, the share of seeds on which the entry's loss is the lower one.
    """

    verdict: Verdict
    improvement: float


def against(board: Board, entry: Entry, reference: str = "frozen") -> Against | None:
    """The entry against a reference, whoever else entered; None where it has no overall score."""
    other = next((r for r in board.references if r.label == reference), None)
    if other is None or not board.scored(entry):
        return None
    pairs = [pair for task in board.scope(entry) if (pair := _paired(board, entry, other, task))[0]]
    ours, theirs = [own for own, _ in pairs], [their for _, their in pairs]
    keys = [key for key in board.scores if key[0] == entry.label]
    ahead = np.array([board.scores[key] - board.scores[(reference, *key[1:])] for key in keys])
    told = paired_p_value(ahead) < 1 - LEVEL
    verdict: Verdict = "level" if not told else "better" if ahead.mean() > 0 else "worse"
    return Against(verdict, probability_of_improvement(ours, theirs))


def copy_of(board: Board, entry: Entry) -> str:
    """The reference whose scored losses an entry has on every task and seed to the last bit, or ""."""
    if not board.scored(entry):
        return ""
    twins = {board.twin(entry, task) for task in board.scope(entry)}
    return twins.pop() if len(twins) == 1 else ""


def _paired(board: Board, entry: Entry, other: Entry, task: BoardTask) -> tuple[list[float], list[float]]:
    ours, theirs = board.losses_of(entry, task), board.losses_of(other, task)
    seeds = [seed for seed in ours if seed in theirs]
    return [ours[seed] for seed in seeds], [theirs[seed] for seed in seeds]
