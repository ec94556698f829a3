"""lm-evaluation-harness: scores of our causal language models on documents held in memory.

Everything is local: no default task is indexed, nothing is fetched, no bootstrap is run. Documents and
their encodings are prepared once per held-out set; a generation pays for the forward passes.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from lm_eval.evaluator import evaluate
from lm_eval.models.huggingface import HFLM
from lm_eval.tasks import TaskManager

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

Document = Mapping[str, str]
"""One test item: the fields that a task's YAML names."""


class LearnerLM(HFLM):  # type: ignore[misc]
    """lm-eval's Hugging Face model around a model and tokeniser in memory, without progress bars.

    Texts are encoded as they stand: a context that must start with the beginning-of-text token says so.
    An empty context and rolling likelihoods start from that token by themselves.

    Args:
        model: a causal language model.
        tokenizer: its tokeniser, which adds no special tokens.
        batch: documents per forward pass.
        encoded: a memory of encodings, shared between generations.
    """

    def __init__(
        self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, batch: int, encoded: dict[str, list[int]]
    ) -> None:
        super().__init__(
            pretrained=model,
            tokenizer=tokenizer,
            batch_size=batch,
            max_length=model.config.max_position_embeddings,
        )
        self._encoded = encoded

    def tok_encode(self, string: str, *_: Any, **__: Any) -> list[int]:
        """Token ids of a text, no special token added."""
        if (ids := self._encoded.get(string)) is None:
            ids = self._encoded[string] = self.tokenizer.encode(string, add_special_tokens=False)
        return ids

    def loglikelihood(self, requests: list[Any], disable_tqdm: bool = True) -> Any:
        """As lm-eval's, silent."""
        return super().loglikelihood(requests, disable_tqdm=True)

    def loglikelihood_rolling(self, requests: list[Any], disable_tqdm: bool = True) -> Any:
        """As lm-eval's, silent."""
        return super().loglikelihood_rolling(requests, disable_tqdm=True)

    def generate_until(self, requests: list[Any], disable_tqdm: bool = True) -> Any:
        """As lm-eval's, silent."""
        return super().generate_until(requests, disable_tqdm=True)

    def _loglikelihood_tokens(self, requests: list[Any], disable_tqdm: bool = True, **kwargs: Any) -> Any:
        return super()._loglikelihood_tokens(requests, disable_tqdm=True, **kwargs)


class Suite:
    """Some of a folder's lm-eval tasks over documents in memory, prepared once and scored at every generation.

    Args:
        folder: task YAMLs with `test_split: test` and no dataset of their own.
        documents: task name -> its documents, all with the fields that the YAML names.
        tokenizer: of the models that will be scored; adds no special tokens.
        batch: documents per forward pass.
    """

    def __init__(
        self,
        folder: Path,
        documents: Mapping[str, Sequence[Document]],
        tokenizer: PreTrainedTokenizerFast,
        batch: int = 256,
    ) -> None:
        self._tokenizer, self._batch = tokenizer, batch
        self._encoded: dict[str, list[int]] = {}
        with _quiet():
            self._tasks = _load(folder, documents)
            for name, task in self._tasks.items():
                task.build_all_requests()
                task.build_all_requests = _reuse(task)
                task.dataset = {"test": list(documents[name])}  # reading a Dataset row by row is slow

    def score(self, model: PreTrainedModel) -> dict[str, dict[str, float]]:
        """Task name -> metric -> value, as lm-eval aggregates them. Global random state stays as it was."""
        with _quiet(), torch.random.fork_rng(devices=[]):
            lm = LearnerLM(model, self._tokenizer, self._batch, self._encoded)
            results = evaluate(lm, {"tasks": self._tasks}, bootstrap_iters=0, log_samples=False)["results"]
        return {task: _metrics(results[task]) for task in self._tasks}


def _load(folder: Path, documents: Mapping[str, Sequence[Document]]) -> dict[str, Any]:
    """lm-eval's task objects, each reading its own documents."""
    from datasets import Dataset

    def reader(docs: Sequence[Document]) -> Any:
        dataset = {"test": Dataset.from_list([dict(doc) for doc in docs])}
        return lambda **_: dataset

    members = [{"task": name, "custom_dataset": reader(docs)} for name, docs in documents.items()]
    manager = TaskManager(include_path=str(folder), include_defaults=False)
    tasks: dict[str, Any] = manager.load([{"group": "heldout", "task": members}])["tasks"]
    return tasks


def _reuse(task: Any) -> Any:
    """A `build_all_requests` that forgets the answers to the requests built before, and keeps the requests."""

    def forget(**_: Any) -> None:
        for request in task.instances:
            request.resps = []
            request.filtered_resps = {}

    return forget


def _metrics(result: Mapping[str, Any]) -> dict[str, float]:
    """`{"perplexity,none": 1.2, "perplexity_stderr,none": ..., "alias": ...}` -> `{"perplexity": 1.2}`."""
    named = {key.split(",")[0]: value for key, value in result.items() if "," in key}
    return {name: float(value) for name, value in named.items() if not name.endswith("_stderr")}


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep lm-eval's warnings about models in memory, and its progress bars, off the terminal."""
    logger = logging.getLogger("lm_eval")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with open(os.devnull, "w") as nowhere, contextlib.redirect_stderr(nowhere):
            yield
    finally:
        logger.setLevel(level)
