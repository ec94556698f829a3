"""Packing: several short texts of a step in one row, each blind to the others, so that less padding is computed."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import torch

from .device import accelerator, without_gradients
from .score import model_inputs, next_token_logits, token_log_probs

if TYPE_CHECKING:
    from .tokenizer import Marks

WORTHWHILE = 0.7
"""Texts are packed where that leaves at most this share of the rows; above it, the attention mask costs more."""


class Packer:
    """Log-probabilities of a step's texts, packed where that pays; the numbers are the same either way.

    Texts share a row as long as the step's longest text. Hugging Face models keep texts apart where
    positions start again from 0; a model that does not is never packed (it is asked once).

    Args:
        model: whose log-probabilities: a Hugging Face model, perhaps as several processes train it.
        marks: the tokens around a text.
    """

    def __init__(self, model: torch.nn.Module, marks: Marks) -> None:
        self._model, self._marks = model, marks
        if accelerator().num_processes > 1:
            self._keeps_apart  # noqa: B018 (a part of a model answers only where all processes ask)

    def log_probs(self, tokens: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """Log-probability of every token given those before it, float `[b, L]`, with gradients; 0 at padding.

        Args:
            tokens: int64 `[b, L]`, right-padded.
            lengths: int64 `[b]` on the CPU.
        """
        rows = rows_of(lengths.tolist())
        if len(rows) <= WORTHWHILE * len(lengths) and self._keeps_apart:
            return self._packed(tokens, lengths, rows)
        return token_log_probs(next_token_logits(self._model, tokens, self._marks), tokens, self._marks.pad)

    def _packed(self, tokens: torch.Tensor, lengths: torch.Tensor, rows: list[list[int]]) -> torch.Tensor:
        width, device = int(lengths.max()), tokens.device
        starts = torch.empty_like(lengths)  # place of each text in the flattened rows
        for row, texts in enumerate(rows):
            ends = lengths[texts].cumsum(0)
            starts[texts] = row * width + ends - lengths[texts]
        place = torch.arange(width)
        present = place < lengths[:, None]
        flat = (starts[:, None] + place)[present].to(device)
        present = present.to(device)

        def in_rows(values: torch.Tensor, rest: int) -> torch.Tensor:
            grid = values.new_full((len(rows) * width,), rest)
            return grid.index_copy(0, flat, values[:, :width][present]).view(-1, width)

        logits = self._model(
            input_ids=in_rows(model_inputs(tokens, self._marks), self._marks.bos),
            position_ids=in_rows(place.to(device).expand(len(lengths), -1), 0),
            use_cache=False,
        ).logits
        packed = token_log_probs(logits, in_rows(tokens, self._marks.pad), self._marks.pad)
        present = torch.nn.functional.pad(present, (0, tokens.shape[1] - width))
        return packed.new_zeros(tokens.shape).masked_scatter(present, packed.flatten()[flat])

    @cached_property
    def _keeps_apart(self) -> bool:
        """Whether a text's logits are the same with another text before it in the row."""
        model, start = self._model, self._marks.bos
        device = next(model.parameters()).device
        text = torch.full((1, 4), start, device=device)
        both = torch.cat([torch.full_like(text, 0 if start else 1), text], 1)
        places = torch.arange(4, device=device).repeat(2)[None]
        training = model.training
        with without_gradients(), torch.autocast(device.type, enabled=False):  # bfloat16 would blur it
            model.eval()
            alone = model(input_ids=text, use_cache=False).logits
            behind = model(input_ids=both, position_ids=places, use_cache=False).logits[:, 4:]
            model.train(training)
        return bool((alone - behind).abs().max() <= 1e-4 * alone.abs().max())


def rows_of(lengths: list[int]) -> list[list[int]]:
    """Texts by row, no row longer than the longest text: first fit, long texts first."""
    width = max(lengths)
    rows: list[list[int]] = []
    room: list[int] = []
    for text in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        row = next((r for r, left in enumerate(room) if left >= lengths[text]), len(rows))
        if row == len(rows):
            rows.append([])
            room.append(width)
        rows[row].append(text)
        room[row] -= lengths[text]
    return rows
