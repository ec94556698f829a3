"""How often a board's intervals are right, and how often its ranks tell equal entries apart, in simulated boards.

`python benchmarks/coverage.py` prints the table of docs/statistics.md. Worlds are drawn after the committed boards:
spreads of R over seeds from .001 to 5, differing a hundredfold between the tasks of one board.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tabulate import tabulate

from collapsebench.board.stats import (
    GAP_FACTOR,
    Interval,
    interquartile_mean,
    paired_gap,
    rank_groups,
    stratified_interval,
    student_t_interval,
)

SEEDS = (3, 5)
BOARDS = 1000

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Losses:
    """One task: L_replace − L_frozen has mean 1 and coefficient of variation `gap`, L − L_frozen has mean `excess`.

    Args:
        gap: .01 to .26 on the committed boards.
        excess: 1 − R.
        spread: coefficient of variation of the excess.
        correlation: between the two over seeds.
        skewed: draw both from log-normal distributions, not normal ones.
    """

    gap: float
    excess: float
    spread: float
    correlation: float
    skewed: bool = False

    def recovered(self, boards: int, seeds: int, rng: np.random.Generator) -> Floats:
        """R of every seed, `[passed, seeds]`, on those of the boards where the task passes the gate."""
        common, own = rng.standard_normal((2, boards, seeds))
        own = self.correlation * common + math.sqrt(1 - self.correlation**2) * own
        gaps = self._around_one(common, self.gap)
        passed = [paired_gap(row, np.zeros(seeds)).ratio > GAP_FACTOR for row in gaps]
        return (1 - self.excess * self._around_one(own, self.spread) / gaps)[passed]

    def _around_one(self, standard: Floats, spread: float) -> Floats:
        if not self.skewed:
            return 1 + spread * standard
        width = math.sqrt(math.log1p(spread**2))
        return np.exp(width * standard - width**2 / 2)


METHODS = {
    "nearly as good as frozen": (0.06, 1.0, 0.6),
    "half way": (0.4, 0.2, 0.2),
    "no better than replace": (1.2, 0.2, -0.8),
    "far worse than replace": (7.0, 0.3, -0.9),
}
"""Excess, its spread and its correlation with the gap."""

ENTRIES = {
    "two tasks": ((0.71, 0.5), (0.057, 0.033)),
    "three tasks, equal spread": ((0.1, 0.5, 0.9), (0.15, 0.15, 0.15)),
    "three tasks, spreads 1 : 5 : 25": ((0.1, 0.5, 0.9), (0.02, 0.1, 0.5)),
    "three tasks, the middle one noisy": ((0.1, 0.5, 0.9), (0.02, 0.5, 0.02)),
    "seven tasks, like accumulate": (
        (0.88, 0.52, 0.95, 0.89, 0.9, 0.545, 0.79),
        (0.016, 0.16, 0.07, 0.012, 0.04, 0.03, 0.02),
    ),
    "seven tasks, like surplexity": (
        (-5.9, -3.2, -0.92, -3.1, -2.3, -0.43, -0.6),
        (2.4, 0.6, 0.2, 1.2, 1.5, 0.06, 0.56),
    ),
    "seven tasks, like verify_filter": (
        (0.36, 0.84, 0.85, 0.0, 0.33, -8.0, 0.0),
        (0.12, 0.14, 0.05, 0.0, 0.07, 5, 0.06),
    ),
}
"""Means of R by task, and standard deviations over seeds."""


def covered(intervals: Sequence[Interval], truth: float) -> float:
    """Share of the intervals that hold the truth."""
    return float(np.mean([interval.low <= truth <= interval.high for interval in intervals]))


def task_coverage(losses: Losses, seeds: int, boards: int = BOARDS) -> float:
    """Of one task's ± for the R that the expected losses have."""
    values = losses.recovered(boards, seeds, np.random.default_rng(0))
    return covered([student_t_interval(row) for row in values], 1 - losses.excess)


def overall_coverage(means: Sequence[float], spreads: Sequence[float], seeds: int, boards: int = BOARDS) -> float:
    """Of "these tasks" for the mean of the overall score over redrawn seeds."""
    rng = np.random.default_rng(0)
    shape = (len(means), seeds)
    around, width = np.array(means)[:, None], np.array(spreads)[:, None]
    truth = float(
        np.mean([interquartile_mean(around + width * rng.standard_normal(shape)) for _ in range(10 * boards)])
    )
    return covered(
        [stratified_interval(list(around + width * rng.standard_normal(shape))) for _ in range(boards)], truth
    )


def new_tasks_coverage(
    draw: Callable[[np.random.Generator, int], Floats], tasks: int, seeds: int, boards: int = BOARDS
) -> float:
    """Of "tasks like these" for the mean of R over all tasks, where `draw` gives a task's R and has mean 0."""
    rng = np.random.default_rng(0)
    intervals = []
    for _ in range(boards):
        noise = rng.lognormal(-2, 1, (tasks, 1)) * rng.standard_normal((tasks, seeds))
        intervals.append(student_t_interval(draw(rng, tasks) + noise.mean(axis=1)))
    return covered(intervals, 0.0)


def false_ranks(entries: int, spreads: Sequence[float], seeds: int, boards: int = BOARDS) -> float:
    """Share of boards on which equal entries do not all share rank 1."""
    rng = np.random.default_rng(0)
    wrong = 0
    for _ in range(boards):
        scores = (np.array(spreads)[:, None] * rng.standard_normal((entries, len(spreads), seeds))).reshape(entries, -1)
        order = np.argsort([-interquartile_mean(row) for row in scores])
        wrong += max(rank_groups(scores[order])) > 1
    return wrong / boards


def task_rows() -> list[list[str]]:
    """R on one task: the worst over methods, by the noise of the gap and its shape."""
    normal = list(METHODS.values())
    skewed = normal[1:]  # an excess near nought is a difference of two equals, hence not skewed; see the last row
    worlds = {
        f"gap varies by {gap:.0%}, {shape} losses, worst method": [
            Losses(gap, *m, shape == "log-normal") for m in methods
        ]
        for shape, methods in (("normal", normal), ("log-normal", skewed))
        for gap in (0.05, 0.13, 0.26, 0.45)
    }
    worlds["excess with a long tail of its own"] = [Losses(0.13, 0.06, 1.0, 0.6, skewed=True)]
    return [
        [f"one task: {name}", *(f"{min(task_coverage(world, n) for world in group):.3f}" for n in SEEDS)]
        for name, group in worlds.items()
    ]


def main() -> None:
    """Print one row per world and claim."""
    rows = task_rows()
    rows += [
        [f"these tasks: {name}", *(f"{overall_coverage(*world, n):.3f}" for n in SEEDS)]
        for name, world in ENTRIES.items()
    ]
    shapes: dict[str, Callable[[np.random.Generator, int], Floats]] = {
        "normal": lambda rng, k: 0.4 * rng.standard_normal(k),
        "exponential, a long tail of bad tasks": lambda rng, k: 0.4 * (1 - rng.exponential(size=k)),
    }
    rows += [
        [f"tasks like these: {k} tasks, {name}", *(f"{new_tasks_coverage(draw, k, n):.3f}" for n in SEEDS)]
        for name, draw in shapes.items()
        for k in (3, 7)
    ]
    rows += [
        [f"equal entries told apart: {k} entries, {name}", *(f"{false_ranks(k, s, n):.3f}" for n in SEEDS)]
        for name, s in (("equal spread", [0.1] * 7), ("spreads 1 : 50", [0.02, 0.05, 0.1, 0.3, 1.0, 0.1, 0.05]))
        for k in (2, 6, 10)
    ]
    print(tabulate(rows, ["of 95 % intervals", *(f"{n} seeds" for n in SEEDS)], tablefmt="pipe", disable_numparse=True))


if __name__ == "__main__":
    main()
