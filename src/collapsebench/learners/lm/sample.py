"""Sampling texts from a causal language model, and token editing."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from ...core.learner import Decoding
from .cache import sampling_cache
from .device import inference
from .score import device_factor, next_token_logits, row_chunks

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from .tokenizer import Marks

ROWS_AT_ONCE = 1024
"""Most texts generated side by side."""

CACHE_AT_ONCE = 2**28
"""Most cached keys and values (1 GiB in float32), which is what bounds large models."""

FINISHED_SHARE = 1 / 8
"""Finished texts leave the batch once they are this share of it: dropping rows copies the cache."""


def generate(
    model: PreTrainedModel,
    n: int,
    length: int,
    rng: torch.Generator,
    decoding: Decoding,
    marks: Marks,
    prompts: torch.Tensor | None = None,
    given: torch.Tensor | None = None,
) -> torch.Tensor:
    """`n` texts of at most `length` tokens drawn from the model, int64 `[n, length]`.

    A text ends at the end-of-text token (kept in the row) and is padded after it. A text depends on its
    own row of random numbers only, not on the texts drawn beside it.

    Args:
        model: what is sampled from.
        n: texts.
        length: columns.
        rng: the draws.
        decoding: how tokens are drawn.
        marks: the tokens around a text.
        prompts: int64 `[n, P]`, what the texts begin with; None to begin with nothing.
        given: int64 `[n]`, tokens of each prompt.
    """
    uniform = torch.rand(n, length, generator=rng, dtype=torch.float64)
    tokens = torch.full((n, length), marks.pad, dtype=torch.int64)
    if prompts is None or given is None:
        given = torch.zeros(n, dtype=torch.int64)
    else:
        prompted = torch.arange(prompts.shape[1]) < given[:, None]
        tokens[:, : prompts.shape[1]] = prompts.where(prompted, marks.pad)[:, :length]
    cached = 2 * length * model.config.hidden_size * model.config.num_hidden_layers
    at_once = max(1, min(ROWS_AT_ONCE, CACHE_AT_ONCE * device_factor(model) // cached))
    with inference():
        for rows in torch.split(given.argsort(stable=True), at_once) if n else ():
            tokens[rows] = _continue(model, tokens[rows], given[rows], uniform[rows], decoding, marks)
    return tokens


def _continue(
    model: PreTrainedModel,
    tokens: torch.Tensor,
    given: torch.Tensor,
    uniform: torch.Tensor,
    decoding: Decoding,
    marks: Marks,
) -> torch.Tensor:
    """Continue the `given` first tokens of each row of `tokens` `[r, L]`, side by side.

    What all prompts have is read at once. From there on all rows move token by token; where a prompt
    goes on, its token stands in for the draw.
    """
    start, (rows, length) = int(given.min()), tokens.shape
    tokens, given, uniform = (t.to(model.device) for t in (tokens, given, uniform))
    undrawn = never_drawn(model, marks)
    cache = sampling_cache(model.config)
    live = torch.arange(rows, device=model.device)  # the rows still in the batch
    closed = torch.zeros(rows, dtype=torch.bool, device=model.device)  # of those, the ones that have ended
    inputs = torch.cat([tokens.new_full((rows, 1), marks.bos), tokens[:, :start]], 1)
    for place in range(start, length):
        out = model(input_ids=inputs, past_key_values=cache, use_cache=True, logits_to_keep=1)
        logits = out.logits[:, -1].float()
        for token in undrawn:
            logits[:, token] = -math.inf
        free = given[live] <= place
        chosen = torch.where(free, draw(logits, decoding, uniform[live, place]), tokens[live, place])
        tokens[live, place] = chosen.masked_fill(closed, marks.pad)
        if marks.eos is not None:
            closed |= free & (chosen == marks.eos)
            if int(closed.sum()) >= FINISHED_SHARE * len(live):
                kept = (~closed).nonzero().squeeze(1)
                if not len(kept):
                    break
                cache.batch_select_indices(kept)
                live, chosen, closed = live[kept], chosen[kept], closed[kept]
        inputs = chosen[:, None]
    return tokens.cpu()


def resample(
    model: PreTrainedModel,
    tokens: torch.Tensor,
    mask: torch.Tensor,
    rng: torch.Generator,
    decoding: Decoding,
    marks: Marks,
    known: torch.Tensor | None = None,
) -> torch.Tensor:
    """Token editing: tokens under `mask` drawn anew, each given the *original* tokens before it.

    One forward pass, since no draw depends on another (Zhu et al., arXiv:2412.14689, Eq. 3); and only over
    texts with a draw that their known log-probabilities do not settle (`settled`).

    Args:
        model: the prior.
        tokens: int64 `[n, L]`.
        mask: bool `[n, L]`.
        rng: the draws.
        decoding: temperature and top-k of the draws.
        marks: the tokens around a text.
        known: log-probability of every token under the model, float `[n, L]`, or None.

    Returns:
        int64 `[n, L]`, equal to `tokens` outside the mask.
    """
    edited = tokens.clone()
    uniform = torch.rand(tokens.shape, generator=rng, dtype=torch.float64)
    if known is not None and decoding.temperature <= 1:  # which can only raise the share of the likeliest
        mask = mask & ~settled(known.double().exp(), uniform)
    undrawn = never_drawn(model, marks)
    reach = (mask * torch.arange(1, mask.shape[1] + 1)).amax(1)  # tokens up to the last one under the mask
    with inference():
        for rows, width in row_chunks(model, reach):
            chosen, old = mask[rows, :width], tokens[rows, :width]
            logits = next_token_logits(model, old.to(model.device), marks).flatten(0, 1)
            logits = logits.index_select(0, chosen.flatten().nonzero().squeeze(1).to(model.device)).float()
            for token in undrawn:
                logits[:, token] = -math.inf
            draws, likely = (t[rows, :width][chosen].to(model.device) for t in (uniform, tokens))
            edited[rows, :width] = old.masked_scatter(chosen, draw(logits, decoding, draws, likely).cpu())
    return edited


def settled(probability: torch.Tensor, uniform: torch.Tensor) -> torch.Tensor:
    """Whether a draw must be the outcome of this probability, outcomes being ordered with the likeliest first.

    An outcome of probability p > 1/2 is the likeliest, and stays it under top-k and top-p, which can only
    raise p. Where the uniform number lies below p, the draw is that outcome; nothing needs to be sorted.
    """
    return (probability > 0.5) & (uniform < probability)


def never_drawn(model: PreTrainedModel, marks: Marks) -> list[int]:
    """Tokens that no text has: padding, and the start unless it also ends texts."""
    return [i for i in {marks.bos, marks.pad} - {marks.eos} if i < model.config.vocab_size]


def draw(
    logits: torch.Tensor, decoding: Decoding, uniform: torch.Tensor, likely: torch.Tensor | None = None
) -> torch.Tensor:
    """One outcome per row, int64 `[n]`, by inverting the distribution function with the likeliest outcome first.

    Args:
        logits: float `[n, V]`.
        decoding: temperature, then top-k, then top-p.
        uniform: float64 `[n]` in [0, 1).
        likely: int64 `[n]`, a guess at the likeliest outcome; without it, the likeliest is looked up.
    """
    if decoding.temperature != 1:
        logits = logits / decoding.temperature
    outcome = logits.argmax(-1) if likely is None else likely.clone()
    probabilities = logits.softmax(-1)
    share = probabilities.gather(1, outcome[:, None]).squeeze(1)
    rest = (~settled(share, uniform)).nonzero().squeeze(1)
    if len(rest):
        inverted = _inverted_whole if decoding.top_k is None and decoding.top_p is None else _inverted_truncated
        outcome[rest] = inverted(probabilities[rest], decoding, uniform[rest])
    return outcome


def _inverted_truncated(probabilities: torch.Tensor, decoding: Decoding, uniform: torch.Tensor) -> torch.Tensor:
    """Outcomes in falling order of probability, as many as the decoding leaves."""
    kept = min(decoding.top_k or probabilities.shape[-1], probabilities.shape[-1])
    ordered, outcomes = probabilities.topk(kept)
    ordered = ordered.double()
    if decoding.top_p is not None:
        before = ordered.cumsum(-1) - ordered
        ordered = ordered.masked_fill(before >= decoding.top_p * ordered.sum(-1, keepdim=True), 0.0)
    cumulative = ordered.cumsum(-1)
    place = torch.searchsorted(cumulative, uniform[:, None] * cumulative[:, -1:], right=True)
    return outcomes.gather(1, place.clamp(max=kept - 1)).squeeze(1)


def _inverted_whole(probabilities: torch.Tensor, _: Decoding, uniform: torch.Tensor) -> torch.Tensor:
    """Without truncation: the likeliest first, all others in the order of the vocabulary, so nothing is sorted."""
    probabilities = probabilities.double()
    top, first = probabilities.max(-1, keepdim=True)
    cumulative = probabilities.scatter(1, first, 0.0).cumsum(-1)
    target = uniform[:, None] * (top + cumulative[:, -1:]) - top
    other = torch.searchsorted(cumulative, target.clamp(min=0), right=True)
    return torch.where(target < 0, first, other.clamp(max=probabilities.shape[-1] - 1)).squeeze(1)
