"""collapsebench: a benchmark of methods that mitigate model collapse.

This module is the plug-in API and nothing else.
"""

from .core.lazy import defer

defer("torch")

from .core.checked import (  # noqa: E402
    Count,
    Finite,
    Multiple,
    Natural,
    NonNegative,
    Positive,
    PositiveShare,
    Quantile,
    Share,
)
from .core.context import Context, Memory  # noqa: E402
from .core.corpus import Corpus, weighted_places  # noqa: E402
from .core.errors import DataError, Diverged, PluginError  # noqa: E402
from .core.filter import Filter  # noqa: E402
from .core.learner import Decoding, FitConfig, FitReport, Learner, Sites  # noqa: E402
from .core.method import Method, MethodCard, method  # noqa: E402
from .core.resources import Resources  # noqa: E402
from .core.task import Metric, Start, Task, TaskCard, task  # noqa: E402

__version__ = "0.1.0"

__all__ = [
    "Context",
    "Corpus",
    "Count",
    "DataError",
    "Decoding",
    "Diverged",
    "Filter",
    "Finite",
    "FitConfig",
    "FitReport",
    "Learner",
    "Memory",
    "Method",
    "MethodCard",
    "Metric",
    "Multiple",
    "Natural",
    "NonNegative",
    "PluginError",
    "Positive",
    "PositiveShare",
    "Quantile",
    "Resources",
    "Share",
    "Sites",
    "Start",
    "Task",
    "TaskCard",
    "method",
    "task",
    "weighted_places",
]
