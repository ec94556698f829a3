"""Scores: what entries are worth, how they stand to each other, and how they decay."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np

from .cells import AGAINST
from .pairs import Hidden, Pairs
from .stats import Interval, recovered_gap, student_t_interval
from .worth import Worth, mean_log2

if TYPE_CHECKING:
    from .cells import Cells, Entry, Group, Setting
    from .scope import Scope

Verdict = Literal["better", "level", "worse"]

OPPOSITE: Mapping[Verdict, Verdict] = {"better": "worse", "level": "level", "worse": "better"}

DIVERSITY = "diversity_ratio"
"""The metric that sets the diversity of samples against that of as many real examples: 1 is real."""

NEAR, NARROW, WILD = 1.0, 0.5, 2.0
"""Silent collapse: |log2 V| below the first, while diversity lies outside of the others."""


_NOWHERE = Interval(math.nan, math.nan)


@dataclass(frozen=True)
class Score:
    """Mean of log2 V over the settings of a group that an entry covers.

    Args:
        seeds: with its interval for new seeds in these settings.
        settings: the same mean with its interval for new settings like these.
        worst: the setting in which the entry is worth least.
        of: the settings.
    """

    seeds: Interval
    settings: Interval
    worst: Setting
    of: tuple[Setting, ...]


@dataclass(frozen=True)
class Scores:
    """The scores of a board: that of an entry needs its own cells, the learning curve and the references."""

    cells: Cells
    scope: Scope

    def worth(self, entry: Entry, setting: Setting) -> Worth | None:
        """Worth in one setting over the seeds that entry and curve have; None where they share none."""
        return self._worths[entry.label, setting.name]

    @cached_property
    def _worths(self) -> Mapping[tuple[str, str], Worth | None]:
        pairs = [(entry, setting) for entry in self.cells.entries for setting in self.cells.settings]
        return {(entry.label, setting.name): self._worth(entry, setting) for entry, setting in pairs}

    def _worth(self, entry: Entry, setting: Setting) -> Worth | None:
        losses = self.cells.losses_of(entry, setting)
        seeds = [seed for seed in setting.seeds if seed in losses]
        if setting.curve is None or not seeds:
            return None
        return setting.curve_of(seeds).worth([losses[seed] for seed in seeds])

    def recovered(self, entry: Entry, setting: Setting) -> Interval:
        """R by the setting's own floor and ceiling, over the seeds that all three have."""
        labels = (setting.world.floor, setting.world.ceiling)
        all_three = [self.cells.losses_of(one, setting) for one in (entry, *map(self.cells.reference, labels))]
        seeds = [seed for seed in all_three[0] if all(seed in losses for losses in all_three)]
        own, floor, ceiling = ([losses[seed] for seed in seeds] for losses in all_three)
        return recovered_gap(own, floor, ceiling)

    def score(self, entry: Entry, group: Group) -> Score | None:
        """Over the counting settings that the entry covers; None where it covers none, or cells are to come."""
        return self._scores[entry.label, group]

    @cached_property
    def _scores(self) -> Mapping[tuple[str, Group], Score | None]:
        pairs = [(entry, group) for entry in self.cells.entries for group in self.cells.groups]
        return {(entry.label, group): self._score(entry, group) for entry, group in pairs}

    def _score(self, entry: Entry, group: Group) -> Score | None:
        covered = self.scope.covered(entry, group)
        if not covered or self.scope.standing(entry, group) == "waits":
            return None
        seeds = [seed for seed in covered[0].seeds if all(seed in setting.seeds for setting in covered)]
        if not seeds:
            return None
        losses = [self.cells.losses_of(entry, setting) for setting in covered]
        over_seeds = mean_log2([s.curve_of(seeds) for s in covered], [[own[seed] for seed in seeds] for own in losses])
        log2 = {setting: worth.log2.centre for setting in covered if (worth := self.worth(entry, setting))}
        over_settings = Interval(over_seeds.centre, student_t_interval(list(log2.values())).half_width)
        return Score(over_seeds, over_settings, min(log2, key=lambda setting: log2[setting]), covered)

    def verdict(self, entry: Entry, other: Entry, group: Group) -> Verdict:
        """How an entry stands to another on the cells of counting settings that both have, whoever else entered."""
        if other.reference and not entry.reference:  # many are asked to stand to one reference
            return OPPOSITE[self.verdict(other, entry, group)]
        above = self.pairs[group].above(entry, other)
        return "better" if above > 0 else "worse" if above < 0 else "level"

    def hidden(self, entries: Sequence[Entry], group: Group) -> Hidden:
        """Where noise alone hides that one entry lies behind another, `[one, other]`.

        It does where the one is the noisier, and lies further behind than two scores can that are both as noisy as
        the references are as a median: else an entry that is wild with one seed would be level with everybody.
        """
        scores = [score.seeds if (score := self.score(entry, group)) else _NOWHERE for entry in entries]
        centres, widths = (np.array([getattr(s, part) for s in scores]) for part in ("centre", "half_width"))
        usual = [s.seeds.half_width for entry in self.cells.references if (s := self.score(entry, group))]
        allowed = math.sqrt(2) * float(np.median([width for width in usual if width > 0] or [math.inf]))
        return np.asarray((centres - centres[:, None] > allowed) & (widths[:, None] > widths))

    @cached_property
    def pairs(self) -> Mapping[Group, Pairs]:
        """The comparisons of every group."""
        return {group: Pairs(self.cells, group) for group in self.cells.groups}

    def against(self, entry: Entry, group: Group) -> Verdict | None:
        """The entry against the reference of its question; None without it, or without a score."""
        other = self.cells.reference(AGAINST.get(group.question, ""))
        if other is None or self.score(entry, group) is None:
            return None
        return self.verdict(entry, other, group)

    def slope(self, entry: Entry, setting: Setting) -> Interval:
        """By how much the loss rises in a generation: least squares over all t, with its interval over seeds."""
        slopes = []
        for result in entry.done(setting):
            losses = np.array([generation.metrics[setting.task.primary] for generation in result.generations])
            time = np.arange(len(losses)) - (len(losses) - 1) / 2
            slopes.append(float(time @ (losses - losses[0]) / (time @ time)))
        return student_t_interval(slopes)

    def kept(self, entry: Entry, setting: Setting, metric: str) -> float:
        """A metric at the last generation over that at the first, both means over seeds."""
        first, last = ([r.generations[t].metrics.get(metric, math.nan) for r in entry.done(setting)] for t in (0, -1))
        return float(np.mean(last) / np.mean(first)) if first and np.mean(first) else math.nan

    def silent_collapse(self, entry: Entry, setting: Setting) -> bool:
        """Whether an entry is worth about what `frozen` is while its samples are far less or more diverse than real.

        Where `frozen`'s samples are so too, the size of D_0 does it, not the entry.
        """
        worth, frozen = self.worth(entry, setting), self.cells.reference("frozen")
        near = worth is not None and abs(worth.log2.centre) < NEAR
        return near and self._strays(entry, setting) and not (frozen and self._strays(frozen, setting))

    def _strays(self, entry: Entry, setting: Setting) -> bool:
        diversity = self.cells.metric(entry, setting, DIVERSITY).centre
        return not (math.isnan(diversity) or NARROW <= diversity <= WILD)
