"""Hidden seeds: an entry and its references on seeds that only a maintainer knows, beside what public seeds gave.

Public seeds are 0, 1, ...: who tries many variants of a method keeps the one that is lucky on them. On seeds that
follow from a secret he is no luckier than anybody. The scores of both are paired with the references of their own
seeds, and compared by Welch's test, two-sided at 1 %.
"""

from __future__ import annotations

import hashlib
import hmac
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from ..core.method import Method
from ..core.records import CellResult
from ..loop.cell import Cell
from ..loop.plan import enumerate_cells
from ..loop.protocol import Protocol
from ..loop.world import CURVE
from ..results.signature import HiddenScore
from .cells import Entry, Setting
from .model import Board
from .stats import Interval, t_quantile
from .worth import mean_log2

LEVEL = 0.99
"""Coverage beyond which two scores differ."""

FIRST = 2**52
"""Hidden seeds lie between this and twice as much: no protocol has them, and a record holds them exactly."""


def commitment(secret: bytes, protocol: str) -> str:
    """What a note says of a secret: whoever has it can show that these were its seeds; nobody finds it from this."""
    return hmac.new(secret, f"commitment\0{protocol}".encode(), hashlib.sha256).hexdigest()


def hidden_seed(secret: bytes, protocol: str, task: str, number: int) -> int:
    """A seed of one task, the same in all of its worlds and for all methods."""
    drawn = hmac.new(secret, f"{protocol}\0{task}\0{number}".encode(), hashlib.sha256).digest()
    return FIRST + int.from_bytes(drawn[:8], "big") % FIRST


def hidden_cells(
    rules: Protocol, methods: Sequence[Method], seeds: int, secret: bytes, plugins: Sequence[str] = ()
) -> list[tuple[Cell, int]]:
    """The cells of some methods, of the floor and ceiling of each world and of learning curves, with their numbers.

    Args:
        rules: of the public records.
        methods: the entries.
        seeds: how many.
        secret: that the seeds follow from.
        plugins: plug-in files that workers must load.
    """
    protocol = rules.digest()
    wanted = {"frozen", *(method.label for method in methods)}
    return [
        (replace(cell, seed=hidden_seed(secret, protocol, cell.task.name, cell.seed)), cell.seed)
        for cell in enumerate_cells(rules.model_copy(update={"seeds": seeds}), methods, plugins=plugins)
        if cell.world_name == CURVE or cell.method.label in {*wanted, *cell.world.question[1:]}
    ]


def hidden_scores(public: Board, hidden: Board, labels: Iterable[str]) -> Iterator[HiddenScore]:
    """Each entry in each group, over the settings that count on public seeds and that both boards cover."""
    settings = {setting.name: setting for setting in hidden.settings}
    for label in labels:
        own, other = ({entry.label: entry for entry in board.entries}.get(label) for board in (public, hidden))
        for group in public.groups if own and other else ():
            assert own is not None and other is not None
            shared = [s for s in public.scope.covered(own, group) if s.name in settings]
            one = _score(public, own, shared)
            two = _score(hidden, other, [settings[s.name] for s in shared])
            if one and two:
                yield HiddenScore(
                    label=label,
                    group=f"{group.question}, {group.suite}",
                    public=one[0].centre,
                    public_half_width=one[0].half_width,
                    hidden=two[0].centre,
                    hidden_half_width=two[0].half_width,
                    differs=_differ(one, two),
                )


def _score(board: Board, entry: Entry, settings: Sequence[Setting]) -> tuple[Interval, int] | None:
    """The mean of log2 V and the number of its seeds; None where there is no interval."""
    losses = [board.losses_of(entry, setting) for setting in settings]
    if not settings or any(setting.curve is None for setting in settings):
        return None
    shared = set.intersection(*({*s.seeds} & own.keys() for s, own in zip(settings, losses, strict=True)))
    seeds = sorted(shared)
    if len(seeds) < 2:
        return None
    own = [[of[seed] for seed in seeds] for of in losses]
    return mean_log2([setting.curve_of(seeds) for setting in settings], own), len(seeds)


def _differ(one: tuple[Interval, int], two: tuple[Interval, int]) -> bool:
    """Welch's test of two means with their intervals and numbers of seeds."""
    errors = [interval.half_width / t_quantile(seeds - 1) for interval, seeds in (one, two)]
    apart, variance = abs(one[0].centre - two[0].centre), sum(error**2 for error in errors)
    if not variance:
        return apart > 1e-9
    freedom = variance**2 / sum(error**4 / (seeds - 1) for error, (_, seeds) in zip(errors, (one, two), strict=True))
    return apart > t_quantile(freedom, LEVEL) * math.sqrt(variance)


def renumbered(result: CellResult, number: int) -> CellResult:
    """A result on a hidden seed as one that a board takes, without the seed."""
    return replace(result, cell=result.cell.changed(seed=number))
