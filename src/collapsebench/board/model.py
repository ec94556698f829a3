"""A board: its cells, and what follows from them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from .answers import Answers
from .cells import Cells
from .costs import Costs
from .ranks import Ranks
from .scope import Scope
from .scores import Scores


@dataclass(frozen=True)
class Board(Cells):
    """All that the pages of one protocol say, computed from records alone."""

    @cached_property
    def scope(self) -> Scope:
        """Which cells the entries need, and how they stand."""
        return Scope(self)

    @cached_property
    def scores(self) -> Scores:
        """Worth and verdicts."""
        return Scores(self, self.scope)

    @cached_property
    def ranks(self) -> Ranks:
        """Who is ranked, and where."""
        return Ranks(self, self.scope, self.scores)

    @cached_property
    def costs(self) -> Costs:
        """What the entries cost."""
        return Costs(self)

    @cached_property
    def answers(self) -> Answers:
        """What to do."""
        return Answers(self, self.scores, self.ranks, self.costs)
