"""Sampling texts from a causal language model, and token editing."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from ..learner import Decoding
from .score import next_token_logits, row_chunks

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from .tokenise import Marks

ROWS_AT_ONCE = 512
"""Most texts generated side by side."""

CACHE_AT_ONCE = 2**28
"""Most cached keys and values (1 GiB), which is what bounds large models."""


def generate(
    model: PreTrainedModel,
    n: int,
    length: int,
    rng: torch.Generator,
    decoding: Decoding,
    marks: Marks,
) -> torch.Tensor:
    """`n` texts of at most `length` tokens drawn from the model, int64 `[n, length]`.

    A text ends at the end-of-text token (kept in the row) and is padded after it.
    """
    cached = 2 * length * model.config.hidden_size * model.config.num_hidden_layers
    rows = max(1, min(ROWS_AT_ONCE, CACHE_AT_ONCE // cached))
    with torch.inference_mode():
        chunks = [
            _generate_rows(model, min(rows, n - start), length, rng, decoding, marks) for start in range(0, n, rows)
        ]
    return torch.cat(chunks) if chunks else torch.empty((0, length), dtype=torch.int64)


def _generate_rows(
    model: PreTrainedModel,
    n: int,
    length: int,
    rng: torch.Generator,
    decoding: Decoding,
    marks: Marks,
) -> torch.Tensor:
    tokens = torch.full((n, length), marks.pad, dtype=torch.int64)
    open_rows = torch.ones(n, dtype=torch.bool)
    last = torch.full((n,), marks.bos, dtype=torch.int64)
    undrawn = never_drawn(model, marks)
    cache = None
    for place in range(length):
        out = model(input_ids=last[:, None].to(model.device), past_key_values=cache, use_cache=True)
        cache = out.past_key_values
        logits = out.logits[:, -1].float()
        logits[:, undrawn] = -math.inf
        last = draw(truncated(logits, decoding), rng)
        last[~open_rows] = marks.pad
        tokens[:, place] = last
        if marks.eos is not None:
            open_rows &= last != marks.eos
            if not bool(open_rows.any()):
                break
    return tokens


def resample(
    model: PreTrainedModel,
    tokens: torch.Tensor,
    mask: torch.Tensor,
    rng: torch.Generator,
    decoding: Decoding,
    marks: Marks,
) -> torch.Tensor:
    """Token editing: tokens under `mask` drawn anew, each given the *original* tokens before it.

    One forward pass, since no draw depends on another (Zhu et al., arXiv:2412.14689, Eq. 3).

    Args:
        model: the prior.
        tokens: int64 `[n, L]`.
        mask: bool `[n, L]`.
        rng: the draws.
        decoding: temperature and top-k of the draws.
        marks: the tokens around a text.

    Returns:
        int64 `[n, L]`, equal to `tokens` outside the mask.
    """
    edited = tokens.clone()
    undrawn = never_drawn(model, marks)
    with torch.inference_mode():
        for rows in row_chunks(model, tokens):
            chunk, chosen = tokens[rows], mask[rows]
            if bool(chosen.any()):
                logits = next_token_logits(model, chunk.to(model.device), marks)[chosen.to(model.device)].float()
                logits[:, undrawn] = -math.inf
                edited[rows][chosen] = draw(truncated(logits, decoding), rng)
    return edited


def never_drawn(model: PreTrainedModel, marks: Marks) -> list[int]:
    """Tokens that no text has: padding, and the start unless it also ends texts."""
    return [i for i in {marks.bos, marks.pad} - {marks.eos} if i < model.config.vocab_size]


def truncated(logits: torch.Tensor, decoding: Decoding) -> torch.Tensor:
    """Probabilities `[n, V]` after temperature, then top-k, then top-p; ties at the border of top-k all stay."""
    logits = logits / decoding.temperature
    if decoding.top_k is not None and decoding.top_k < logits.shape[-1]:
        border = logits.topk(decoding.top_k, dim=-1).values[..., -1:]
        logits = logits.masked_fill(logits < border, -math.inf)
    probabilities = logits.softmax(-1)
    if decoding.top_p is not None and decoding.top_p < 1:
        ordered, places = probabilities.sort(dim=-1, descending=True)
        before = ordered.cumsum(-1) - ordered
        kept = ordered.masked_fill(before >= decoding.top_p, 0.0)
        probabilities = torch.zeros_like(probabilities).scatter(-1, places, kept)
        probabilities /= probabilities.sum(-1, keepdim=True)
    return probabilities


def draw(probabilities: torch.Tensor, rng: torch.Generator) -> torch.Tensor:
    """One outcome per row of `[n, V]`, int64 `[n]` on the CPU, by inverting the distribution function.

    One uniform number per row from a CPU generator: the same draws on every device.
    """
    uniform = torch.rand(len(probabilities), 1, generator=rng, dtype=torch.float64).to(probabilities.device)
    cumulative = probabilities.double().cumsum(-1)
    outcome = torch.searchsorted(cumulative, uniform * cumulative[:, -1:], right=True)
    return outcome.squeeze(1).clamp(max=probabilities.shape[-1] - 1).cpu()
