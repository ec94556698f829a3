"""Visit: the life of a child of the arm. It loads a plug-in from the text that it is sent, does one thing, and ends."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import importlib.util
import os
import sys
import tempfile
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from ..core import errors
from ..core.context import Context
from ..core.errors import CollapsebenchError, PluginError, describe
from ..core.method import METHODS, Method
from ..core.task import TASKS, TaskCard
from . import confine
from .channel import Channel, Closed

_MOST_OUTPUT = 4_000
"""Characters that a plug-in prints which are passed on."""

_MOST_TRACE = 20_000

_PACKAGE = "collapsebench_guest"

HOOKS = ("check", "decoding", "site_weights", "skip")
"""What a method may leave as it is."""


_folder = _output = Path()
"""Where this child writes; set when it is born."""


def prepare(socket: int) -> None:
    """Get ready for a visit, as far as that does not depend on it.

    Args:
        socket: the descriptor from which it comes. No other is left open: locks and flags of a file that all children
            inherit would outlive one.
    """
    global _folder, _output
    os.closerange(3, socket)
    os.closerange(socket + 1, os.sysconf("SC_OPEN_MAX"))
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    _folder = Path(tempfile.mkdtemp(prefix="visit-"))
    _output = _captured(_folder)
    confine.forbid()


def live(channel: Channel) -> None:
    """Do what the harness asks, and answer; what the plug-in raises, by `SystemExit` too, is an answer."""

    def send(message: dict[str, Any]) -> None:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):  # it printed more than it may, or closed the stream
                stream.flush()
        channel.send({**message, "printed": _output.read_text(encoding="utf-8", errors="replace")[:_MOST_OUTPUT]})

    try:
        order = channel.receive()
        confine.limit(order["memory"])
        _load(order["plugin"], _folder)
        send({"done": _DOES[order["do"]](channel, order["method"], order["args"])})
    except Closed:
        pass
    except BaseException as error:  # a plug-in may fail in any way
        send({"failed": _failure(error)})


def _captured(folder: Path) -> Path:
    """A file that takes what is printed."""
    path = folder / "output"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT)
    for standard in (1, 2):
        os.dup2(descriptor, standard)
    sys.stdout = os.fdopen(1, "w", encoding="utf-8", errors="replace", closefd=False)
    sys.stderr = os.fdopen(2, "w", encoding="utf-8", errors="replace", closefd=False)
    return path


def _failure(error: BaseException) -> dict[str, Any]:
    own = isinstance(error, CollapsebenchError)
    return {
        "kind": type(error).__name__,
        "ours": own,
        "message": describe(error) if own else describe(error).partition(": ")[2],
        "hint": error.hint if isinstance(error, CollapsebenchError) else "",
        "trace": "".join(traceback.format_exception(error))[-_MOST_TRACE:],
    }


def _load(plugin: Mapping[str, Any], folder: Path) -> None:
    """Import an installed module by its name, or the text of a file with those beside it."""
    if "module" in plugin:
        importlib.import_module(plugin["module"])
        return
    for name, text in plugin["texts"].items():
        (folder / name).write_text(text, encoding="utf-8")
    for name, content in plugin["files"].items():
        (folder / name).write_bytes(bytes(content.numpy()))
    package = ModuleType(_PACKAGE)
    package.__path__ = [str(folder)]
    sys.modules[_PACKAGE] = package
    path = folder / plugin["main"]
    name = f"{_PACKAGE}.{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)


def _method(name: str, params: Mapping[str, Any]) -> Method:
    return METHODS.registered()[name].make(params)


def _describe(channel: Channel, name: str, args: Any) -> Any:
    """All that the file registers."""
    return {
        "methods": [_told(cls) for cls in METHODS.registered().values()],
        "tasks": sorted(TASKS.registered()),
    }


def _told(cls: type[Method]) -> dict[str, Any]:
    from .desk import card_told

    missing = dataclasses.MISSING
    return {
        "name": cls.name,
        "class": cls.__name__,
        "module": cls.__module__.removeprefix(f"{_PACKAGE}."),
        "card": card_told(cls.card),
        "parameters": [[key, *([] if value is missing else [value])] for key, value in cls.parameters().items()],
        "files": list(cls.files),
        "resources": cls.resources.model_dump(exclude_none=True),
        "hooks": [hook for hook in HOOKS if getattr(cls, hook) is not getattr(Method, hook)],
    }


def _checked(channel: Channel, name: str, args: Any) -> Any:
    """A parameter's value, as its annotation takes it."""
    return METHODS.registered()[name]._checked(*args)


def _made(channel: Channel, name: str, args: Any) -> Any:
    """An instance's parameters, and what it says of itself."""
    method = _method(name, *args)
    return {
        "params": method.params(),
        "access": sorted(method.access()),
        "needs": sorted(method.needs()),
        "questions": sorted(method.questions()),
    }


def _check(channel: Channel, name: str, args: Any) -> Any:
    params, n = args
    _method(name, params).check(n)


def _skip(channel: Channel, name: str, args: Any) -> Any:
    params, card = args
    return _method(name, params).skip(TaskCard(**card))


def _decoding(channel: Channel, name: str, args: Any) -> Any:
    from .desk import decoding_told

    params, t = args
    return decoding_told(_method(name, params).decoding(t))


def _curate(channel: Channel, name: str, args: Any) -> Any:
    """D_t as it travels."""
    import torch

    from .desk import RemoteDesk

    params, t, n, extends, threads = args
    torch.set_num_threads(threads)
    desk = RemoteDesk(_asking(channel), name, t, n, extends)
    method, ctx = _method(name, params), Context(desk)
    made = desk.told(method.curate(ctx.arrivals, ctx))
    if desk.written_to:
        raise PluginError(f"Method '{name}' changed its input in place.", "Make new tensors.")
    return made


def _asking(channel: Channel) -> Callable[..., Any]:
    def ask(what: str, *args: Any) -> Any:
        channel.send({"ask": what, "args": args})
        answer = channel.receive()
        if "refused" in answer:
            raise getattr(errors, answer["kind"], PluginError)(answer["refused"], answer["hint"])
        return answer["answer"]

    return ask


def _site_weights(channel: Channel, name: str, args: Any) -> Any:
    """The weights of one step after the other, until the harness closes the channel."""
    import torch

    params, threads = args
    torch.set_num_threads(threads)
    method = _method(name, params)
    channel.send({"done": None, "printed": ""})
    while True:
        weights = method.site_weights(channel.receive())
        channel.send({"done": weights, "printed": ""})


_DOES: dict[str, Callable[[Channel, str, Any], Any]] = {
    "describe": _describe,
    "checked": _checked,
    "made": _made,
    "check": _check,
    "skip": _skip,
    "decoding": _decoding,
    "curate": _curate,
    "site_weights": _site_weights,
}
