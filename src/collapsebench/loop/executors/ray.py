"""Ray: cells as tasks of a Ray cluster, one each. Processes on its nodes stay warm from cell to cell.

A worker or a node that dies gives its cells to others. Ray is told what a cell asks for and nothing else; what a cell
may take is watched on the node (`worker`), and what is finished stands in the store.
"""

from __future__ import annotations

import contextlib
import logging
import math
import os
import socket
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace
from typing import Any

from typing_extensions import override

from ...core.errors import CollapsebenchError, ExecutorError
from ...core.records import CellResult
from ..cell import Cell, CellSpec
from ..runner import cell_folder, failed, finished
from ..store import Store
from . import machine
from .executor import Executor, Options, Progress
from .remote import drop_token, run_remotely, settled, share_token
from .resources import ExecutorConfig, Request, request_of
from .worker import in_gib

_TRIES = 3
"""How often a cell is given to a node that dies with it."""

_TICK = 2.0
"""Seconds between looks at the store and at the head."""

_PATIENCE = 5.0
"""Seconds that the head has to take a connection."""

_OWN = ("COLLAPSEBENCH_", "HF_")
"""Beginnings of the environment variables that nodes get from here."""


class Ray(Executor):
    """Cells as tasks of a Ray cluster.

    Args:
        address: host and port of its head; None starts a Ray on this machine, for as long as the run lasts.
        config: resources; the section `ray` goes to `ray.init` as it is.

    Raises:
        ExecutorError: Ray is not installed, or nobody answers at the address.
    """

    def __init__(self, address: str | None, config: ExecutorConfig) -> None:
        try:
            import ray
        except ImportError:
            raise ExecutorError(
                "--executor ray: the package ray is not installed.", "pip install 'collapsebench[ray]'"
            ) from None
        self._ray, self._address, self._config = ray, address, config
        if address is not None and not _answers(address):
            raise ExecutorError(
                f"--executor ray: no Ray head answers at --address {address}.",
                "Start one by `ray start --head`, which prints its address.",
            )

    @override
    def run(self, cells: Sequence[Cell], options: Options, progress: Progress) -> Generator[CellResult, None, None]:
        """See `Executor.run`.

        Raises:
            ExecutorError: no node has what a cell asks for, a node lacks the package or the store, the head is gone.
        """
        if not cells:
            return
        options = replace(options, store=options.store.resolve())
        token = share_token(options.store)
        self._connect()
        tasks = _Tasks(self._ray, self._config, options, token, progress)
        try:
            for cell in cells:
                self._check_room(cell)
            progress.started()
            yield from tasks.results(cells, lambda: self._address is None or _answers(self._address))
        finally:
            tasks.cancel()
            self._ray.shutdown()
            drop_token(options.store, token)

    def _connect(self) -> None:
        own = {name: value for name, value in os.environ.items() if name.startswith(_OWN)}
        settings: dict[str, Any] = {
            "runtime_env": {"env_vars": own},
            "log_to_driver": False,
            "logging_level": logging.ERROR,
            **({"num_cpus": machine.cores(), "include_dashboard": False} if self._address is None else {}),
            **self._config.ray,
        }
        try:
            self._ray.init(address=self._address or "local", **settings)
        except (ConnectionError, ValueError, RuntimeError, TypeError) as error:
            where = f"at --address {self._address}" if self._address else "on this machine"
            said = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            raise ExecutorError(
                f"--executor ray: no Ray {where}: {said}", "Check `ray status` there, and `ray` in --executor-config."
            ) from None

    def _check_room(self, cell: Cell) -> None:
        """Refuse a cell that no node could ever run: Ray would wait for such a node for ever."""
        wanted = _asked(request_of(cell, self._config))
        nodes = [node["Resources"] for node in self._ray.nodes() if node["Alive"]]
        if any(all(node.get(name, 0.0) >= amount for name, amount in wanted.items()) for node in nodes):
            return
        said = ", ".join(f"{in_gib(int(v)) if k == 'memory' else f'{v:g}'} {k}" for k, v in wanted.items())
        raise ExecutorError(
            f"--executor ray: {cell.name} asks for {said}; none of the {len(nodes)} nodes has that.",
            "Ask for less in --executor-config, or add a node.",
        )


class _Tasks:
    """Cells that a cluster runs.

    Args:
        ray: the package.
        config, options, progress: of the run.
        token: by which nodes know the store.
    """

    def __init__(self, ray: Any, config: ExecutorConfig, options: Options, token: str, progress: Progress) -> None:
        self._ray, self._config, self._options, self._progress = ray, config, options, progress
        self._token, self._store = token, Store(options.store)
        self._remote = ray.remote(_cell)
        self._flying: dict[Any, Cell] = {}
        self._tries: dict[int, int] = {}
        self._known: dict[int, int] = {}

    def results(self, cells: Sequence[Cell], head_answers: Any) -> Iterator[CellResult]:
        """The result of every cell, as they come."""
        waiting, silent = deque(cells), 0
        while waiting or self._flying:
            most = 2 * max(1, int(self._ray.cluster_resources().get("CPU", 1)))  # so that no node waits for its next
            while waiting and len(self._flying) < most:
                self._start(waiting.popleft())
            ready, _ = self._ray.wait(list(self._flying), num_returns=1, timeout=_TICK, fetch_local=True)
            for ref in ready:
                yield from self._ended(ref, waiting)
            if ready:
                continue
            self._tell()
            silent = 0 if head_answers() else silent + 1
            if silent >= 3:
                raise ExecutorError(
                    "--executor ray: the head of the cluster is gone; what is finished stands in the store.",
                    "Start the cluster again and run the same command: it goes on from there.",
                )

    def cancel(self) -> None:
        """End what runs and what waits."""
        for ref in self._flying:
            with contextlib.suppress(Exception):  # the cluster may be gone
                self._ray.cancel(ref, force=True)
        self._flying.clear()

    def _start(self, cell: Cell) -> None:
        asked = _asked(request_of(cell, self._config))
        task = self._remote.options(
            num_cpus=asked["CPU"], num_gpus=asked.get("GPU", 0), memory=asked["memory"], max_retries=0
        )
        self._flying[task.remote(self._options, self._token, cell.spec)] = cell

    def _ended(self, ref: Any, waiting: deque[Cell]) -> Iterator[CellResult]:
        cell = self._flying.pop(ref)
        errors = self._ray.exceptions
        try:
            answer = self._ray.get(ref)
        except (
            errors.WorkerCrashedError,
            errors.NodeDiedError,
            errors.OutOfMemoryError,
            errors.ObjectLostError,
        ) as lost:
            yield from self._lost(cell, waiting, lost)
            return
        except errors.RayError as error:
            raise self._broken(error) from None
        if isinstance(answer, CollapsebenchError):
            raise answer
        yield self._told(cell, settled(cell, answer, self._store))

    def _lost(self, cell: Cell, waiting: deque[Cell], lost: Exception) -> Iterator[CellResult]:
        """A cell whose worker or node died: it may have been finished; else it is tried again, and then fails."""
        if (result := finished(cell, self._store)) is not None:
            yield self._told(cell, result)
            return
        self._tries[id(cell)] = self._tries.get(id(cell), 0) + 1
        if self._tries[id(cell)] < _TRIES:
            waiting.append(cell)
            return
        reason = f"{_TRIES} workers of the Ray cluster died with it, the last one by {type(lost).__name__}"
        yield self._told(cell, failed(cell, self._store, reason))

    def _broken(self, error: Exception) -> CollapsebenchError | RuntimeError:
        said = str(error)
        if "ModuleNotFoundError" in said or "ImportError" in said:
            found = next(line for line in said.splitlines() if "ModuleNotFoundError" in line or "ImportError" in line)
            return ExecutorError(
                f"--executor ray: python on a node cannot import what a cell needs: {found.strip()}.",
                "Install the same version of collapsebench on all nodes.",
            )
        return RuntimeError(f"A task of the Ray cluster failed.\n{said}")

    def _tell(self) -> None:
        """Progress of the cells that run, as the store has it."""
        for cell in self._flying.values():
            folder = cell_folder(cell, self._store)
            known = len(folder.unfinished_records())
            for t in range(self._known.get(id(cell), 0), known):
                self._progress.generation(cell, t)
            self._known[id(cell)] = known

    def _told(self, cell: Cell, result: CellResult) -> CellResult:
        self._progress.finished(cell, result)
        return result


def _asked(request: Request) -> dict[str, float]:
    """A request in Ray's names."""
    wanted = {"CPU": float(request.cpus), "memory": float(math.ceil(request.memory))}
    return {**wanted, "GPU": request.gpus} if request.gpus else wanted


def _answers(address: str) -> bool:
    """Whether somebody takes connections at `host:port`, perhaps after `ray://`."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    try:
        with socket.create_connection((host, int(port)), timeout=_PATIENCE):
            return True
    except (OSError, ValueError):
        return False


def _cell(options: Options, token: str, spec: CellSpec) -> str | CollapsebenchError:
    """What a task does: one cell, and its result as text; or what stops the whole run."""
    try:
        return run_remotely([spec], options, token)[0]
    except CollapsebenchError as error:
        return error
