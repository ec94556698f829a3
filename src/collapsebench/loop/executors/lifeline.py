"""Lifeline: a spawned process ends when its parent does, from before its imports, which take seconds, on."""

from __future__ import annotations

import contextlib
import ctypes
import multiprocessing
import os
import signal
import sys
import threading
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .executor import Options


def serve(connection: Connection[Any, Any], options: Options) -> None:
    """The life of a worker, under watch before all that takes time."""
    _live_with_parent()
    from .work import work

    work(connection, options)


def _live_with_parent() -> None:
    """Own group, so that Ctrl-C is the parent's to handle; what is started here stays a child, and ends with it."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    if hasattr(os, "setsid"):
        os.setsid()
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        libc.prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER: a daemon that a method starts is still found
        with contextlib.suppress(OSError):  # the system ends a worker before the process that keeps the account
            Path("/proc/self/oom_score_adj").write_text("500", encoding="ascii")

    def watch() -> None:
        while os.getppid() == parent.pid:
            time.sleep(0.5)
        if hasattr(os, "killpg"):
            os.killpg(os.getpgid(0), signal.SIGKILL)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
