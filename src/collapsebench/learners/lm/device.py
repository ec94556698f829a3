"""Where language models run: the one `accelerate` set-up of the process, and how several processes share a model."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from accelerate import Accelerator
    from transformers import PreTrainedModel


@lru_cache(maxsize=1)
def accelerator() -> Accelerator:
    """The device, the other processes of an `accelerate launch`, and bfloat16 autocast where there is a GPU."""
    from accelerate import Accelerator

    return Accelerator(mixed_precision="bf16" if torch.cuda.is_available() else "no")


@contextlib.contextmanager
def inference() -> Iterator[None]:
    """No gradients, and mixed precision on a GPU."""
    with without_gradients(), accelerator().autocast():
        yield


def without_gradients() -> contextlib.AbstractContextManager[None]:
    """Inference mode; not where each process holds a part of a model, whose whole weights would be of that mode."""
    return torch.no_grad() if in_parts() else torch.inference_mode()


def in_parts() -> bool:
    """Whether each of several processes holds a part of the model: `accelerate launch --use_fsdp`."""
    from accelerate.utils import parse_flag_from_env

    return accelerator().num_processes > 1 and bool(parse_flag_from_env("ACCELERATE_USE_FSDP"))


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Global random state as of `seed` inside, as it was before afterwards."""
    device = accelerator().device
    gpus = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=gpus):
        torch.default_generator.manual_seed(seed)
        if gpus:
            torch.cuda.manual_seed(seed)
        yield


def on_device(model: PreTrainedModel) -> PreTrainedModel:
    """The model, or this process's part of it, on this process's device."""
    machine = accelerator()
    if not in_parts():
        model.to(machine.device)
        return model
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    mesh = init_device_mesh(machine.device.type, (machine.num_processes,))
    blocks = [module for module in model.modules() if type(module).__name__ in (model._no_split_modules or ())]
    for module in (*blocks, model):  # a block is whole only while it computes
        fully_shard(module, mesh=mesh, reshard_after_forward=True)
    return model


def with_shared_gradients(model: PreTrainedModel) -> torch.nn.Module:
    """The model as it is trained: after a backward pass every process has the mean of all gradients."""
    from torch.nn.parallel import DistributedDataParallel

    wrapped = accelerator().num_processes > 1 and not in_parts()
    network: torch.nn.Module = DistributedDataParallel(model, broadcast_buffers=False) if wrapped else model
    return network


@contextlib.contextmanager
def gradients_stay(network: torch.nn.Module) -> Iterator[None]:
    """Inside, gradients add up in each process; the next backward pass outside shares them."""
    from torch.distributed.fsdp import FSDPModule
    from torch.nn.parallel import DistributedDataParallel

    if isinstance(network, DistributedDataParallel):
        with network.no_sync():
            yield
    elif isinstance(network, FSDPModule):
        network.set_requires_gradient_sync(False)
        yield
        network.set_requires_gradient_sync(True)
    else:
        yield
