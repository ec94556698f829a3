"""Checks: what a method and a task may return."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch

from ..core.block import Block
from ..core.checked import MOST_METRIC, in_range
from ..core.corpus import Corpus
from ..core.errors import Diverged, LimitExceeded, PluginError
from ..core.learner import FitReport
from ..core.records import LONGEST_KEY, MOST_KEYS, shown
from ..core.sealed import Sealed
from ..core.task import Task, TaskCard


def check_corpus(corpus: object, like: Corpus, most_bytes: int, method: str, empty: bool = False) -> Corpus:
    """Refuse what is not a corpus of the task's shape, an empty one (unless allowed), one larger than memory allows.

    Raises:
        PluginError, LimitExceeded: the message names the method and what is wrong.
    """
    if type(corpus) not in (Corpus, Sealed):  # a subclass may say of itself what it likes
        raise PluginError(f"Method '{method}' returned {type(corpus).__name__}, not a Corpus.")
    assert isinstance(corpus, Corpus)
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


def check_report(report: FitReport, steps: int | None, task: str) -> None:
    """Refuse a fit of other optimizer steps than the protocol gives; one in closed form takes none.

    Raises:
        PluginError: the message names the task.
    """
    if steps is not None and report.steps not in (0, steps):
        raise PluginError(
            f"Task '{task}' reports a fit of {report.steps} optimizer steps; the protocol gives {steps}.",
            "Take `training.steps` steps, or report 0 of a closed form.",
        )


def measured(found: Mapping[str, float], task: Task, t: int) -> dict[str, float]:
    """An evaluation as it is recorded, if it fits the task's card.

    Raises:
        PluginError: the primary metric is missing, the card does not describe a metric, or one is beyond its range.
        Diverged: the primary metric is not finite, or beyond its range.
    """
    primary, described = task.card.primary, task.card.metrics
    if primary not in found:
        raise PluginError(f"Task '{task.name}' did not return its primary metric '{primary}'.")
    if unknown := [name for name in found if name not in described]:
        raise PluginError(
            f"Task '{task.name}' returned {', '.join(sorted(unknown))}, which its card does not describe.",
            "Describe every metric in the card's `metrics`.",
        )
    metrics = bounded(found)
    wrong = beyond(metrics, task.card)
    if not math.isfinite(metrics[primary]):
        raise Diverged(f"{primary} is {found[primary]} at generation {t}")
    if primary in wrong:
        raise Diverged(f"{wrong[primary]} at generation {t}")
    if wrong:
        raise PluginError(
            f"Task '{task.name}': {'; '.join(wrong.values())}.", "Mend the range on its card or the metric."
        )
    return metrics


def beyond(metrics: Mapping[str, float], card: TaskCard) -> dict[str, str]:
    """The metrics that lie outside the range on the card, each with what it is."""
    ranges = {name: (card.metrics[name].low, card.metrics[name].high) for name in metrics}
    return {
        name: f"{name} is {value:g}, outside {ranges[name][0]:g} to {ranges[name][1]:g}"
        for name, value in metrics.items()
        if not in_range(value, *ranges[name])
    }


def bounded(metrics: Mapping[str, float]) -> dict[str, float]:
    """Metrics of which none is finite and larger than `MOST_METRIC` in size: such a one is infinite."""
    numbers = {name: float(value) for name, value in metrics.items()}
    return {name: math.copysign(math.inf, v) if abs(v) > MOST_METRIC else v for name, v in numbers.items()}


def check_log(logged: Mapping[str, float], key: object, value: object, method: str) -> float:
    """A number that a method logs, if it can stand in a record beside those of this generation.

    Raises:
        PluginError: the message names the key, and says which of key, value and number of keys is not allowed.
    """
    if not (isinstance(key, str) and 0 < len(key) <= LONGEST_KEY and key.isascii() and key.isprintable()):
        raise PluginError(
            f"Method '{method}' logs under the key {shown(key)}.",
            f"A key is 1 to {LONGEST_KEY} printable characters of ASCII.",
        )
    if key not in logged and len(logged) >= MOST_KEYS:
        raise PluginError(
            f"Method '{method}' logs {shown(key)} beside {MOST_KEYS} other numbers.",
            f"A generation has at most {MOST_KEYS} of them.",
        )
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError, RuntimeError):
        raise PluginError(f"Method '{method}' logs {shown(value)} as {shown(key)}.", "Log a number.") from None
