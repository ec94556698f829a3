"""Work: what a worker does in its own process."""

from __future__ import annotations

import os
import signal
import traceback
from multiprocessing.connection import Connection
from typing import Any

import psutil
import torch

from ...arm.host import process_id
from ...core.errors import CollapsebenchError
from ...core.stop import listening
from ..plan import build_cell
from ..runner import Busy, OutOfMemory, run_cell
from ..store import Store
from .executor import Options


def work(connection: Connection[Any, Any], options: Options) -> None:
    """What a worker does: take a spec, run it, answer; until the pipe closes."""
    torch.set_num_threads(1)
    store = Store(options.store)

    def tell(kind: str, content: object, left_processes: bool) -> None:
        try:
            connection.send((kind, content, left_processes))
        except OSError:  # the parent is gone; what is finished is stored
            os._exit(1)

    def report(t: int) -> None:
        tell("generation", t, False)

    with listening([signal.SIGINT]):  # the others end this process at once
        while True:
            try:
                spec = connection.recv()
            except EOFError:
                return
            kind: str
            content: object
            try:
                kind, content = "result", run_cell(build_cell(spec), store, report, options.keep_checkpoints, wait=0)
            except Busy as busy:
                kind, content = "busy", str(busy)
            except OutOfMemory as error:
                kind, content = "memory", error.result
            except CollapsebenchError as error:
                kind, content = "error", error
            except Exception as error:  # a bug of ours: the parent shows it instead of a dead worker
                kind, content = "error", RuntimeError("".join(traceback.format_exception(error)))
            tell(kind, content, _has_children())


def _has_children() -> bool:
    """Whether a method left processes behind; their status is left to whoever waits for them."""
    own = process_id()
    if own is not None or not hasattr(os, "waitid"):
        return any(child.pid != own for child in psutil.Process().children())
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True
