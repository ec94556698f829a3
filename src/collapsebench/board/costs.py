"""Costs: what an entry saw, scored, asked, trained on and took."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from .cells import Cells, Entry, Setting

TOKENS = ("trained_tokens", "scored_tokens")
"""Counts of `Costs` that are work for the model, and together the cost that stands on the first page."""


@dataclass(frozen=True)
class Costs:
    """The costs of a board's entries."""

    cells: Cells

    def on(self, entry: Entry, setting: Setting, counts: Collection[str]) -> float:
        """Some of the counts of `Costs` at the last generation of a setting, mean over the seeds that are done."""
        totals = [sum(result.generations[-1].costs.get(name, 0) for name in counts) for result in entry.done(setting)]
        return float(np.mean(totals)) if totals else math.nan

    def counted(self, entry: Entry, settings: Iterable[Setting], counts: Collection[str]) -> float:
        """The same, summed over settings; NaN where one of them has none."""
        return float(sum(self.on(entry, setting, counts) for setting in settings))

    def relative(self, entry: Entry, settings: Iterable[Setting], counts: Collection[str]) -> float:
        """Geometric mean over settings of the entry's cost over that of `frozen`; NaN where neither has any."""
        frozen = self.cells.reference("frozen")
        pairs = [[self.on(one, setting, counts) for one in (entry, frozen) if one] for setting in settings]
        ratios = [pair[0] / pair[1] for pair in pairs if len(pair) == 2 and pair[0] > 0 and pair[1] > 0]
        return float(np.exp(np.mean(np.log(ratios)))) if ratios else math.nan

    def seconds(self, entry: Entry, settings: Iterable[Setting]) -> float:
        """Wall time, mean over seeds and summed over settings; NaN where one of them has none."""
        times = [
            [sum(sum(generation.seconds.values()) for generation in r.generations) for r in entry.done(setting)]
            for setting in settings
        ]
        return float(sum(np.mean(time) if time else math.nan for time in times))

    def real_share(self, entry: Entry, settings: Iterable[Setting]) -> float:
        """Share of real rows among those trained on, mean over t ≥ 1, seeds and settings; NaN before any has run."""
        results = (result for setting in settings for result in entry.results(setting))
        shares = [generation.real_share for result in results for generation in result.generations[1:]]
        return float(np.mean(shares)) if shares else math.nan
