"""A key-value cache for sampling: allocated once, and rows can be dropped from it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from transformers.cache_utils import DynamicCache, DynamicLayer

if TYPE_CHECKING:
    from transformers import PreTrainedConfig


class _PreallocatedLayer(DynamicLayer):  # type: ignore[misc]
    """Keys and values of one layer in buffers of full length; `DynamicLayer` copies everything at every token.

    Args:
        length: most tokens that it will hold.
    """

    def __init__(self, length: int) -> None:
        super().__init__()
        self._length = length
        self._buffers: tuple[torch.Tensor, torch.Tensor]

    def update(self, keys: torch.Tensor, values: torch.Tensor, *_: Any, **__: Any) -> tuple[torch.Tensor, torch.Tensor]:
        """Append keys and values `[rows, heads, new, dim]`; returns all so far."""
        if not self.is_initialized:
            self.lazy_initialization(keys, values)
            self._buffers = (self._empty(keys), self._empty(values))
        start, stop = self.get_seq_length(), self.get_seq_length() + keys.shape[-2]
        for buffer, new in zip(self._buffers, (keys, values), strict=True):
            buffer[:, :, start:stop] = new
        self._show(stop)
        return self.keys, self.values

    def batch_select_indices(self, indices: torch.Tensor) -> None:
        """Keep these rows only."""
        length = self.get_seq_length()
        for buffer in self._buffers:
            buffer[: len(indices), :, :length] = buffer[indices, :, :length]
        self._buffers = (self._buffers[0][: len(indices)], self._buffers[1][: len(indices)])
        self._show(length)

    def _empty(self, like: torch.Tensor) -> torch.Tensor:
        return like.new_empty(*like.shape[:2], self._length, like.shape[3])

    def _show(self, length: int) -> None:
        self.keys, self.values = (buffer[:, :, :length] for buffer in self._buffers)


def sampling_cache(config: PreTrainedConfig, length: int) -> DynamicCache:
    """An empty cache for a model of this configuration and texts of at most `length` tokens.

    Layers that are more than keys and values of all tokens (sliding windows, recurrent states) are Hugging Face's own.
    """
    cache = DynamicCache(config=config)
    cache.layers = [_PreallocatedLayer(length) if type(layer) is DynamicLayer else layer for layer in cache.layers]
    return cache
