"""Answers: what a reader should do, by question and suite, as far as the records tell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .costs import TOKENS

if TYPE_CHECKING:
    from .cells import Cells, Entry, Group
    from .costs import Costs
    from .ranks import Ranks
    from .scores import Scores, Verdict

PLAIN: Mapping[str, tuple[str, ...]] = {
    "preserve": ("frozen",),
    "purify": ("frozen", "take_all"),
    "grow": ("frozen", "take_all"),
}
"""Question -> what anybody can do without a method: ignore all that is generated, or train on all that arrives."""

UNAIDED = ("blind", "anchored")
"""Tracks without marks or help from outside."""

FREE = 1.1
"""What costs nothing is unaided, and takes up to so many times the tokens of `frozen`."""

_ORDER: Mapping[Verdict, int] = {"worse": 0, "level": 1, "better": 2}


@dataclass(frozen=True)
class Answer:
    """What the records of a group say.

    Args:
        group: a question in a suite.
        best: the ranked entry with the highest score; None where nobody is ranked.
        level: the other ranked entries, which nothing tells from it.
        plain: what it has to beat: of `PLAIN` that to which it stands worst, then the better one; None without scores.
        stands: how it stands to that; None where one of both is missing.
    """

    group: Group
    best: Entry | None
    level: tuple[Entry, ...]
    plain: Entry | None
    stands: Verdict | None

    @property
    def do(self) -> Entry | None:
        """What to do: as the best entry does where it is better than anything plain, else the plain thing itself."""
        return self.best if self.stands == "better" else self.plain


@dataclass(frozen=True)
class Answers:
    """The answers of a board. Each rests on verdicts between two entries, so that a third changes no number in it."""

    cells: Cells
    scores: Scores
    ranks: Ranks
    costs: Costs

    def answer(self, group: Group) -> Answer:
        """Of all ranked entries."""
        return self._of(group, self.ranks.ranked(group), PLAIN.get(group.question, ("frozen",)))

    def unaided(self, group: Group) -> Answer:
        """Of those that need neither marks nor help from outside."""
        ranked = [entry for entry in self.ranks.ranked(group) if entry.track in UNAIDED]
        return self._of(group, ranked, PLAIN.get(group.question, ("frozen",)))

    def free(self, group: Group) -> Answer:
        """Of those that cost nothing, against the real rows alone."""
        ranked = [e for e in self.ranks.ranked(group) if e.track in UNAIDED and self.cost(e) <= FREE]
        return self._of(group, ranked, ("frozen",))

    def cost(self, entry: Entry) -> float:
        """Tokens trained on or scored over the whole board, as a multiple of what `frozen` takes."""
        return self.costs.relative(entry, self.cells.settings, TOKENS)

    def _of(self, group: Group, ranked: Sequence[Entry], labels: Sequence[str]) -> Answer:
        best, level = next(iter(ranked), None), self.ranks.best_of(ranked, group)[1:]
        found = [entry for label in labels if (entry := self.cells.reference(label))]
        known = [entry for entry in found if self.scores.score(entry, group)]

        def worst_first(entry: Entry) -> tuple[int, int, float]:
            stands = _ORDER[self.scores.verdict(best, entry, group)] if best else 0
            beaten = sum(self.scores.verdict(entry, other, group) == "worse" for other in known if other is not entry)
            score = self.scores.score(entry, group)
            return stands, beaten, -score.seeds.centre if score and stands == _ORDER["better"] else 0

        plain = min(known, key=worst_first, default=None)
        stands = self.scores.verdict(best, plain, group) if best and plain else None
        return Answer(group, best, tuple(level), plain, stands)
