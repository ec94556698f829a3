"""The shape of a task's images, and the check that a corpus has it."""

from __future__ import annotations

from dataclasses import dataclass

from ...core.corpus import Corpus
from ...core.errors import PluginError


@dataclass(frozen=True)
class ImageShape:
    """Square grey-level images with a label.

    Args:
        side: pixels per row and per column.
        levels: brightest grey level; a pixel is a count from 0 to `levels`.
        classes: number of labels.
    """

    side: int
    levels: int = 16
    classes: int = 10

    @property
    def pixels(self) -> int:
        """Pixels per image."""
        return self.side**2

    def checked(self, corpus: Corpus) -> Corpus:
        """The corpus, if its images and labels are of this shape.

        Raises:
            PluginError: images of another size, or grey levels or labels out of range.
        """
        images, labels = corpus["image"], corpus["label"]
        if images.shape[1:] != (self.pixels,):
            raise PluginError(
                f"Images have the shape {tuple(images.shape[1:])}, not ({self.pixels},).",
                f"Give {self.side}×{self.side} images, row by row.",
            )
        for what, values, most in (("grey levels", images, self.levels), ("labels", labels, self.classes - 1)):
            if len(values) and not 0 <= int(values.min()) <= int(values.max()) <= most:
                raise PluginError(f"There are {what} outside 0..{most}.", "Leave such examples out.")
        return corpus
