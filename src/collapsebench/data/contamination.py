"""Contamination: how much of the held-out text stands in the training text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

WORDS = 13
"""Words of an n-gram that two texts hardly share by chance (Brown et al., arXiv:2005.14165, appendix C)."""

MOST = 0.5
"""Share of its n-grams in the training text above which a held-out text is a copy."""


@dataclass(frozen=True)
class Contamination:
    """What a check found.

    Args:
        documents: held-out documents.
        duplicates: those of them that are training documents, word for word, or share most of their n-grams with them.
        ngrams: distinct n-grams of words in the others.
        shared: those of them that occur in a training document.
    """

    documents: int
    duplicates: int
    ngrams: int
    shared: int

    def __str__(self) -> str:
        return (
            f"{self.duplicates} of {self.documents} held-out texts occur in the training text, whole or for the most "
            f"part, and were left out; {self.shared / max(1, self.ngrams):.2%} of the others' {WORDS}-grams occur there"
        )


def check_contamination(training: Iterable[str], heldout: Sequence[str]) -> tuple[list[int], Contamination]:
    """Which held-out texts are not training texts, and how much the rest has in common with them.

    Words are what blanks separate, in lower case; texts are equal if their words are. Memory is for the
    held-out text only. `training` is every text that a model may be trained on as real data.

    Returns:
        The places of the texts to keep, and the counts.
    """
    words = [tuple(text.lower().split()) for text in heldout]
    known, wanted = set(words), {gram for text in words for gram in ngrams(text)}
    copies, found = set[tuple[str, ...]](), set[tuple[str, ...]]()
    for text in training:
        of_training = tuple(text.lower().split())
        if of_training in known:
            copies.add(of_training)
        else:
            found.update(wanted.intersection(ngrams(of_training)))
    found |= {gram for text in copies for gram in ngrams(text)}
    kept = [i for i, text in enumerate(words) if text not in copies and _share(text, found) <= MOST]
    left = {gram for i in kept for gram in ngrams(words[i])}
    return kept, Contamination(len(heldout), len(heldout) - len(kept), len(left), len(left & found))


def _share(text: tuple[str, ...], found: set[tuple[str, ...]]) -> float:
    grams = set(ngrams(text))  # a refrain counts once
    return len(grams & found) / len(grams)


def ngrams(words: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Runs of `WORDS` words; a shorter text is one run."""
    return (words[i : i + WORDS] for i in range(max(1, len(words) - WORDS + 1)))
