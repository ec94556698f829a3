"""Families: base classes of tasks that share a learner and a way of scoring."""

from typing import TYPE_CHECKING

from ..core.lazy import exports

if TYPE_CHECKING:
    from .image import ImageTask as ImageTask
    from .text import TextTask as TextTask
else:
    __getattr__, __dir__ = exports(__name__)
