"""Remote: what a job of an engine does on its node. It runs cells by a pool of workers there, as a laptop does.

So limits, deaths and want of memory are the same code everywhere. The store must be the driver's own.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
from collections.abc import Sequence
from pathlib import Path

from ...core.errors import ExecutorError
from ...core.files import write_atomic
from ...core.records import CellRecord, CellResult, GenerationRecord
from ..cell import Cell, CellSpec
from ..plan import build_cell
from ..runner import finished
from ..store import Store
from .devices import Slot
from .executor import Options, Silent
from .local import Pool


def run_remotely(specs: Sequence[CellSpec], options: Options, token: str, workers: int = 1) -> list[str]:
    """Run cells on this node.

    Args:
        specs: the cells.
        options: of the run; the store as this node names it.
        token: of `share_token`, made by the driver.
        workers: how many; they stay warm for the next call in this process.

    Returns:
        Each cell's result as text, for `read_result`.

    Raises:
        ExecutorError: this node does not see the driver's store.
    """
    check_shared(options.store, token)
    return [write_result(result) for result in _pool(options, workers).run(list(map(build_cell, specs)), Silent())]


_warm: dict[tuple[Options, int, str | None], Pool] = {}
"""The pool of this process, by what it was made for."""


def _pool(options: Options, workers: int) -> Pool:
    key = options, workers, os.environ.get("CUDA_VISIBLE_DEVICES")  # an engine may give each call another GPU
    if key not in _warm:
        for other in _warm.values():
            other.close()
        _warm.clear()
        _warm[key] = Pool(options, [Slot()] * workers)
    return _warm[key]


def share_token(store: Path) -> str:
    """A name by which nodes know the driver's store; its file is made here, and stays for as long as jobs may come."""
    token = secrets.token_hex(8)
    write_atomic(store / "shared" / token, b"")
    return token


def check_shared(store: Path, token: str) -> None:
    """Refuse a store in which the driver's token is not.

    Raises:
        ExecutorError: the message names node and store.
    """
    if not (store / "shared" / token).is_file():
        raise ExecutorError(
            f"Node {socket.gethostname()} does not see the store {store} of the machine that started this run.",
            "Pass a --store on a file system that all nodes share.",
        )


def drop_token(store: Path, token: str) -> None:
    """Forget a token of `share_token`."""
    (store / "shared" / token).unlink(missing_ok=True)


def write_result(result: CellResult) -> str:
    """A result as text."""
    generations = [vars(record) for record in result.generations]
    return json.dumps({"cell": result.cell.model_dump(mode="json"), "generations": generations})


def read_result(text: str) -> CellResult:
    """The inverse of `write_result`."""
    content = json.loads(text)
    return CellResult(CellRecord(**content["cell"]), tuple(GenerationRecord(**one) for one in content["generations"]))


def settled(cell: Cell, text: str, store: Store) -> CellResult:
    """The result of a cell that a node ran: what the store has of it, or how it failed.

    Raises:
        ExecutorError: the node says that it is finished, and the store here has nothing of it.
    """
    said = read_result(text)
    if (result := finished(cell, store)) is not None:
        return result
    if said.cell.status != "failed":
        raise ExecutorError(
            f"{cell.name} was run on another node, but is not in the store {store.root}.",
            "Pass a --store on a file system that all nodes share.",
        )
    return said
