"""Apart: a question whose answer needs a stranger's code, asked of a process of its own.

A task that is not shipped is imported there and never here. What comes back is JSON of known length; a process that
ends before it answers, however quietly, has not answered. So nothing that code does at import, to its streams or to its
exit code looks like a success, and what is said is judged here.
"""

from __future__ import annotations

import json
import os
import signal
import struct
import subprocess
import sys
import threading
import time
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from select import select
from typing import Any

from ..core import errors
from ..core.errors import CollapsebenchError, PluginError
from ..core.registry import load_plugins

MOST_BYTES = 256 * 1024**2
"""Of an answer."""

_HEAD = struct.Struct(">cQ")


def ask(function: str, *arguments: Any, plugins: list[str], about: str, hours: float = 1.0) -> Any:
    """The answer of a function of this package in a process that has loaded these plug-ins.

    Args:
        function: `module:name` below this package; it takes and gives what JSON holds.
        arguments: of the function.
        plugins: plug-in files.
        about: what is not shipped, for messages.
        hours: to wait for the answer.

    Raises:
        PluginError: no answer, or none that is well-formed.
        CollapsebenchError: the function raised it there.
    """
    request = json.dumps([function, arguments, plugins])
    answers, theirs = os.pipe()
    command = [sys.executable, "-c", f"from {__name__} import answer; answer({theirs})"]
    with open(answers, "rb", buffering=0) as pipe:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            pass_fds=[theirs],
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        os.close(theirs)
        assert process.stdin is not None
        try:
            with suppress(BrokenPipeError), process.stdin:
                process.stdin.write(request.encode())
            kind, content = _read(pipe.fileno(), time.monotonic() + 3600 * hours)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    if kind == b"a":
        with suppress(ValueError, RecursionError):
            return json.loads(content)
    if kind == b"e":
        with suppress(ValueError, TypeError, AttributeError, RecursionError):
            name, message, hint = json.loads(content)
            cls = getattr(errors, name)
            if issubclass(cls, CollapsebenchError):
                raise cls(str(message), str(hint))
    raise PluginError(
        f"{about} gave no answer: the process that imported it ended before it said anything, or said what is none.",
        "What is not shipped is judged by what it answers; run it with `collapsebench run` to see what it does.",
    )


def _read(pipe: int, until: float) -> tuple[bytes, bytes]:
    """Kind and content of an answer; empty where it did not come whole."""
    content, wanted = bytearray(), _HEAD.size
    while len(content) < wanted:
        ready, _, _ = select([pipe], [], [], max(0.0, until - time.monotonic()))
        chunk = os.read(pipe, min(2**20, wanted - len(content))) if ready else b""
        if not chunk:
            return b"", b""
        content += chunk
        if len(content) == _HEAD.size == wanted:
            size = _HEAD.unpack(content)[1]
            wanted += size if size <= MOST_BYTES else 0
    return _HEAD.unpack(content[: _HEAD.size])[0], bytes(content[_HEAD.size :])


def answer(pipe: int) -> None:
    """Answer one question; the whole life of the other process, which ends with the one that asks."""
    asking = os.getppid()

    def watch() -> None:
        while os.getppid() == asking:
            time.sleep(0.5)
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()
    function, arguments, plugins = json.load(sys.stdin)
    module, _, name = function.partition(":")
    try:
        load_plugins(map(Path, plugins))
        found = getattr(import_module(f"{__package__.partition('.')[0]}.{module}"), name)(*arguments)
        kind, content = b"a", json.dumps(found)
    except CollapsebenchError as error:
        kind, content = b"e", json.dumps([type(error).__name__, error.message, error.hint])
    said = content.encode()
    with open(pipe, "wb") as out:
        out.write(_HEAD.pack(kind, len(said)) + said)
