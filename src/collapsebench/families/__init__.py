"""Families: base classes of tasks that share a learner and a way of scoring."""

from typing import TYPE_CHECKING

from ..core.lazy import exports

if TYPE_CHECKING:
    from .idx import IdxTask as IdxTask
    from .image import IMAGE_METRICS as IMAGE_METRICS
    from .image import ImageTask as ImageTask
    from .labels import LABEL_METRICS as LABEL_METRICS
    from .labels import LabelsTask as LabelsTask
    from .labels import Parts as Parts
    from .labels import dealt as dealt
    from .text import TEXT_METRICS as TEXT_METRICS
    from .text import TEXT_SUPPORTS as TEXT_SUPPORTS
    from .text import TextTask as TextTask
    from .text_data import HeldoutItems as HeldoutItems
else:
    __getattr__, __dir__ = exports(__name__)
