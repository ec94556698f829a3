"""A causal language model in memory as lm-eval sees it.

lm-eval asks a model for log-likelihoods of texts. Which requests there are, how they are encoded and how
they are laid out in batches is the same for every generation, so it is worked out once and kept; a
generation pays for its forward passes.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
import torch.nn.functional as F
from lm_eval.models.huggingface import HFLM
from lm_eval.utils import get_rolling_token_windows, make_disjoint_window

from ...core.errors import PluginError
from ...learners.lm.device import without_gradients
from ...learners.lm.score import LOGITS_AT_ONCE, TOKENS_AT_ONCE, device_factor

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast


class Scored(NamedTuple):
    """A continuation to be scored: its own tokens and those before it, both non-empty, and whose it is."""

    request: int
    context: list[int]
    continuation: list[int]


class Batch(NamedTuple):
    """One forward pass. Inputs are unique: continuations of one token after the same context share a row.

    inputs: int64 `[b, L]`, padded on the right, where causal attention never looks.
    kept: how many of the last places the model must give logits for.
    rows, places, targets, requests: int64 `[k]`; the logits at (row, place) predict the target, one of
        the tokens that this request is about. Places count from the first one kept.
    """

    inputs: torch.Tensor
    kept: int
    rows: torch.Tensor
    places: torch.Tensor
    targets: torch.Tensor
    requests: torch.Tensor


class Limits(NamedTuple):
    """What one forward pass may hold: rows, tokens with padding, and places whose logits are kept."""

    rows: int
    tokens: int
    places: int

    def allow(self, rows: int, length: int, kept: int) -> bool:
        """Whether that many rows of that length fit."""
        return rows <= self.rows and rows * length <= self.tokens and rows * kept <= self.places


@dataclass(frozen=True)
class Memory:
    """What scoring one model after another has in common.

    Args:
        encoded: text -> its tokens.
        layouts: requests -> their batches.
    """

    encoded: dict[str, list[int]] = field(default_factory=dict)
    layouts: dict[Hashable, list[Batch]] = field(default_factory=dict)


class LearnerLM(HFLM):  # type: ignore[misc]
    """lm-eval's Hugging Face model around a model and tokenizer in memory.

    Every text starts with the beginning-of-text token (end-of-text, where a tokenizer has no other), as
    in training; a tokenizer's own special tokens are not added. As in lm-eval, what stands before an answer
    is cut on the left where the model's context is too short, and texts are scored window by window. So are
    answers that are longer than the context, which lm-eval refuses.

    Args:
        model: a causal language model.
        tokenizer: its tokenizer; its padding token must be one that the model knows.
        batch: rows per forward pass, at most.
        memory: shared between the models that this tokenizer belongs to.
    """

    def __init__(self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, batch: int, memory: Memory) -> None:
        super().__init__(pretrained=model, tokenizer=tokenizer, batch_size=batch)
        self._memory = memory

    def tok_encode(self, string: str, *_: Any, **__: Any) -> list[int]:
        """Token ids of a text, no special token added."""
        if (ids := self._memory.encoded.get(string)) is None:
            ids = self._memory.encoded[string] = self.tokenizer.encode(string, add_special_tokens=False)
        return ids

    def tok_batch_encode(self, strings: Sequence[str], *args: Any, **kwargs: Any) -> Any:
        """As lm-eval's, each text with its beginning."""
        start = self.tokenizer.decode(self.prefix_token_id)
        return super().tok_batch_encode([s if s.startswith(start) else start + s for s in strings], *args, **kwargs)

    def loglikelihood(self, requests: Sequence[Any], disable_tqdm: bool = True) -> list[tuple[float, bool]]:
        """Log-likelihood of each continuation given its context, nats, and whether greedy decoding gives it."""
        total, greedy = self._run(self.lay_out(requests), len(requests))
        return list(zip(total.tolist(), greedy.tolist(), strict=True))

    def loglikelihood_rolling(self, requests: Sequence[Any], disable_tqdm: bool = True) -> list[float]:
        """Log-likelihood of each whole text, nats."""
        total, _ = self._run(self.lay_out(requests), len(requests))
        return list(total.tolist())

    def generate_until(self, requests: list[Any], disable_tqdm: bool = True) -> Any:
        """As lm-eval's, silent."""
        return super().generate_until(requests, disable_tqdm=True)

    def lay_out(self, requests: Sequence[Any]) -> list[Batch]:
        """The forward passes that answer requests for log-likelihoods.

        Raises:
            PluginError: an answer has no token.
        """
        vocabulary, factor = len(self.model.get_output_embeddings().weight), device_factor(self.model)
        limits = Limits(self.batch_size * factor, TOKENS_AT_ONCE * factor, LOGITS_AT_ONCE * factor // vocabulary)
        key = (tuple(request.args for request in requests), self.max_length, limits)
        if key not in self._memory.layouts:
            self._encode({text for request in requests for text in ("".join(request.args), request.args[0].rstrip())})
            self._memory.layouts[key] = lay_out(self._scored(requests), self.max_length, limits)
        return self._memory.layouts[key]

    def _encode(self, texts: Collection[str]) -> None:
        """Encode many texts at once, which takes half the time of one by one."""
        new = sorted(set(texts) - self._memory.encoded.keys())
        if new:
            encoded = self.tokenizer(new, add_special_tokens=False, return_attention_mask=False)["input_ids"]
            self._memory.encoded.update(zip(new, encoded, strict=True))

    def _scored(self, requests: Sequence[Any]) -> Iterator[Scored]:
        for i, request in enumerate(requests):
            whole = request.request_type == "loglikelihood_rolling"
            yield from (Scored(i, *part) for part in (self._windows if whole else self._pieces)(*request.args))

    def _pieces(self, context: str, continuation: str) -> Iterator[tuple[list[int], list[int]]]:
        """An answer and what stands before it; an answer that is longer than the context in several pieces.

        They are encoded as lm-eval does it: a token at the seam belongs to the answer.
        """
        before, tokens = self._encode_pair(context, continuation) if context else ([], self.tok_encode(continuation))
        if not tokens:
            raise PluginError(f"lm-eval has nothing to score: the tokenizer leaves nothing of {continuation!r}.")
        if before[:1] != [self.prefix_token_id]:
            before = [self.prefix_token_id, *before]
        start = 0
        for end in range((len(tokens) - 1) % self.max_length + 1, len(tokens) + 1, self.max_length):
            yield before + tokens[:start], tokens[start:end]
            start = end

    def _windows(self, text: str) -> Iterable[tuple[list[int], list[int]]]:
        tokens = self.tok_encode(text)
        return map(make_disjoint_window, get_rolling_token_windows(tokens, self.prefix_token_id, self.max_length, 1))

    def _run(self, batches: Sequence[Batch], requests: int) -> tuple[torch.Tensor, torch.Tensor]:
        """By request: the sum of its log-probabilities, float64 `[n]`, and whether each was the highest, bool `[n]`."""
        total, missed = torch.zeros(requests, dtype=torch.float64), torch.zeros(requests, dtype=torch.int64)
        for batch in batches:
            inputs, targets = batch.inputs.to(self.device), batch.targets.to(self.device)
            with without_gradients():
                logits = self.model(input_ids=inputs, use_cache=False, logits_to_keep=batch.kept).logits
            logits = logits[batch.rows, batch.places].float()
            log_prob = -F.cross_entropy(logits, targets, reduction="none")
            total.index_add_(0, batch.requests, log_prob.cpu().double())
            missed.index_add_(0, batch.requests, (logits.argmax(-1) != targets).long().cpu())
        return total, missed == 0


def lay_out(scored: Iterable[Scored], longest: int, limits: Limits) -> list[Batch]:
    """Continuations as batches, long ones first, so that rows of about one length stand together.

    Args:
        scored: what to score; no continuation is longer than the model reads.
        longest: tokens that the model reads; what comes before the last ones is cut.
        limits: what one forward pass may hold.
    """
    rows: dict[tuple[int, ...], list[Scored]] = {}
    for item in scored:
        row = tuple([*item.context, *item.continuation][-(longest + 1) : -1])
        rows.setdefault(row, []).append(item)
    batches: list[Batch] = []
    group: list[tuple[int, ...]] = []
    first = longest
    for row in sorted(rows, key=lambda row: (-len(row), row)):
        begin = len(row) - max(len(item.continuation) for item in rows[row])
        if group and not limits.allow(len(group) + 1, len(group[0]), len(group[0]) - min(first, begin)):
            batches.append(_batch(group, first, rows))
            group, first = [], longest
        group.append(row)
        first = min(first, begin)
    return [*batches, _batch(group, first, rows)] if group else batches


def _batch(group: Sequence[tuple[int, ...]], first: int, rows: dict[tuple[int, ...], list[Scored]]) -> Batch:
    length = len(group[0])
    inputs = torch.tensor([[*row, *[0] * (length - len(row))] for row in group])
    flat = [
        (r, place - first, target, item.request)
        for r, row in enumerate(group)
        for item in rows[row]
        for place, target in zip(range(len(row) - len(item.continuation), len(row)), item.continuation, strict=True)
    ]
    return Batch(inputs, length - first, *torch.tensor(flat).T.contiguous())
