"""How often a board's intervals are right, and how often its verdicts tell equal entries apart, in simulated boards.

`python benchmarks/coverage.py` prints the tables of docs/statistics.md. Only boards whose settings pass the gate are
asked: others show no worth.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from tabulate import tabulate

from collapsebench.board.stats import Interval, recovered_gap, student_t_interval
from collapsebench.board.worth import LearningCurve, ahead, mean_log2

SEEDS = (3, 5)
BOARDS = 1000
MULTIPLES = tuple(2.0**k for k in range(-4, 5))

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class World:
    """A setting whose expected loss on m times n_0 rows is floor + m ** -power.

    Args:
        noise: coefficient of variation of a fit's loss over its floor, log-normal over seeds.
        correlation: of the losses of one seed.
        closed: the curve's shape is known in closed form.
    """

    noise: float = 0.1
    correlation: float = 0.5
    floor: float = 0.0
    power: float = 1.0
    closed: bool = False

    def board(self, worths: Sequence[float], seeds: int, rng: np.random.Generator) -> tuple[LearningCurve, Floats]:
        """The curve, and the losses of entries with these worths, `[entries, seeds]`."""
        sizes = np.array([*MULTIPLES, *worths])
        common, own = rng.standard_normal((seeds, 1)), rng.standard_normal((seeds, len(sizes)))
        normal = math.sqrt(self.correlation) * common + math.sqrt(1 - self.correlation) * own
        width = math.sqrt(math.log1p(self.noise**2))
        losses = self.floor + sizes**-self.power * np.exp(width * normal - width**2 / 2)
        measured, entries = losses[:, : len(MULTIPLES)], losses[:, len(MULTIPLES) :]
        if not self.closed:
            return LearningCurve(MULTIPLES, measured), entries.T
        shape = self.floor + np.array(MULTIPLES) ** -self.power
        return LearningCurve.of_shape(MULTIPLES, shape, measured[:, MULTIPLES.index(1)]), entries.T


Board = tuple[tuple[LearningCurve, Floats], ...]


def boards(
    worlds: Sequence[World], worths: Sequence[Sequence[float]], seeds: int, number: int = BOARDS
) -> Iterator[Board]:
    """Boards with these settings, and of each the entries of these worths, on which all settings count."""
    rng = np.random.default_rng(0)
    for _ in range(number):
        board = tuple(w.board(v, seeds, rng) for w, v in zip(worlds, worths, strict=True))
        if all(curve.counts for curve, _ in board):
            yield board


def covered(intervals: Iterable[Interval], truth: float) -> float:
    """Share of the intervals that hold the truth."""
    return float(np.mean([interval.low <= truth <= interval.high for interval in intervals]))


def worth_coverage(world: World, worth: float, seeds: int, number: int = BOARDS) -> float:
    """Of the interval of log2 V in one setting, where the loss is within the curve."""
    found = [curve.worth(losses[0]) for ((curve, losses),) in boards([world], [[worth]], seeds, number)]
    return covered([w.log2 for w in found if not w.outside], math.log2(worth))


def score_coverage(worlds: Sequence[World], worths: Sequence[float], seeds: int, number: int = BOARDS) -> float:
    """Of the score's interval for new seeds in these settings."""
    intervals = [
        mean_log2([curve for curve, _ in board], [losses[0] for _, losses in board])
        for board in boards(worlds, [[worth] for worth in worths], seeds, number)
    ]
    return covered(intervals, float(np.log2(worths).mean()))


def new_settings_coverage(
    draw: Callable[[np.random.Generator, int], Floats], settings: int, seeds: int, number: int = BOARDS
) -> float:
    """Of the score's interval for settings like these, where `draw` gives a setting's log2 V and has mean 0."""
    rng = np.random.default_rng(0)
    noise = rng.lognormal(-2, 1, (number, settings, 1)) * rng.standard_normal((number, settings, seeds))
    return covered([student_t_interval(draw(rng, settings) + errors.mean(1)) for errors in noise], 0.0)


def recovered_coverage(gap: float, excess: float, noise: float, seeds: int, number: int = BOARDS) -> float:
    """Of R's interval, where L_floor - L_ceiling varies by `gap` and L - L_ceiling = `excess` by `noise`."""
    rng = np.random.default_rng(0)
    low, own = 1 + np.array([gap, noise])[:, None, None] * rng.standard_normal((2, number, seeds))
    zero = np.zeros(seeds)
    return covered(
        [recovered_gap(excess * own[i], low[i], zero) for i in range(number)],
        1 - excess,
    )


def told_apart(board: Board, one: int, other: int) -> bool:
    """Whether the board tells two of its entries apart."""
    ours, theirs = ([losses[entry] for _, losses in board] for entry in (one, other))
    return bool(ahead([curve for curve, _ in board], ours, [theirs])[0])


def splits(worlds: Sequence[World], worths: Sequence[Sequence[float]], seeds: int, number: int = BOARDS) -> float:
    """Share of boards on which some of the entries are told apart."""
    pairs = [(i, j) for i in range(len(worths[0])) for j in range(i)]
    told = [any(told_apart(board, *pair) for pair in pairs) for board in boards(worlds, worths, seeds, number)]
    return float(np.mean(told))


THREE = [World(0.05), World(0.1), World(0.2)]
UNEQUAL = [World(0.01), World(0.05), World(0.25)]
SEVEN = [World(noise) for noise in (0.02, 0.05, 0.05, 0.1, 0.1, 0.2, 0.25)]
WORTHS = (0.1, 0.6, 1.6, 6.0)


def coverage_rows() -> Iterator[list[str]]:
    """Intervals, the worst over the worths of an entry."""
    kinds = {
        "measured curve": World(),
        "losses of a seed uncorrelated": World(correlation=0.0),
        "correlated .9": World(correlation=0.9),
        "a floor of a fifth under the loss": World(floor=0.25),
        "shallow: n to the power -.3": World(power=0.3),
        "curve in closed form": World(closed=True),
    }
    for name, kind in kinds.items():
        for noise in (0.02, 0.1, 0.25):
            world = replace(kind, noise=noise)
            yield row(f"V: {name}, {noise:.0%} noise", lambda n, w=world: min(worth_coverage(w, v, n) for v in WORTHS))
    for name, worlds, worths in (
        ("three settings", THREE, (0.6, 1.6, 3.0)),
        ("three, noise 1 : 5 : 25", UNEQUAL, (0.6, 1.6, 3.0)),
        ("seven settings", SEVEN, (0.1, 0.6, 0.6, 0.9, 1.1, 1.6, 3.0)),
    ):
        yield row(f"score: {name}", lambda n, w=worlds, v=worths: score_coverage(w, v, n))
    shapes: dict[str, Callable[[np.random.Generator, int], Floats]] = {
        "normal": lambda rng, k: rng.standard_normal(k),
        "a long tail of bad settings": lambda rng, k: 1 - rng.exponential(size=k),
    }
    for name, draw in shapes.items():
        for k in (3, 7):
            yield row(
                f"settings like these: {k}, {name}", lambda n, d=draw, settings=k: new_settings_coverage(d, settings, n)
            )
    for gap in (0.05, 0.25, 0.45):
        yield row(
            f"R: gap varies by {gap:.0%}",
            lambda n, g=gap: min(recovered_coverage(g, *m, n) for m in ((0.06, 1.0), (0.4, 0.2), (7.0, 0.3))),
        )


def split_rows() -> Iterator[list[str]]:
    """Equal entries told apart, and how far unequal ones must be to be told apart."""
    for name, worlds in (
        ("one setting", [World()]),
        ("one setting, 25 % noise", [World(0.25)]),
        ("two", [World(), World(0.2)]),
        ("three", THREE),
        ("three, noise 1 : 5 : 25", UNEQUAL),
        ("seven", SEVEN),
    ):
        yield row(f"2 equal entries, {name}", lambda n, w=worlds: splits(w, [[1.5, 1.5]] * len(w), n))
    yield row("one is twice as good here and half as good there, two settings", lambda n: splits(*OPPOSITE, n))
    yield row("one is half as good in one setting of five", lambda n: splits(*ONCE, n))
    for entries in (6, 10):
        yield row(
            f"any of {entries} equal entries, three",
            lambda n, k=entries: splits(THREE, [[1.5] * k] * 3, n, BOARDS // 4),
        )
    for ratio in (1.1, 1.5, 2.0):
        yield row(f"worth {ratio} times as much, one setting", lambda n, r=ratio: splits([World()], [[1.0, r]], n))
        yield row(f"worth {ratio} times as much, three", lambda n, r=ratio: splits(THREE, [[1.0, r]] * 3, n))


ONCE = ([World()] * 5, [[1.0, 0.5]] + [[1.0, 1.0]] * 4)
OPPOSITE = ([World(), World()], [[1.0, 2.0], [1.0, 0.5]])


def row(name: str, share: Callable[[int], float]) -> list[str]:
    """A line of a table: the share at each number of seeds."""
    return [name, *(f"{share(seeds):.3f}" for seeds in SEEDS)]


def main() -> None:
    """Print one row per world and claim."""
    seeds = [f"{n} seeds" for n in SEEDS]
    for title, rows in (
        ("of 95 % intervals, the share that held the truth", coverage_rows()),
        ("of boards, the share that told entries apart", split_rows()),
    ):
        print(tabulate(rows, [title, *seeds], tablefmt="pipe", disable_numparse=True), end="\n\n")


if __name__ == "__main__":
    main()
