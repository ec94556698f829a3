"""The checks of tasks that are not shipped, made by a process of their own and judged here."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

from ..core.errors import PluginError
from ..core.plugin import source_file
from ..core.records import one_line
from ..core.registry import load_file
from ..core.task import TASKS
from ..results.apart import ask
from .checks import CheckResult, Outcome
from .task import TASK_CHECKS, task_results


def task_results_apart(path: Path, beside: list[str]) -> dict[str, list[CheckResult]]:
    """By name of each task of a file what its checks found.

    Args:
        path: of the file.
        beside: plug-in files to load first.

    Raises:
        PluginError: the process that imported it gave no answer, or not that of each check.
    """
    answer = ask("testing.strange:answers", str(path), plugins=[*beside, str(path)], about=str(path))
    sentences = dict(zip(TASK_CHECKS.names, TASK_CHECKS.sentences, strict=True))
    try:
        return {
            str(task): [
                CheckResult(name, sentences[name], _outcome(outcome), one_line(str(detail)))
                for name, (outcome, detail) in zip(sentences, found, strict=True)
            ]
            for task, found in answer.items()
        }
    except (AttributeError, TypeError, ValueError) as error:
        raise PluginError(f"{path} answered what is no report of its checks: {error}.") from None


def _outcome(said: object) -> Outcome:
    if said not in get_args(Outcome):
        raise ValueError(f"a check cannot end as {said!a}"[:100])
    return said  # type: ignore[return-value]


def answers(path: str) -> dict[str, list[tuple[str, str]]]:
    """What `task_results_apart` asks for, in the process that imports the file."""
    load_file(Path(path))
    own = [cls for cls in map(TASKS.get, TASKS.names()) if source_file(cls).resolve() == Path(path)]
    return {cls.name: [(result.outcome, result.detail) for result in task_results(cls)] for cls in own}
