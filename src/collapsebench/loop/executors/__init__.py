"""Executors: where cells run, on this machine or on an engine that is there already."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...core.errors import UsageError, unknown_name

if TYPE_CHECKING:
    from .executor import Executor
    from .resources import ExecutorConfig

EXECUTORS = ("local", "ray", "slurm")


def make_executor(name: str, workers: int | None, address: str | None, config: ExecutorConfig) -> Executor:
    """The executor of a name.

    Args:
        name: one of `EXECUTORS`.
        workers: of `local`: processes, 0 for this one, None for as many as the machine has room for.
        address: of `ray`: where its head is; None starts a Ray here.
        config: resources of cells, and the engine's own settings.

    Raises:
        UsageError: an unknown name, or an option of another executor.
        ExecutorError: the engine's package is not installed, or the engine is not there.
    """
    if name not in EXECUTORS:
        raise unknown_name("executor", name, EXECUTORS)
    if address is not None and name != "ray":
        raise UsageError(f"--address is of --executor ray, not of {name}.", "Leave it out.")
    if workers is not None and name != "local":
        raise UsageError(f"--workers is of --executor local; {name} has workers of its own.", "Leave it out.")
    if name == "ray":
        from .ray import Ray

        return Ray(address, config)
    if name == "slurm":
        from .slurm import Slurm

        return Slurm(config)
    from .local import Here, Local

    return Here() if workers == 0 else Local(workers, config)
