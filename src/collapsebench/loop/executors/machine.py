"""Machine: how many workers this machine has room for, by its cores, its memory and its GPUs."""

from __future__ import annotations

import os
from pathlib import Path

import joblib
import psutil

_CGROUP = Path("/sys/fs/cgroup")


def cores() -> int:
    """Cores that this process may use, by its affinity and by the quota of its control group."""
    return int(joblib.cpu_count())


def memory(root: Path = _CGROUP, own: Path = Path("/proc/self/cgroup")) -> int:
    """Bytes that this process may use: what is free, or less where its control group allows less.

    Args:
        root: where control groups are mounted.
        own: the file that says which one this process is in.
    """
    free = int(psutil.virtual_memory().available)
    try:
        groups = [line.rpartition(":")[2] for line in own.read_text(encoding="utf-8").splitlines()]
    except OSError:  # not Linux
        return free
    for group in groups:
        for kind, limit, used in (("", "memory.max", "memory.current"), ("memory", *_V1)):
            here = root / kind / group.lstrip("/")
            for folder in (here, *here.parents):
                if not folder.is_relative_to(root):
                    break
                most, now = _number(folder / limit), _number(folder / used)
                if most is not None:
                    free = min(free, max(0, most - (now or 0)))
    return free


_V1 = ("memory.limit_in_bytes", "memory.usage_in_bytes")


def _number(path: Path) -> int | None:
    """What a file of a control group says; None without a limit."""
    try:
        return int(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):  # not there; or `max`
        return None


def gpus() -> list[str]:
    """Names of the GPUs that this process sees, as `CUDA_VISIBLE_DEVICES` takes them."""
    import torch

    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    count = torch.cuda.device_count()
    return named.split(",")[:count] if named else [str(i) for i in range(count)]
