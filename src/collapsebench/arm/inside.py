"""Inside: the process of the arm that lives as long as the harness's. It imports no plug-in; its children do.

A child is forked, and waits confined, before it is needed; it serves one visit. In a sandbox this process is the first
of its own world, so that it can end all that a child leaves, and nobody it.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import shutil
import signal
import socket
import struct
import time
from pathlib import Path

from ..core.method import METHODS as METHODS  # so that no child needs to import what all of them use
from . import confine, visit
from .channel import Channel

VISIT, END, AWAIT, PRELOAD = b"V", b"E", b"A", b"P"
"""Commands: begin a visit, end it, end it when it is over or soon after and say how, import libraries."""

LENGTH = struct.Struct("!I")
STATUS = struct.Struct("!i")
"""How a child ended, as `os.waitstatus_to_exitcode` says it."""

_PATIENCE = 2.0


def main(descriptor: int, most: int) -> None:
    """Serve the harness until it closes its end.

    Args:
        descriptor: of the socket on which it commands.
        most: bytes of tensors in the largest message.
    """
    control = socket.socket(fileno=descriptor)
    confine.keep_out()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the harness's to handle
    child = _Child(control, most)
    while True:
        command, descriptors, _, _ = socket.recv_fds(control, 1, 1)
        if command == VISIT:
            child.send(descriptors[0])
            continue
        code = child.end(_PATIENCE if command == AWAIT else 0.0)
        if not command:
            return
        if command == AWAIT:
            control.sendall(STATUS.pack(code))
        elif command == PRELOAD:
            (size,) = LENGTH.unpack(control.recv(LENGTH.size, socket.MSG_WAITALL))
            for name in json.loads(control.recv(size, socket.MSG_WAITALL)):
                with contextlib.suppress(Exception):  # the plug-in will say what is wrong with it
                    hasattr(importlib.import_module(name), "")  # torch itself loads when it is first asked for anything
        child = _Child(control, most)


class _Child:
    """A fork of this process that waits for its visit.

    Args:
        control: the socket of this process, which is not the child's.
        most: bytes of tensors in the largest message.
    """

    def __init__(self, control: socket.socket, most: int) -> None:
        self._socket, theirs = socket.socketpair()
        descriptors: list[int] = []
        gc.freeze()  # the collector would touch, and so copy, all pages
        self._process = os.fork()
        if self._process:
            theirs.close()
            return
        try:
            control.close()
            self._socket.close()
            os.setsid()
            visit.prepare(theirs.fileno())
            _, descriptors, _, _ = socket.recv_fds(theirs, 1, 1)
            theirs.close()
            if descriptors:
                visit.live(Channel(socket.socket(fileno=descriptors[0]), most))
        finally:
            os._exit(0 if descriptors else 1)

    def send(self, descriptor: int) -> None:
        """Give the child its end of a channel."""
        with contextlib.suppress(OSError):  # it is dead, which the harness sees by itself
            socket.send_fds(self._socket, [b"!"], [descriptor])
        os.close(descriptor)

    def end(self, patience: float) -> int:
        """End the child with all that it left, and say how it ended; one that is about to end gets some seconds."""
        child, until = self._process, time.monotonic() + patience
        while time.monotonic() < until and os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            time.sleep(0.01)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(child, signal.SIGKILL)
            if os.getpid() == 1:
                os.kill(-1, signal.SIGKILL)
            else:
                os.killpg(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        with contextlib.suppress(ChildProcessError):
            while True:
                os.waitpid(-1, 0)
        self._socket.close()
        _wipe(Path(os.environ["TMPDIR"]))  # and no other folder, should this one be gone
        return os.waitstatus_to_exitcode(status)


def _wipe(folder: Path) -> None:
    """Leave nothing of a visit, not even when it was."""
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink()
    folder.chmod(0o700)
    os.utime(folder, (0, 0))
