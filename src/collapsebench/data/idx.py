"""Labelled images from four idx files (MNIST's format), plain or packed: MNIST by its checksums, or a user's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import NamedTuple

import torch

from ..core.errors import DataError, PluginError
from ..core.files import sha256
from .files import DataFile, content, read_once, unpacked

FILES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
"""What the files of a data set are called: images and labels to train on, then held-out ones."""


@dataclass(frozen=True)
class IdxSource:
    """A data set of square grey images in four idx files.

    Args:
        name: for messages about its files.
        corpus: what boards call it.
        licence: of the images.
        folder: where its files lie, from the folder of real data or anywhere.
        sha256: of the uncompressed files, by name.
        images: number of images to train on.
        side: pixels per row and per column.
        classes: number of labels, from 0.
    """

    name: str
    corpus: str
    licence: str
    folder: str
    sha256: tuple[tuple[str, str], ...]
    images: int = 60_000
    side: int = 28
    classes: int = 10

    @property
    def digest(self) -> str:
        """Names and checksums of the files."""
        return " ".join(f"{name}:{checksum}" for name, checksum in self.sha256)

    @property
    def layout(self) -> str:
        """What the folder of real data should have, for messages."""
        return f"{self.folder}/{{train,t10k}}-{{images-idx3,labels-idx1}}-ubyte"


# SHA-256 of the uncompressed files whose MD5 are the canonical ones: 6bbc9ace898e44ae57da46a324031adb,
# a25bea736e30d166cdddb491f175f624, 2646ac647ad5339dbf082846283269ea, 27ae3e4e09519cfbb04c329615203637.
MNIST = IdxSource(
    "mnist",
    "MNIST",
    "CC BY-SA 3.0",
    "mnist",
    (
        (FILES[0], "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"),
        (FILES[1], "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"),
        (FILES[2], "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"),
        (FILES[3], "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"),
    ),
)


def custom_idx(corpus: str, folder: str, sha256: Mapping[str, str], images: int, side: int, classes: int) -> IdxSource:
    """A user's own files; those without a checksum are refused when they are read, with the one that they have.

    Raises:
        PluginError: no folder, or a checksum of a file that is none of `FILES`.
    """
    if not folder:
        raise PluginError(
            "The source 'custom' needs a folder.", f"Set folder: PATH, with the files {', '.join(FILES)}."
        )
    if unknown := [name for name in sha256 if name not in FILES]:
        raise PluginError(f"sha256 names the file '{unknown[0]}'.", f"An idx data set has {', '.join(FILES)}.")
    checksums = tuple((name, sha256.get(name, "")) for name in FILES)
    return IdxSource("custom", corpus, "the user's", folder, checksums, images, side, classes)


class Images(NamedTuple):
    """Grey images, uint8 `[n, pixels]` from 0 (background) to 255, and their labels, int64 `[n]`."""

    images: torch.Tensor
    labels: torch.Tensor


class ImageSet(NamedTuple):
    """Images to train on, and held-out ones."""

    train: Images
    test: Images


@read_once
def load_images(source: IdxSource) -> ImageSet:
    """The whole data set; do not write into it.

    Raises:
        DataError: a file is missing, damaged, without a checksum or with another, or is not what the source says.
    """
    _refuse_unchecked(source)
    arrays = [
        read_idx(content(source.name, DataFile(f"{source.folder}/{name}", checksum), None, source.layout), name)
        for name, checksum in source.sha256
    ]
    return image_set(source, arrays)


def _refuse_unchecked(source: IdxSource) -> None:
    """Say the checksums of all files at once where a user has not given some."""
    if all(checksum for _, checksum in source.sha256):
        return
    found = (
        f"{name}:{checksum or sha256(unpacked(source.name, DataFile(f'{source.folder}/{name}'), None, source.layout))}"
        for name, checksum in source.sha256
    )
    raise DataError(
        f"Nobody published checksums for the idx files in '{source.folder}'.",
        f'If they are the right files, set the task\'s parameter sha256: "{" ".join(found)}".',
    )


def image_set(source: IdxSource, arrays: list[torch.Tensor]) -> ImageSet:
    """The data set in arrays in the order of `FILES`, if it is what the source says.

    Raises:
        DataError: images that are not square, files of unlike size, labels that leave a class out, or another number
            of images, side or number of classes than the source has; the hint says what to set.
    """
    train, labels, test, test_labels = arrays
    for images, count, name in ((train, labels, FILES[0]), (test, test_labels, FILES[2])):
        size = "×".join(map(str, images.shape[1:]))
        if images.dim() != 3 or images.shape[1] != images.shape[2]:
            raise DataError(f"'{name}' has images of the size {size or 1}.", "Give square grey images.")
        if images.shape[1:] != train.shape[1:]:
            raise DataError(f"'{name}' has images of {size} pixels, '{FILES[0]}' others.", "Give files of one set.")
        if count.shape != images.shape[:1]:
            raise DataError(f"'{name}' has {len(images)} images but {count.numel()} labels.", "Give files of one set.")
    found = {"images": len(train), "side": train.shape[1], "classes": int(labels.max()) + 1 if len(labels) else 0}
    if found != {name: getattr(source, name) for name in found}:
        raise DataError(
            f"'{source.folder}' holds {found['images']} training images of {found['side']}×{found['side']} pixels and "
            f"{found['classes']} classes, not {source.images} of {source.side}×{source.side} and {source.classes}.",
            f"If that is right, set the task's parameters {', '.join(f'{name}: {n}' for name, n in found.items())}.",
        )
    for name, given in ((FILES[1], labels), (FILES[3], test_labels)):
        if absent := sorted(set(range(source.classes)) ^ set(given.tolist())):
            raise DataError(
                f"'{name}' should have every label from 0 to {source.classes - 1} and no other; see {absent[0]}.",
                "Give labels without gaps, the same in both files.",
            )
    return ImageSet(Images(train.flatten(1), labels.long()), Images(test.flatten(1), test_labels.long()))


def read_idx(stored: bytes, name: str) -> torch.Tensor:
    """The array in a file of the idx format: two zeros, type 8 (bytes), the number of sizes, the sizes, the values.

    Raises:
        DataError: another format, or not as many values as its header says.
    """
    head = 4 + 4 * stored[3] if stored[:3] == b"\x00\x00\x08" and len(stored) > 3 else 0
    sizes = [int.from_bytes(stored[i : i + 4], "big") for i in range(4, head, 4)]
    if not sizes or len(stored) != head + prod(sizes):
        raise DataError(f"'{name}' is not a whole idx file of bytes.", "Fetch it again.")
    return torch.frombuffer(bytearray(stored), dtype=torch.uint8, offset=head).view(sizes)
