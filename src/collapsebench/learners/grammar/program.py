"""Grammars as programs: one program both writes a text and reads it.

A program is a generator function. It yields fixed text, or a `Choice`, for which it is sent the phrase that was
chosen; what it yields next may depend on everything chosen so far, its world state. Since the phrases of a choice
do not begin with one another, a text has at most one derivation, and its probability is the product of its choices'.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterator, Sequence
from functools import cached_property
from typing import Any, NamedTuple, TypeAlias

import torch

from ...core.learner import PLAIN, Decoding
from .choice import Choice, Node, certain

Steps: TypeAlias = Generator[Choice | str, Any, None]
"""What a program yields; it is sent the phrase after a choice and None after fixed text."""

Program: TypeAlias = Callable[[], Steps]
"""Starts a text."""

END = "</s>"
"""The word that closes every text."""


class Derivation(NamedTuple):
    """How a grammar reads some words.

    nodes: the points before each word, up to and including the first word that cannot stand where it does.
    complete: whether the words are a text of the grammar, `END` included.
    """

    nodes: list[Node]
    complete: bool


class Expectations(NamedTuple):
    """Exact expectations over the texts of a grammar.

    entropy: nats per text.
    words: words per text, `END` included.
    vocabulary: every word that may occur, sorted, `END` left out.
    """

    entropy: float
    words: float
    vocabulary: tuple[str, ...]


class Grammar:
    """The distribution over texts that a program defines.

    Args:
        program: the generator function; it must depend on nothing but what it is sent.
    """

    def __init__(self, program: Program) -> None:
        self._program = program

    def draw(self, uniforms: Iterator[float], decoding: Decoding = PLAIN) -> list[str]:
        """The words of one text, `END` included.

        Args:
            uniforms: independent uniform numbers in [0, 1); one is used wherever several words may come next.
            decoding: how each word is drawn.
        """
        words: list[str] = []

        def pick(node: Node) -> str:
            word = node.words[0] if len(node.words) == 1 else node.draw(next(uniforms), decoding)
            words.append(word)
            return word

        self._walk(pick)
        return words

    def derive(self, words: Sequence[str]) -> Derivation:
        """The one derivation of some words, as far as it goes."""
        nodes: list[Node] = []

        def pick(node: Node) -> str:
            place = len(nodes)
            if place == len(words):
                raise _NotDerivable
            nodes.append(node)
            if words[place] not in node.branches:
                raise _NotDerivable
            return words[place]

        try:
            self._walk(pick)
        except _NotDerivable:
            return Derivation(nodes, False)
        return Derivation(nodes, len(nodes) == len(words))

    def log_prob(self, words: Sequence[str]) -> float:
        """Log-probability of a text, its `END` included, nats; -inf if it is not one of this grammar."""
        nodes, complete = self.derive(words)
        if not complete:
            return -math.inf
        return math.fsum(node.branches[word].log_prob for node, word in zip(nodes, words, strict=True))

    @property
    def entropy(self) -> float:
        """Entropy of a text, nats; exact."""
        return self.expectations.entropy

    @cached_property
    def expectations(self) -> Expectations:
        """By enumeration of the choices that later ones depend on; the others add their own entropy."""
        entropy, length, vocabulary = 0.0, 0.0, {END}
        pending: list[tuple[str, ...]] = [()]
        while pending:
            path = _Path(pending.pop())
            self._run(path.say, path.choose)
            pending += path.alternatives
            probability = math.exp(path.log_prob)
            entropy += probability * (path.entropy - path.log_prob)
            length += probability * (path.words + 1)
            vocabulary |= path.vocabulary
        return Expectations(entropy, length, tuple(sorted(vocabulary - {END})))

    def _walk(self, pick: Callable[[Node], str]) -> None:
        """Follow the program word by word, as `pick` answers each point."""

        def say(text: str) -> None:
            for word in text.split():
                pick(certain(word))

        def choose(choice: Choice) -> str:
            node: Node | None = choice.root
            phrase = []
            while node is not None:
                word = pick(node)
                phrase.append(word)
                node = node.branches[word].node
            return " ".join(phrase)

        self._run(say, choose)
        pick(certain(END))

    def _run(self, say: Callable[[str], None], choose: Callable[[Choice], str]) -> None:
        """Run the program to its end."""
        steps = self._program()
        step = _advance(steps, None)
        while step is not None:
            if isinstance(step, str):
                say(step)
                step = _advance(steps, None)
            else:
                step = _advance(steps, choose(step))


def _advance(steps: Steps, answer: str | None) -> Choice | str | None:
    """What a program yields next; None at its end."""
    try:
        return steps.send(answer)
    except StopIteration:
        return None


class _NotDerivable(Exception):
    """The words cannot come from the grammar."""


class _Path:
    """One case of the enumeration: what is chosen where it matters, and sums over what does not matter.

    Args:
        given: phrases chosen at the first choices that are not neutral; the first phrase is chosen at later ones.
    """

    def __init__(self, given: tuple[str, ...]) -> None:
        self._given = given
        self._taken: tuple[str, ...] = ()
        self.alternatives: list[tuple[str, ...]] = []
        self.log_prob = self.entropy = self.words = 0.0
        self.vocabulary: set[str] = set()

    def say(self, text: str) -> None:
        spoken = text.split()
        self.words += len(spoken)
        self.vocabulary.update(spoken)

    def choose(self, choice: Choice) -> str:
        first, *others = choice.probabilities
        self.vocabulary |= choice.words
        if choice.neutral:
            self.entropy += choice.entropy
            self.words += choice.mean_words
            return first
        if len(self._taken) < len(self._given):
            phrase = self._given[len(self._taken)]
        else:
            phrase = first
            self.alternatives += [(*self._taken, other) for other in others]
        self._taken = (*self._taken, phrase)
        self.log_prob += math.log(choice.probabilities[phrase])
        self.words += len(phrase.split())
        return phrase


def uniforms(rng: torch.Generator) -> Iterator[float]:
    """Independent uniform numbers in [0, 1), without end."""
    while True:
        yield from torch.rand(1024, generator=rng, dtype=torch.float64).tolist()
