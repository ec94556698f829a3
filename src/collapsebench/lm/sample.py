"""Sampling texts from a causal language model, and token editing."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from ..learner import Decoding
from .score import next_token_logits, row_chunks

if TYPE_CHECKING:
    from transformers import PreTrainedModel

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
    *,
    bos: int,
    eos: int | None,
    pad: int,
) -> torch.Tensor:
    """`n` texts of at most `length` tokens drawn from the model, int64 `[n, length]`.

    A text ends at `eos` (kept in the row) and is padded after it. `bos` and `pad` are never drawn.
    """
    cached = 2 * length * model.config.hidden_size * model.config.num_hidden_layers
    rows = max(1, min(ROWS_AT_ONCE, CACHE_AT_ONCE // cached))
    with torch.inference_mode():
        chunks = [
            _generate_rows(model, min(rows, n - start), length, rng, decoding, bos=bos, eos=eos, pad=pad)
            for start in range(0, n, rows)
        ]
    return torch.cat(chunks) if chunks else torch.empty((0, length), dtype=torch.int64)


def _generate_rows(
    model: PreTrainedModel,
    n: int,
    length: int,
    rng: torch.Generator,
    decoding: Decoding,
    *,
    bos: int,
    eos: int | None,
    pad: int,
) -> torch.Tensor:
    tokens = torch.full((n, length), pad, dtype=torch.int64)
    open_rows = torch.ones(n, dtype=torch.bool)
    last = torch.full((n,), bos, dtype=torch.int64)
    cache = None
    for place in range(length):
        out = model(input_ids=last[:, None].to(model.device), past_key_values=cache, use_cache=True)
        cache = out.past_key_values
        logits = out.logits[:, -1].float()
        logits[:, [bos, pad]] = -math.inf
        last = draw(truncated(logits, decoding), rng)
        last[~open_rows] = pad
        tokens[:, place] = last
        if eos is not None:
            open_rows &= last != eos
            if not bool(open_rows.any()):
                break
    return tokens


def resample(
    model: PreTrainedModel,
    tokens: torch.Tensor,
    mask: torch.Tensor,
    rng: torch.Generator,
    decoding: Decoding,
    *,
    bos: int,
    pad: int,
) -> torch.Tensor:
    """Token editing: tokens under `mask` drawn anew, each given the *original* tokens before it.

    One forward pass, since no draw depends on another (Zhu et al., arXiv:2412.14689, Eq. 3).

    Args:
        model: the prior.
        tokens: int64 `[n, L]`.
        mask: bool `[n, L]`.
        rng: the draws.
        decoding: temperature and top-k of the draws.
        bos: the token that the model starts from.
        pad: the padding, never drawn.

    Returns:
        int64 `[n, L]`, equal to `tokens` outside the mask.
    """
    edited = tokens.clone()
    with torch.inference_mode():
        for rows in row_chunks(model, tokens):
            chunk, chosen = tokens[rows], mask[rows]
            if bool(chosen.any()):
                logits = next_token_logits(model, chunk.to(model.device), bos)[chosen.to(model.device)].float()
                logits[:, [bos, pad]] = -math.inf
                edited[rows][chosen] = draw(truncated(logits, decoding), rng)
    return edited


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
