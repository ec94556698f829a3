"""lm-eval tasks that a user names: what is scored beside a task's own metrics, and where its items come from.

A task whose file lies under COLLAPSEBENCH_DATA is read from there (`lm_eval_sets.SETS`); any other is
lm-eval's own, with the data set that it fetches.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from functools import lru_cache
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from ...core.errors import DataError, unknown_name
from ...data.files import FOLDER
from .sets import SETS, YAML_FOLDER, at_hand, lm_eval_documents, set_of

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

    from ...core.learner import Learner
    from .suite import Scorer


def source(name: str) -> str:
    """Where the items of a task come from: the checksum of the file, or lm-eval's version."""
    return SETS[set_of(name)].sha256 if at_hand(name) else f"lm-eval {version('lm-eval')}"


def check(names: Sequence[str]) -> None:
    """Make sure that tasks exist and that their items are at hand or can be fetched, which is then done.

    Raises:
        UsageError: a task that lm-eval does not know.
        DataError: no items and no network, or a damaged file.
    """
    for name in names:
        if at_hand(name):
            lm_eval_documents(name)
        else:
            _registered(name)


class NamedTasks:
    """Some lm-eval tasks, prepared for one cell and scored at each of its generations.

    Args:
        names: lm-eval's.
        limit: items of each task, always the same; None for all.
        learner: the cell's, at any weights.

    Raises:
        UsageError, DataError: as `check`.
        PluginError: the learner is not a language model, or its tokenizer leaves nothing of an answer.
    """

    def __init__(self, names: Sequence[str], limit: int | None, learner: Learner) -> None:
        model, tokenizer = learner.language_model()
        self._local = {name for name in names if at_hand(name)}
        self._scorers = {name: _scorer(name, limit, tokenizer) for name in names}
        for scorer in self._scorers.values():
            scorer.check(model)

    def score(self, learner: Learner) -> dict[str, float]:
        """`task/metric` -> value; of a group, the group's own metrics where lm-eval gives any."""
        model, _ = learner.language_model()
        found: dict[str, float] = {}
        for name, scorer in self._scorers.items():
            scores = scorer.score(model)
            own = f"local_{set_of(name)}" if name in self._local else name
            shown = {name: scores[own]} if own in scores else scores
            found.update({f"{task}/{metric}": value for task, of in shown.items() for metric, value in of.items()})
        return found


def _scorer(name: str, limit: int | None, tokenizer: PreTrainedTokenizerFast) -> Scorer:
    from .suite import Scorer, Suite

    if at_hand(name):
        return Suite(YAML_FOLDER, {f"local_{set_of(name)}": lm_eval_documents(name, limit)}, tokenizer)
    return Scorer(_registered(name), tokenizer, limit=limit)


def _registered(name: str) -> dict[str, Any]:
    """One of lm-eval's own tasks, groups or tags, its data set fetched."""
    from .suite import quiet

    with quiet():
        index = _index()
        if name not in index.all_tasks:
            known = {*index.all_tasks, *SETS}
            raise unknown_name("lm-eval task", name, difflib.get_close_matches(name, known, cutoff=0.5) or SETS)
        try:
            return dict(index.load([name]))
        except Exception as error:  # each task reads its data in its own way
            raise _no_data(name, error) from error


@lru_cache(maxsize=1)
def _index() -> Any:
    """lm-eval's index of all its tasks, which takes seconds to make."""
    from lm_eval.tasks import TaskManager

    return TaskManager()


def _no_data(name: str, error: Exception) -> DataError:
    problem = f"lm-eval task '{name}' has no data: {type(error).__name__}: {' '.join(str(error).split())[:200]}"
    known = set_of(name)
    if known not in SETS:
        return DataError(f"{problem}.", f"Run with a network. Without one there are: {', '.join(SETS)}.")
    return DataError(
        f"{problem}, and {FOLDER} does not have it.",
        f"Run with a network, or set {FOLDER} to a folder with {SETS[known].path} (plain, .gz or .xz).",
    )
