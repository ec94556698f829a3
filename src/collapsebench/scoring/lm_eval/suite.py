"""lm-evaluation-harness: scores of our causal language models.

Documents, requests and their encodings are prepared once; a generation pays for the forward passes. No
bootstrap is run: lm-eval's standard error is over test items, not over training seeds.
"""

from __future__ import annotations

import contextlib
import copy
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from lm_eval.evaluator import evaluate
from lm_eval.tasks import TaskManager

from .model import LearnerLM, Memory

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

Item = Mapping[str, object]
"""One test item: the fields that a task's YAML names; a field of choices holds a list of texts."""


class Scorer:
    """lm-eval tasks, prepared once and scored at every generation.

    Args:
        loaded: lm-eval's task objects by name under `tasks`, and its `groups` and `group_map` if there are groups.
        tokenizer: of the models that will be scored; it may have special tokens that they do not know.
        batch: rows per forward pass, at most.
        limit: documents of each task, chosen at random but always the same ones; None for all.
    """

    def __init__(
        self, loaded: Mapping[str, Any], tokenizer: PreTrainedTokenizerFast, batch: int = 256, limit: int | None = None
    ) -> None:
        self.loaded, self._batch, self._memory = loaded, batch, Memory()
        self._tokenizer = copy.deepcopy(tokenizer)
        self._tokenizer.pad_token = self._tokenizer.eos_token  # the padding token may be past the model's vocabulary
        with quiet():
            for task in loaded["tasks"].values():
                task.build_all_requests(samples=None if limit is None else set(subset(len(task.eval_docs), limit)))
                _keep_requests(task)

    def score(self, model: PreTrainedModel) -> dict[str, dict[str, float]]:
        """Task or group name -> metric -> value, as lm-eval aggregates them. Global random state stays as it was.

        Raises:
            PluginError: an answer has no token.
        """
        with quiet(), torch.random.fork_rng(devices=[]):
            results = evaluate(self._lm(model), dict(self.loaded), bootstrap_iters=0, log_samples=False)["results"]
        return {name: metrics for name, result in results.items() if (metrics := _metrics(result))}

    def check(self, model: PreTrainedModel) -> None:
        """Lay the requests out for models like this one, which finds out what cannot be scored.

        Raises:
            PluginError: an answer has no token.
        """
        tasks = self.loaded["tasks"].values()
        with quiet():
            for kind in ("loglikelihood", "loglikelihood_rolling"):
                self._lm(model).lay_out([r for task in tasks for r in task.instances if r.request_type == kind])

    def _lm(self, model: PreTrainedModel) -> LearnerLM:
        return LearnerLM(model, self._tokenizer, self._batch, self._memory)


class Suite(Scorer):
    """Some of a folder's lm-eval tasks over documents in memory.

    Args:
        folder: task YAMLs with `test_split: test` and no dataset of their own.
        documents: task name -> its documents, all with the fields that the YAML names.
        tokenizer: of the models that will be scored.
        batch: rows per forward pass, at most.
    """

    def __init__(
        self,
        folder: Path,
        documents: Mapping[str, Sequence[Item]],
        tokenizer: PreTrainedTokenizerFast,
        batch: int = 256,
    ) -> None:
        with quiet():
            loaded = _load(folder, documents)
        super().__init__(loaded, tokenizer, batch)


def subset(documents: int, limit: int) -> list[int]:
    """Places of at most `limit` of so many documents, in order: a random choice that is always the same."""
    chosen = torch.randperm(documents, generator=torch.Generator().manual_seed(0))[:limit]
    return sorted(chosen.tolist())


def _load(folder: Path, documents: Mapping[str, Sequence[Item]]) -> dict[str, Any]:
    """lm-eval's task objects, each reading its own documents."""
    from datasets import Dataset

    def columns(docs: Sequence[Item]) -> Any:
        dataset = {"test": Dataset.from_list([dict(docs[0])])}  # only asked for its columns
        return lambda **_: dataset

    members = [{"task": name, "custom_dataset": columns(docs)} for name, docs in documents.items()]
    manager = TaskManager(include_path=str(folder), include_defaults=False)
    loaded = manager.load([{"group": "heldout", "task": members}])
    for name, task in loaded["tasks"].items():
        task.dataset = {"test": list(documents[name])}  # reading a Dataset row by row is slow
    return {"tasks": loaded["tasks"]}


def _keep_requests(task: Any) -> None:
    """Let lm-eval ask for a task's requests and documents again and again without building them anew."""
    documents = {request.doc_id: request.doc for request in task.instances}

    def forget(**_: Any) -> None:
        for request in task.instances:
            request.resps = []
            request.filtered_resps = {}

    task.build_all_requests = forget
    task.doc_iterator = lambda **_: iter(documents.items())


def _metrics(result: Mapping[str, Any]) -> dict[str, float]:
    """`{"perplexity,none": 1.2, "perplexity_stderr,none": ..., "alias": ...}` -> `{"perplexity": 1.2}`.

    A metric of answers that went through a filter keeps the filter's name: `exact_match[strict-match]`.
    """
    named = {tuple(key.split(",")): value for key, value in result.items() if "," in key}
    return {
        metric if filtered == "none" else f"{metric}[{filtered}]": float(value)
        for (metric, filtered), value in named.items()
        if not metric.endswith("_stderr") and isinstance(value, (int, float))
    }


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep warnings about models in memory and about retries, and progress bars, off the terminal."""
    levels = {logger: logger.level for logger in map(logging.getLogger, ("lm_eval", "huggingface_hub", "transformers"))}
    for logger in levels:
        logger.setLevel(logging.ERROR)
    try:
        with open(os.devnull, "w") as nowhere, contextlib.redirect_stderr(nowhere):
            yield
    finally:
        for logger, level in levels.items():
            logger.setLevel(level)
