"""Channel: messages between the harness and the arm, over a socket. What comes from a method may be forged.

A message is JSON in which tensors are replaced by their places in a list, followed by the bytes of these tensors.
Nothing is unpickled, and no more is read than was announced and is allowed.
"""

from __future__ import annotations

import json
import math
import socket
import struct
from typing import Any

import torch

MOST_TEXT = 16 * 2**20
"""Bytes of JSON of the longest message."""

_TENSOR = "$tensor"
_FRAME = struct.Struct("!QQ")

_KINDS = ("bool", "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64")
"""Types of tensors that travel."""


class Malformed(Exception):
    """What came is no message; its text says why."""


class Closed(Exception):
    """The other side is gone."""


class Channel:
    """One end.

    Args:
        end: a connected stream socket.
        most: bytes of tensors in the largest message that is taken.
    """

    def __init__(self, end: socket.socket, most: int) -> None:
        self.socket, self._most = end, most

    def send(self, message: object) -> None:
        """Send plain data and tensors on the CPU.

        Raises:
            Closed: the other side is gone.
            TypeError: something that is neither.
        """
        tensors: list[torch.Tensor] = []

        def plain(value: object) -> object:
            if not isinstance(value, torch.Tensor):
                raise TypeError(f"{type(value).__name__} does not travel")
            tensors.append(value.detach().cpu().contiguous())
            dtype = str(value.dtype).removeprefix("torch.")
            return {_TENSOR: [len(tensors) - 1, dtype, *value.shape]}

        text = json.dumps(message, default=plain).encode()
        parts = [tensor.reshape(-1).view(torch.uint8).numpy().data for tensor in tensors if tensor.numel()]
        try:
            self.socket.sendall(_FRAME.pack(len(text), sum(len(part) for part in parts)) + text)
            for part in parts:
                self.socket.sendall(part)
        except (BrokenPipeError, ConnectionError) as error:
            raise Closed from error

    def receive(self) -> Any:
        """The next message.

        Raises:
            Malformed: what came is none, or is larger than allowed.
            Closed: the other side is gone.
            TimeoutError: nothing came within the socket's time.
        """
        size, content = _FRAME.unpack(self._read(_FRAME.size))
        if size > MOST_TEXT or content > self._most:
            raise Malformed(f"it has {size} bytes of text and {content} of tensors, more than is allowed")
        text = self._read(size)
        payload = self._read(content)
        place = 0

        def restored(value: dict[str, Any]) -> Any:
            nonlocal place
            if _TENSOR not in value:
                return value
            tensor = _tensor(value[_TENSOR], payload, place)
            place += tensor.numel() * tensor.element_size()
            return tensor

        try:
            message = json.loads(text, object_hook=restored)
        except (ValueError, RecursionError) as error:
            raise Malformed("it is not JSON") from error
        if place != len(payload):
            raise Malformed("its tensors do not add up to its bytes")
        return message

    def _read(self, size: int) -> bytearray:
        content = bytearray(size)
        view = memoryview(content)
        while view:
            try:
                count = self.socket.recv_into(view)
            except ConnectionError as error:
                raise Closed from error
            if not count:
                raise Closed
            view = view[count:]
        return content

    def close(self) -> None:
        """Close this end."""
        self.socket.close()


def _tensor(said: Any, payload: bytearray, place: int) -> torch.Tensor:
    """The tensor of which a message says number, type and shape, from the bytes at a place."""
    if not (isinstance(said, list) and len(said) >= 2 and said[1] in _KINDS):
        raise Malformed("a tensor has a type that does not travel")
    dtype, shape = getattr(torch, said[1]), said[2:]
    if not all(type(size) is int and size >= 0 for size in shape) or len(shape) > 8:
        raise Malformed("a tensor has no shape")
    count = math.prod(shape)
    if count * dtype.itemsize > len(payload) - place:
        raise Malformed("a tensor has fewer bytes than its shape says")
    if not count:
        return torch.empty(shape, dtype=dtype)
    found = torch.frombuffer(payload, dtype=torch.uint8, offset=place, count=count * dtype.itemsize)
    if dtype == torch.bool and int(found.max()) > 1:
        raise Malformed("a tensor of truth values holds others")
    return found.clone().view(dtype).reshape(shape)
