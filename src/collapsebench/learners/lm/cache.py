"""A key-value cache for sampling: it grows without copying at every token, and rows can be dropped from it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from transformers.cache_utils import DynamicCache, DynamicLayer

if TYPE_CHECKING:
    from transformers import PreTrainedConfig


ROOM = 32
"""Tokens that buffers grow by, at least: short enough to keep them dense, long enough to copy seldom."""


class _RoomyLayer(DynamicLayer):  # type: ignore[misc]
    """Keys and values of one layer in buffers with room to grow; `DynamicLayer` copies everything at every token."""

    def __init__(self) -> None:
        super().__init__()
        self._buffers: list[torch.Tensor] = []

    def update(self, keys: torch.Tensor, values: torch.Tensor, *_: Any, **__: Any) -> tuple[torch.Tensor, torch.Tensor]:
        """Append keys and values `[rows, heads, new, dim]`; returns all so far."""
        if not self.is_initialized:
            self.lazy_initialization(keys, values)
            self._buffers = [keys[:, :, :0], values[:, :, :0]]
        start, stop = self.get_seq_length(), self.get_seq_length() + keys.shape[-2]
        if stop > self._buffers[0].shape[2]:
            self._buffers = [_grown(buffer[:, :, :start], stop + max(ROOM, start // 4)) for buffer in self._buffers]
        for buffer, new in zip(self._buffers, (keys, values), strict=True):
            buffer[:, :, start:stop] = new
        self._show(stop)
        return self.keys, self.values

    def batch_select_indices(self, indices: torch.Tensor) -> None:
        """Keep these rows only."""
        length = self.get_seq_length()
        for buffer in self._buffers:
            buffer[: len(indices), :, :length] = buffer[indices, :, :length]
        self._buffers = [buffer[: len(indices)] for buffer in self._buffers]
        self._show(length)

    def _show(self, length: int) -> None:
        self.keys, self.values = (buffer[:, :, :length] for buffer in self._buffers)


def _grown(buffer: torch.Tensor, length: int) -> torch.Tensor:
    """`[rows, heads, T, dim]` with room for more tokens."""
    grown = buffer.new_empty(*buffer.shape[:2], length, buffer.shape[3])
    grown[:, :, : buffer.shape[2]] = buffer
    return grown


def sampling_cache(config: PreTrainedConfig) -> DynamicCache:
    """An empty cache for a model of this configuration.

    Layers that are more than keys and values of all tokens (sliding windows, recurrent states) are Hugging Face's own.
    """
    cache = DynamicCache(config=config)
    cache.layers = [_RoomyLayer() if type(layer) is DynamicLayer else layer for layer in cache.layers]
    return cache
