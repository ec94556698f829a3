"""Labelled images as a task uses them, and scikit-learn's handwritten digits (UCI, E. Alpaydin and C. Kaynak)."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import torch

from ..core.corpus import Corpus
from ..core.errors import DataError
from ..core.files import sha256

DIGITS_SHA256 = "87ff0c9e40dc7e2c0e34e7257799c2e3f3aec1a016363bb11cad869ec428a826"
HELD_OUT = 40  # digits of each class


class ImageSplit(NamedTuple):
    """The training population and the images that only `evaluate` sees; columns `image` and `label`."""

    train: Corpus
    test: Corpus


@lru_cache
def digits() -> ImageSplit:
    """Images of 8×8 pixels as counts 0..16: 1,397 to train on, 40 of each class held out.

    These stand at even distances in the file's order, which runs from writer to writer.

    Raises:
        DataError: the installed scikit-learn ships other data.
    """
    from sklearn.datasets import load_digits

    pixels, labels = load_digits(return_X_y=True)
    digest = sha256(pixels.astype("uint8").tobytes() + labels.astype("uint8").tobytes())
    if digest != DIGITS_SHA256:
        raise DataError(f"digits: the installed data have SHA-256 {digest}, expected {DIGITS_SHA256}.")
    corpus = Corpus({"image": torch.tensor(pixels.astype("uint8")), "label": torch.tensor(labels).long()})
    held_out = evenly_spaced(corpus["label"], 10, HELD_OUT)
    return ImageSplit(corpus.select(~held_out), corpus.select(held_out))


def evenly_spaced(labels: torch.Tensor, classes: int, each: int) -> torch.Tensor:
    """Which rows are `each` of every class, at even distances in their order; bool `[n]`."""
    chosen = torch.zeros(len(labels), dtype=torch.bool)
    for label in range(classes):
        rows = (labels == label).nonzero().squeeze(1)
        chosen[rows[torch.arange(each) * len(rows) // each]] = True
    return chosen
