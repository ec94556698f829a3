"""Tasks on labelled images in idx files: MNIST, or a user's own data set by checksum."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Literal

from ..core.checked import Count
from ..core.errors import PluginError
from ..core.task import Task
from ..data import CUSTOM, MNIST, IdxSource, custom_idx, pairs


class IdxTask(Task):
    """A task that reads four idx files. What a user's own ones hold is said by parameters and checked.

    Args:
        source: `mnist`, or `custom` for the files of these names in `folder`.
        folder: for `custom`: where the files lie, in the folder of real data or anywhere.
        corpus: for `custom`: what boards call the data; by default the folder's name.
        sha256: for `custom`: checksums of the unpacked files, "NAME:SHA256 NAME:SHA256".
        images: for `custom`: training images that there are.
        side: for `custom`: pixels per row and per column.
        classes: for `custom`: labels that there are.
    """

    source: Literal["mnist", "custom"] = "mnist"
    folder: str = ""
    corpus: str = ""
    sha256: str = ""
    images: Count = MNIST.images
    side: Count = MNIST.side
    classes: Count = MNIST.classes

    def __post_init__(self) -> None:
        own = [field.name for field in fields(IdxTask) if field.name in self.changed_params and field.name != "source"]
        if self.source != CUSTOM and own:
            raise PluginError(
                f"{self.name}: {own[0]} belongs to source: custom.", "Set source: custom, or leave it out."
            )
        if self.source == CUSTOM:
            source = self.idx
            card = replace(
                type(self).card,
                data=source.digest,
                licence=source.licence,
                population=self.real_examples(),
                corpus=f"{source.corpus} (your files)",
                about=f"images of {self.side}×{self.side} pixels in {self.classes} classes",
            )
            object.__setattr__(self, "card", card)  # data, and so card, are the instance's, not the class's
        super().__post_init__()

    def real_examples(self) -> int:
        """How many of the training images are real examples."""
        return self.images

    @property
    def idx(self) -> IdxSource:
        """Where the images come from."""
        if self.source != CUSTOM:
            return MNIST
        checksums = pairs(self.sha256, ":", f"{self.name}: sha256")
        corpus = self.corpus or self.folder.rstrip("/").rpartition("/")[2]
        return custom_idx(corpus, self.folder, checksums, self.images, self.side, self.classes)
