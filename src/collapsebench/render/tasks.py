"""What each task is, in one sentence."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from .document import Items, Span
from .numbers import count, plural

if TYPE_CHECKING:
    from ..board import Board, Setting
    from ..core.records import TaskRecord


def sentences(board: Board, settings: Iterable[Setting]) -> Items:
    """One for each task of these settings."""
    named = {setting.task.name: setting.task for setting in settings}
    return Items([(Span(name, "strong"), f": {sentence(board, task)}") for name, task in named.items()])


def sentence(board: Board, task: TaskRecord) -> str:
    """What the data and the model are, how many rows, steps and parameters, and which corpus the task reads."""
    parameters, about = board.parameters(task.name), task.about or task.title
    facts = (
        about[:1].upper() + about[1:],
        f"n = {plural(task.n, 'real row')}",
        task.budget,
        f"{count(parameters)} parameters" if parameters else "",
        f"reads {task.corpus}" if task.corpus else "",
    )
    return f"{'; '.join(filter(None, facts))}."
