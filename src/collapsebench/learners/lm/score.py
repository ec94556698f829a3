"""Log-probabilities of token matrices under a causal language model."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

from .device import inference

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from ...core.corpus import Corpus
    from .tokenizer import Marks

TOKENS_AT_ONCE = 2**12
"""Most tokens per forward pass without gradients: large enough to hide the overhead, small enough for caches."""

LOGITS_AT_ONCE = 2**25
"""Most logits per forward pass (128 MiB), which is what bounds models with a large vocabulary."""

GPU_FACTOR = 16
"""How many times as much a GPU takes at once."""


def next_token_logits(model: PreTrainedModel, tokens: torch.Tensor, marks: Marks) -> torch.Tensor:
    """Logits of every token of `tokens` `[n, L]` given those before it, `[n, L, V]`.

    Padding stands on the right, where causal attention never looks, so no attention mask is needed.
    """
    return model(input_ids=model_inputs(tokens, marks), use_cache=False).logits  # type: ignore[no-any-return]


def model_inputs(tokens: torch.Tensor, marks: Marks) -> torch.Tensor:
    """What a model reads to foretell each token of `tokens` `[n, L]`: the start, then all but the last token."""
    inputs = F.pad(tokens[:, :-1], (1, 0), value=marks.bos)
    return inputs.masked_fill(inputs == marks.pad, marks.bos)  # padding may lie past the vocabulary


def token_log_probs(logits: torch.Tensor, tokens: torch.Tensor, pad: int) -> torch.Tensor:
    """Log-softmax of `logits` `[n, L, V]` at `tokens` `[n, L]`, float `[n, L]`; 0 at padding."""
    flat = F.cross_entropy(logits.flatten(0, 1).float(), tokens.flatten(), reduction="none", ignore_index=pad)
    return -flat.view(tokens.shape)


def log_probs(model: PreTrainedModel, tokens: torch.Tensor, marks: Marks) -> torch.Tensor:
    """Log-probability of every token given those before it, nats, float `[n, L]`; 0 at padding."""
    scored = torch.zeros(tokens.shape)
    with inference():
        for rows, width in row_chunks(model, text_lengths(tokens, marks.pad)):
            chunk = tokens[rows, :width].to(model.device)
            scored[rows, :width] = token_log_probs(next_token_logits(model, chunk, marks), chunk, marks.pad).cpu()
    return scored


def text_lengths(tokens: torch.Tensor, pad: int) -> torch.Tensor:
    """Tokens of each row that are not padding, int64 `[n]`."""
    return (tokens != pad).sum(1)


def scored_places(corpus: Corpus, pad: int) -> torch.Tensor:
    """Where a corpus of texts has tokens of its own, neither prompt nor padding, bool `[n, L]`."""
    tokens = corpus["tokens"]
    scored = tokens != pad
    if "prompt_length" in corpus.names:
        scored &= torch.arange(tokens.shape[1]) >= corpus["prompt_length"][:, None]
    return scored


def row_chunks(model: PreTrainedModel, lengths: torch.Tensor) -> Iterator[tuple[torch.Tensor, int]]:
    """Row indices and a width for one forward pass each; rows of like length together, empty ones left out.

    Args:
        model: says how much is too much at once.
        lengths: int64 `[n]`, what must be read of each row.
    """
    most = min(TOKENS_AT_ONCE, LOGITS_AT_ONCE // model.config.vocab_size) * device_factor(model)
    order = lengths.argsort(stable=True)[int((lengths == 0).sum()) :]
    end = len(order)
    while end:
        width = int(lengths[order[end - 1]])
        start = max(0, end - max(1, most // width))
        yield order[start:end], width
        end = start


def device_factor(model: PreTrainedModel) -> int:
    """How many times as much as a CPU the model's device takes at once."""
    return GPU_FACTOR if model.device.type == "cuda" else 1
