"""Families: base classes of tasks that share a learner and a way of scoring."""

from typing import TYPE_CHECKING

from ..core.lazy import exports

if TYPE_CHECKING:
    from .image import IMAGE_METRICS as IMAGE_METRICS
    from .image import ImageSplit as ImageSplit
    from .image import ImageTask as ImageTask
    from .image import evenly_spaced as evenly_spaced
    from .text import TEXT_SUPPORTS as TEXT_SUPPORTS
    from .text import TextTask as TextTask
    from .text_data import HeldoutItems as HeldoutItems
else:
    __getattr__, __dir__ = exports(__name__)
