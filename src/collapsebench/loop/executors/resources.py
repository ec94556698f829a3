"""Resources: what a cell asks an engine for, merged from what task, method and a user's file say."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from pydantic import Field, ValidationError

from ...core.errors import UsageError
from ...core.resources import Resources
from ..cell import Cell
from ..world import Rules

_USUAL = Resources(cpus=1, gpus=0.0, memory="2 GiB")
"""What a cell asks for where nobody says more."""


class ExecutorConfig(Rules):
    """The file of `--executor-config`.

    Args:
        defaults: resources of every cell, in place of what its task and method say.
        tasks, methods: by name, resources of their cells, in place of the defaults.
        ray, slurm: settings of that engine, which checks them.
    """

    defaults: Resources = Resources()
    tasks: dict[str, Resources] = Field(default_factory=dict)
    methods: dict[str, Resources] = Field(default_factory=dict)
    ray: dict[str, Any] = Field(default_factory=dict)
    slurm: dict[str, Any] = Field(default_factory=dict)


class Request(NamedTuple):
    """What a cell asks for.

    Args:
        cpus: cores.
        gpus: cards, or a fraction of one.
        memory: bytes.
        hours: of wall time.
    """

    cpus: int
    gpus: float
    memory: int
    hours: float


def load_config(path: Path) -> ExecutorConfig:
    """Read a file of `--executor-config`.

    Raises:
        UsageError: it cannot be read, or says what a configuration does not say; the message names file and key.
    """
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
        return ExecutorConfig.model_validate({} if raw is None else raw)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"])) or "the file"
        problem = "unknown key" if first["type"] == "extra_forbidden" else first["msg"]
        raise UsageError(f"{path}: {key}: {problem}.", "docs/clusters.md shows what may stand there.") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UsageError(f"{path} cannot be read as YAML: {' '.join(str(error).split())}") from None


def request_of(cell: Cell, config: ExecutorConfig) -> Request:
    """What a cell asks an engine for.

    Of what its task and method want the larger value counts; what the configuration says of the method, of the
    task or of all cells counts instead, in this order. Hours are the protocol's limit of a cell unless said otherwise.
    """
    found: dict[str, Any] = _USUAL.model_dump(exclude_none=True)
    for plugin in (cell.task, cell.method):
        for name, value in plugin.resources.model_dump(exclude_none=True).items():
            found[name] = max(found.get(name, 0), value)
    of_task, of_method = config.tasks.get(cell.task.name), config.methods.get(cell.method.name)
    for said in (config.defaults, of_task, of_method):
        found |= _said(said)
    return Request(**{"hours": cell.rules.cell.hours, **found})


def _said(resources: Resources | None) -> Mapping[str, Any]:
    return {} if resources is None else resources.model_dump(exclude_none=True)
