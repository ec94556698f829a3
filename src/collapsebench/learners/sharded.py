"""Tensors of which each process holds a part (FSDP): whole again, and in parts."""

from __future__ import annotations

import sys

import torch


def whole(values: torch.Tensor) -> torch.Tensor:
    """The whole of a tensor, in every process; they must all ask for it."""
    return values.full_tensor() if _in_parts(values) else values  # type: ignore[attr-defined]


def parted_like(values: torch.Tensor, parameter: torch.Tensor) -> torch.Tensor:
    """This process's part of a whole tensor, as a parameter is parted; the inverse of `whole`."""
    if not _in_parts(parameter):
        return values
    from torch.distributed.tensor import distribute_tensor

    return distribute_tensor(values.to(parameter.device), parameter.device_mesh, parameter.placements)  # type: ignore[attr-defined]


def _in_parts(values: torch.Tensor) -> bool:
    module = sys.modules.get("torch.distributed.tensor")  # slow to import, and imported by whoever shards
    return module is not None and isinstance(values, module.DTensor)
