"""A choice among phrases, word by word."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from functools import cache, cached_property
from itertools import accumulate
from typing import NamedTuple

from ...core.learner import PLAIN, Decoding


class Branch(NamedTuple):
    """A word that may come next: its log-probability, nats, and where it leads (None: the phrase is complete)."""

    log_prob: float
    node: Node | None


class Node:
    """A point within a phrase: the words that may come next.

    Args:
        masses: word -> its share of the probability, in any unit.
        nodes: word -> where it leads; words that complete a phrase are absent.
    """

    __slots__ = ("_drawn", "branches", "words")

    def __init__(self, masses: Mapping[str, float], nodes: Mapping[str, Node]) -> None:
        total = math.fsum(masses.values())
        self.words = tuple(masses)
        self.branches = {word: Branch(math.log(mass / total), nodes.get(word)) for word, mass in masses.items()}
        self._drawn = {PLAIN: (self.words, list(accumulate(masses.values())))}

    def draw(self, uniform: float, decoding: Decoding = PLAIN) -> str:
        """The word at a uniform number in [0, 1)."""
        if decoding not in self._drawn:
            masses = truncated({word: branch.log_prob for word, branch in self.branches.items()}, decoding)
            self._drawn[decoding] = (tuple(masses), list(accumulate(masses.values())))
        words, cumulative = self._drawn[decoding]
        return words[min(bisect_right(cumulative, uniform * cumulative[-1]), len(words) - 1)]


def truncated(log_probs: Mapping[str, float], decoding: Decoding) -> dict[str, float]:
    """Masses, not normalised, of the words left after temperature, then top-k, then top-p."""
    masses = {word: math.exp(log_prob / decoding.temperature) for word, log_prob in log_probs.items()}
    ordered = sorted(masses, key=masses.__getitem__, reverse=True)[: decoding.top_k]
    if decoding.top_p is not None:
        sums = list(accumulate(masses[word] for word in ordered))
        ordered = [
            word for word, upto in zip(ordered, sums, strict=True) if upto - masses[word] < decoding.top_p * sums[-1]
        ]
    return {word: masses[word] for word in ordered}


@cache
def certain(word: str) -> Node:
    """The point where only this word can come next."""
    return Node({word: 1.0}, {})


class Choice:
    """Phrases to choose from, with probabilities. No phrase begins with another, so what was chosen can be read off.

    Args:
        weights: phrase (words separated by blanks) -> weight, not normalised.
        neutral: whether what comes later depends on the phrase in its words only, which are as many for each
            phrase and stand in the phrases themselves. It spares `Grammar.expectations` one case per phrase.

    Raises:
        ValueError: a phrase begins with another one, or a weight is not positive.
    """

    def __init__(self, weights: Mapping[str, float], neutral: bool = True) -> None:
        if not min(weights.values()) > 0:
            raise ValueError(f"Weights must be positive: {dict(weights)}.")
        total = math.fsum(weights.values())
        self.neutral = neutral
        self.probabilities = {phrase: weight / total for phrase, weight in weights.items()}
        self.root = _trie([(phrase.split(), p) for phrase, p in self.probabilities.items()])

    @cached_property
    def entropy(self) -> float:
        """Entropy of the choice, nats."""
        return -math.fsum(p * math.log(p) for p in self.probabilities.values())

    @cached_property
    def words(self) -> frozenset[str]:
        """Every word of every phrase."""
        return frozenset(word for phrase in self.probabilities for word in phrase.split())

    @cached_property
    def mean_words(self) -> float:
        """Expected number of words of the phrase."""
        return math.fsum(p * len(phrase.split()) for phrase, p in self.probabilities.items())


def zipf(phrases: str, exponent: float = 1.0, neutral: bool = True) -> Choice:
    """The choice with p(phrase of rank r) proportional to r^-exponent, r = 1, 2, ...; commas separate phrases."""
    ranked = enumerate(phrases.split(", "), 1)
    return Choice({phrase: rank**-exponent for rank, phrase in ranked}, neutral)


def _trie(phrases: Sequence[tuple[list[str], float]]) -> Node:
    """The first point of some phrases, given as words and probability."""
    masses: dict[str, float] = {}
    rests: dict[str, list[tuple[list[str], float]]] = {}
    for (word, *rest), probability in phrases:
        masses[word] = masses.get(word, 0.0) + probability
        rests.setdefault(word, []).append((rest, probability))
    nodes: dict[str, Node] = {}
    for word, tails in rests.items():
        complete = sum(not rest for rest, _ in tails)
        if complete and len(tails) > 1:
            raise ValueError(f"A phrase that ends with '{word}' is the beginning of another one.")
        if not complete:
            nodes[word] = _trie(tails)
    return Node(masses, nodes)
