"""Checks: what a method and a task may return."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch

from ..core.block import Block
from ..core.corpus import Corpus
from ..core.errors import Diverged, LimitExceeded, PluginError
from ..core.task import Task


def check_corpus(corpus: object, like: Corpus, most_bytes: int, method: str, empty: bool = False) -> Corpus:
    """Refuse what is not a corpus of the task's shape, an empty one (unless allowed), one larger than memory allows.

    Raises:
        PluginError, LimitExceeded: the message names the method and what is wrong.
    """
    if not isinstance(corpus, Corpus):
        raise PluginError(f"Method '{method}' returned {type(corpus).__name__}, not a Corpus.")
    check_size(corpus, most_bytes, method, empty, like.row_bytes)
    if corpus.schema != like.schema:
        raise PluginError(
            f"Method '{method}' returned {corpus!r} where the task's examples are {like!r}.",
            "Columns, types and row shapes must stay as they were.",
        )
    return corpus


def check_size(corpus: Corpus, most_bytes: int, method: str, empty: bool, row_bytes: int | None = None) -> None:
    """Refuse an empty corpus (unless allowed), and one larger than memory allows.

    Raises:
        PluginError, LimitExceeded: the message names the method and what is wrong.
    """
    rows = len(corpus)
    if rows == 0 and not empty:
        raise PluginError(f"Method '{method}' returned an empty corpus.", "Keep at least one example.")
    if (size := rows * (corpus.row_bytes if row_bytes is None else row_bytes)) > most_bytes:
        raise LimitExceeded(
            f"Method '{method}' returned {rows} rows, {size / 2**20:.0f} MiB; "
            f"the protocol allows {most_bytes / 2**20:.0f} MiB.",
            "Return fewer rows.",
        )


def check_values(blocks: Sequence[Block], method: str) -> None:
    """Refuse values that no model can be trained on.

    Raises:
        PluginError: the message names the column.
    """
    for block in blocks:
        for name, column in block.columns.items():
            if column.is_floating_point() and not bool(torch.isfinite(column).all()):
                raise PluginError(f"Method '{method}' returned values in '{name}' that are not finite.")


def check_weights(blocks: Sequence[Block], method: str) -> None:
    """Refuse row weights that no model can be trained with.

    Raises:
        PluginError: some are negative or not finite, or all are zero.
    """
    for weights in [block.weights for block in blocks if block.weights is not None]:
        if not (bool(torch.isfinite(weights).all()) and bool((weights >= 0).all())):
            raise PluginError(f"Method '{method}' returned row weights that are NaN, infinite or negative.")
    if all(block.weights is not None and not bool(block.weights.any()) for block in blocks):
        raise PluginError(f"Method '{method}' returned row weights that are all zero.")


def check_metrics(metrics: Mapping[str, float], task: Task, t: int) -> None:
    """Refuse an evaluation that does not fit the task's card.

    Raises:
        PluginError: the primary metric is missing, or the card does not describe one.
        Diverged: the primary metric is not finite.
    """
    primary, described = task.card.primary, task.card.metrics
    if primary not in metrics:
        raise PluginError(f"Task '{task.name}' did not return its primary metric '{primary}'.")
    if unknown := [name for name in metrics if name not in described]:
        raise PluginError(
            f"Task '{task.name}' returned {', '.join(sorted(unknown))}, which its card does not describe.",
            "Describe every metric in the card's `metrics`.",
        )
    if not math.isfinite(metrics[primary]):
        raise Diverged(f"{primary} is {metrics[primary]} at generation {t}")
