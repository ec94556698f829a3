"""Log-probabilities of token matrices under a causal language model."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from .tokenise import Marks

TOKENS_AT_ONCE = 4096
"""Most tokens per forward pass without gradients: large enough to hide the overhead, small enough for caches."""

LOGITS_AT_ONCE = 2**25
"""Most logits per forward pass (128 MiB), which is what bounds models with a large vocabulary."""


def next_token_logits(model: PreTrainedModel, tokens: torch.Tensor, marks: Marks) -> torch.Tensor:
    """Logits of every token of `tokens` `[n, L]` given those before it, `[n, L, V]`.

    Padding stands on the right, where causal attention never looks, so no attention mask is needed.
    """
    inputs = F.pad(tokens[:, :-1], (1, 0), value=marks.bos)
    inputs = inputs.masked_fill(inputs == marks.pad, marks.bos)  # padding may lie past the vocabulary
    return model(input_ids=inputs, use_cache=False).logits  # type: ignore[no-any-return]


def log_probs(model: PreTrainedModel, tokens: torch.Tensor, marks: Marks) -> torch.Tensor:
    """Log-probability of every token given those before it, nats, float `[n, L]`; 0 at padding."""
    scored = torch.zeros(tokens.shape)
    with torch.inference_mode():
        for rows in row_chunks(model, tokens):
            chunk = tokens[rows].to(model.device)
            scored[rows] = token_log_probs(next_token_logits(model, chunk, marks), chunk, marks.pad).cpu()
    return scored


def token_log_probs(logits: torch.Tensor, tokens: torch.Tensor, pad: int) -> torch.Tensor:
    """Log-softmax of `logits` `[n, L, V]` at `tokens` `[n, L]`, float `[n, L]`; 0 at padding."""
    flat = F.cross_entropy(logits.flatten(0, 1).float(), tokens.flatten(), reduction="none", ignore_index=pad)
    return -flat.view(tokens.shape)


def row_chunks(model: PreTrainedModel, tokens: torch.Tensor) -> Iterator[slice]:
    """Slices over the rows of a token matrix `[n, L]`, each small enough for one forward pass."""
    most = min(TOKENS_AT_ONCE, LOGITS_AT_ONCE // model.config.vocab_size)
    rows = max(1, most // max(1, tokens.shape[1]))
    for start in range(0, len(tokens), rows):
        yield slice(start, start + rows)
