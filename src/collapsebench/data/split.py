"""Which documents a task trains on and which it holds out."""

from __future__ import annotations

import logging

import torch

from ..core.errors import DataError
from ..core.seeds import generator
from .contamination import WORDS, check_contamination
from .files import read_once
from .read import Document
from .sources import Source, Splits, load

log = logging.getLogger("collapsebench")


@read_once
def split(source: Source, longest: int, population: int, heldout: int) -> Splits:
    """The documents that real examples are drawn from, and held-out ones that are none of them.

    Both are chosen at random, always in the same way. Documents that occur twice are taken once, those of
    more than `longest` characters are left out, and held-out ones that occur in the training text too, whole
    or for the most part; what was left out is logged, once per process.

    Args:
        source: where they come from.
        longest: characters of a document, its prompt included; 0 for any number.
        population: real documents wanted.
        heldout: held-out documents wanted; fewer if the source's own file has fewer.

    Raises:
        DataError: the source has too few.
    """
    given = load(source)
    # Each document once, without those of more than `longest` characters.
    train, test = ([d for d in dict.fromkeys(some) if not longest or len(d.whole) <= longest] for some in given)
    apart = heldout if source.heldout is None else 0
    if len(train) < population + apart or (source.heldout and not test):
        raise DataError(
            f"Dataset '{source.name}' has {len(train)} different texts"
            f"{f' of at most {longest} characters' if longest else ''}; "
            f"{population} are wanted for training and {apart} to hold out.",
            "Set the task's population and heldout lower, or longest higher.",
        )
    real = (train := _shuffled(train))[:population]
    test = _shuffled(test)[:heldout] if source.heldout else train[population : population + heldout]
    kept, found = check_contamination((d.whole for d in real), [d.whole for d in test])
    if not kept:
        raise DataError(f"Every held-out text of '{source.name}' stands in its training text.")
    log.warning(
        "%s: %d of %d texts may be trained on; %d are too long or second copies. %s.",
        *(source.name, len(real), len(given.train), len(given.train) - len(train), found),
    )
    return Splits(real, [test[i] for i in kept])


@read_once
def spare(source: Source, longest: int, population: int, heldout: int, wanted: int) -> list[Document]:
    """Documents of any length that `split` leaves over, for a model that begins before the loop does.

    At most `wanted`, at random, always the same; those that are held out too, whole or for the most part, are left
    out and counted.

    Raises:
        DataError: the source has too few.
    """
    used = split(source, longest, population, heldout)
    taken = {*used.train, *used.heldout}
    rest = _shuffled([d for d in dict.fromkeys(load(source).train) if d not in taken])[:wanted]
    if len(rest) < wanted:
        raise DataError(
            f"Dataset '{source.name}' has {len(rest)} texts beside {population} real and {heldout} held-out ones; "
            f"the recipe wants {wanted}.",
            "Set the task's population lower, or stories in its recipe.",
        )
    kept, found = check_contamination((d.whole for d in used.heldout), [d.whole for d in rest])
    message = "%s: %d of %d texts for the base model are held out, whole or for the most part, and were left out."
    log.warning(message, source.name, found.duplicates, found.documents)
    return [rest[i] for i in kept]


@read_once
def whole(source: Source) -> tuple[str, str]:
    """The training text and the held-out text of a source that is one long text.

    Paragraphs of the held-out text that stand in the training text are left out of it and counted; those
    of a few words, such as headings, do not count as copies.

    Raises:
        DataError: nothing is left.
    """
    train, test = ("\n".join(document.text for document in documents) for documents in load(source))
    lines = test.split("\n")
    long = [i for i, line in enumerate(lines) if len(line.split()) >= WORDS]
    kept, found = check_contamination(train.split("\n"), [lines[i] for i in long])
    copies = set(long) - {long[i] for i in kept}
    log.warning("%s: %s.", source.name, found)
    if long and not kept:
        raise DataError(f"Every held-out paragraph of '{source.name}' stands in its training text.")
    return train, "\n".join(line for i, line in enumerate(lines) if i not in copies)


def _shuffled(documents: list[Document]) -> list[Document]:
    return [documents[i] for i in torch.randperm(len(documents), generator=generator(0)).tolist()]
