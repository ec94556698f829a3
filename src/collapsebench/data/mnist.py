"""MNIST from its four idx files (LeCun, Cortes & Burges), plain or gzipped, under COLLAPSEBENCH_DATA."""

from __future__ import annotations

from functools import lru_cache
from math import prod
from typing import NamedTuple

import torch

from ..core.errors import DataError
from .files import DataFile, content

SIDE, CLASSES = 28, 10
LAYOUT = "mnist/{train,t10k}-{images-idx3,labels-idx1}-ubyte"

# SHA-256 of the uncompressed files whose MD5 are the canonical ones: 6bbc9ace898e44ae57da46a324031adb,
# a25bea736e30d166cdddb491f175f624, 2646ac647ad5339dbf082846283269ea, 27ae3e4e09519cfbb04c329615203637.
_TRAIN_IMAGES, _TRAIN_LABELS, _TEST_IMAGES, _TEST_LABELS = FILES = (
    DataFile("mnist/train-images-idx3-ubyte", "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"),
    DataFile("mnist/train-labels-idx1-ubyte", "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"),
    DataFile("mnist/t10k-images-idx3-ubyte", "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"),
    DataFile("mnist/t10k-labels-idx1-ubyte", "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"),
)
MNIST_DIGEST = " ".join(f"{file.path.removeprefix('mnist/')}:{file.sha256}" for file in FILES)
"""Names and checksums of the files."""


class Images(NamedTuple):
    """Grey images, uint8 `[n, 784]` from 0 (background) to 255, and their labels, int64 `[n]`."""

    images: torch.Tensor
    labels: torch.Tensor


class MNIST(NamedTuple):
    """60,000 images to train on and 10,000 held out."""

    train: Images
    test: Images


@lru_cache
def load_mnist() -> MNIST:
    """The whole data set; do not write into it.

    Raises:
        DataError: a file is missing, damaged or not the canonical one.
    """
    return MNIST(_pair(_TRAIN_IMAGES, _TRAIN_LABELS), _pair(_TEST_IMAGES, _TEST_LABELS))


def _pair(images: DataFile, labels: DataFile) -> Images:
    pixels, digits = (read_idx(content("mnist", file, None, LAYOUT), file.path) for file in (images, labels))
    return labelled_images(pixels, digits, images.path)


def labelled_images(images: torch.Tensor, labels: torch.Tensor, name: str) -> Images:
    """Images, uint8 `[n, 28, 28]`, row by row, and labels from 0 to 9, uint8 `[n]`; `name` is for messages.

    Raises:
        DataError: images of another size, another number of labels, or labels out of range.
    """
    if images.shape[1:] != (SIDE, SIDE):
        size = "×".join(map(str, images.shape[1:]))
        raise DataError(f"'{name}' has images of the size {size or '1'}, not {SIDE}×{SIDE}.", "Give MNIST's own files.")
    if labels.shape != images.shape[:1]:
        raise DataError(f"'{name}' has {len(images)} images but {len(labels)} labels.", "Give files of one split.")
    if int(labels.max()) >= CLASSES:
        raise DataError(f"The labels of '{name}' go up to {int(labels.max())}, not {CLASSES - 1}.", "Give digits only.")
    return Images(images.flatten(1), labels.long())


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
