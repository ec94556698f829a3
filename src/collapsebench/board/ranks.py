"""Ranks: who is ranked within (question, suite, track), and what the others are called instead."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np

from ..core.method import TRACKS

if TYPE_CHECKING:
    from ..core.records import GenerationRecord
    from .cells import Cells, Entry, Group
    from .scope import Scope
    from .scores import Scores

Where = Literal["ranked", "part", "named", "sweep", "incomplete", "reference", "absent"]
"""`part`: a setting lacks what the method needs, or a cell diverged or was skipped; `named`: it is called what it is;
`sweep`: another entry of the method stands for it."""

REAL = 0.999
"""From this share of real rows on, in all settings, an entry trains on real rows alone."""

HARDLY = 0.05
"""Up to this share of model-made rows, in all settings, an entry that is not better than `frozen` is `frozen` in
another dress: one generated row beside the fifty of D_0 is 2 %, D_0 with a little noise is none."""

MODEL_MADE = 0.49
"""An entry of `preserve` trains on rows that models made: as a mean on half of them at least, but for rounding."""


@dataclass(frozen=True)
class Ranks:
    """The ranks of a board. A verdict is between two entries alone, so that no third one changes it."""

    cells: Cells
    scope: Scope
    scores: Scores

    def called(self, entry: Entry, question: str) -> str:
        """What an entry is, in words, where that keeps it from being ranked in a question; else ""."""
        return self._called[entry.label, question]

    @cached_property
    def _called(self) -> Mapping[tuple[str, str], str]:
        pairs = [(e, question) for e in self.cells.entries if not e.reference for question in self.cells.questions]
        return {(e.label, question): self._words(e, question) for e, question in pairs}

    def _words(self, entry: Entry, question: str) -> str:
        if same := self._same(entry, question):
            return f"the same losses as {same}, to the last bit"
        generations = self._later(entry, question)
        if not generations:
            return ""
        better = question != "preserve" and self._better_than_frozen(entry, question)
        if min(self._shares(entry, question, "real_share")) >= REAL and not (question == "purify" and better):
            return "trains on real rows alone"
        made = self._shares(entry, question, "synthetic_share")
        if question != "preserve" and max(made) <= HARDLY and not better:
            return "trains on hardly a model-made row"
        if all(generation.log.get("changed") == 0 for generation in generations):
            return "changed nothing"
        mean = float(np.mean([generation.synthetic_share for generation in generations]))
        if question == "preserve" and mean < MODEL_MADE:
            return f"trains on few model-made rows ({mean:.0%})"
        return ""

    def _same(self, entry: Entry, question: str) -> str:
        """The entry before this one that has all of its losses in a question: references first, then by date."""
        losses, settings = self.cells.losses_of, self.cells.of(question)
        if not any(losses(entry, setting) for setting in settings):
            return ""
        first = next((s.name, *pair) for s in settings for pair in losses(entry, s).items())
        for other in self._with_loss[first]:  # any such entry has this one of the losses too
            if other is entry:
                return ""
            if all(losses(entry, setting).items() <= losses(other, setting).items() for setting in settings):
                return other.label
        return ""

    @cached_property
    def _with_loss(self) -> Mapping[tuple[str, int, float], list[Entry]]:
        """The entries that have a loss in a setting with a seed, in their order."""
        found: dict[tuple[str, int, float], list[Entry]] = {}
        for entry in self._in_order:
            for name, losses in self.cells.losses_by_setting.get(entry.label, {}).items():
                for seed, loss in losses.items():
                    found.setdefault((name, seed, loss), []).append(entry)
        return found

    @cached_property
    def _in_order(self) -> list[Entry]:
        return sorted(self.cells.entries, key=lambda entry: (not entry.reference, entry.since))

    def _later(self, entry: Entry, question: str) -> list[GenerationRecord]:
        """All generations after the first of the cells of a question that are done."""
        results = (result for setting in self.cells.of(question) for result in entry.done(setting))
        return [generation for result in results for generation in result.generations[1:]]

    def _shares(self, entry: Entry, question: str, name: Literal["real_share", "synthetic_share"]) -> list[float]:
        """The mean share of such rows in the settings of a question that an entry has run in."""
        results = [entry.done(setting) for setting in self.cells.of(question) if entry.done(setting)]
        return [float(np.mean([getattr(g, name) for r in done for g in r.generations[1:]])) for done in results]

    def _better_than_frozen(self, entry: Entry, question: str) -> bool:
        """Then the real rows that it trains on are found among the arrivals, which is what `purify` asks for."""
        frozen = self.cells.reference("frozen")
        groups = (group for group in self.cells.groups if group.question == question)
        return frozen is not None and any(self.scores.verdict(entry, frozen, group) == "better" for group in groups)

    def changed_parameters(self, entry: Entry, question: str) -> bool:
        """Whether another entry of the same method stands for it: that of the defaults, or else the first that came."""
        return self._usual.get((entry.method.name, question), entry) is not entry

    @cached_property
    def _usual(self) -> Mapping[tuple[str, str], Entry]:
        """Method and question -> the entry that stands for the method, of those that have a loss there."""
        usual: dict[tuple[str, str], Entry] = {}
        for question in self.cells.questions:
            settings = self.cells.of(question)
            own = [e for e in self.cells.entries if any(self.cells.losses_of(e, setting) for setting in settings)]
            for entry in sorted(own, key=lambda e: (e.label != e.method.name, e.since)):
                usual.setdefault((entry.method.name, question), entry)
        return usual

    def place(self, entry: Entry, group: Group) -> Where:
        """Where an entry stands in a group."""
        standing = self.scope.standing(entry, group)
        if standing == "absent":
            return "absent"
        if entry.reference:
            return "reference"
        if standing == "waits":
            return "incomplete"
        if self.called(entry, group.question):
            return "named"
        if self.changed_parameters(entry, group.question):
            return "sweep"
        return "ranked" if standing == "whole" and self.scores.score(entry, group) else "part"

    def placed(self, group: Group, where: Where) -> list[Entry]:
        """The entries of a group that stand there, by track, best score first."""
        entries = self.by_score((e for e in self.cells.entries if self.place(e, group) == where), group)
        return sorted(entries, key=lambda entry: TRACKS.index(entry.method.track))

    def ranked(self, group: Group, track: str = "") -> list[Entry]:
        """Entries with a rank in a group, of one track or of all, best score first."""
        entries = [e for e in self.cells.entries if self.place(e, group) == "ranked" and track in ("", e.track)]
        return self.by_score(entries, group)

    def by_score(self, entries: Iterable[Entry], group: Group) -> list[Entry]:
        """Entries of a group, best score first, those without one last."""

        def centre(entry: Entry) -> float:
            score = self.scores.score(entry, group)
            return score.seeds.centre if score else -np.inf

        return sorted(entries, key=centre, reverse=True)

    def rank(self, entry: Entry, group: Group) -> int | None:
        """One more than the ranked entries of its track that are ahead; None without a rank."""
        return self._ranks[group].get(entry.label)

    @cached_property
    def _ranks(self) -> Mapping[Group, Mapping[str, int]]:
        ranks: dict[Group, dict[str, int]] = {}
        for group in self.cells.groups:
            lineups = [self.ranked(group, track) for track in TRACKS]
            ranks[group] = {
                one.label: 1 + ahead
                for lineup in lineups
                for one, ahead in zip(
                    lineup, self.scores.pairs[group].ahead(lineup, self.scores.hidden(lineup, group)), strict=True
                )
            }
        return ranks

    def best_of(self, ranked: Sequence[Entry], group: Group) -> list[Entry]:
        """Of entries by score the first, and those that nothing tells from it."""
        hidden = self.scores.hidden(ranked, group)
        return [
            entry
            for place, entry in enumerate(ranked)
            if place == 0 or not (hidden[place, 0] or self.scores.verdict(ranked[0], entry, group) == "better")
        ]
