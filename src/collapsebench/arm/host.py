"""Host: the harness's side of the arm. It starts the process, asks it, and answers what a method asks meanwhile."""

from __future__ import annotations

import atexit
import json
import logging
import os
import signal
import socket
import struct
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from functools import cache
from typing import Any, NamedTuple, Protocol

from ..core.errors import BadParameter, CollapsebenchError, PluginError
from ..core.files import temporary_folder
from ..core.stop import ended
from . import inside, sandbox
from .channel import Channel, Closed, Malformed

log = logging.getLogger("collapsebench")

_MOST = 2**33
"""Bytes of tensors in the largest message."""

_STARTING = 120.0
"""Seconds in which the process answers at all, on a machine that is busy with others."""


class GuestError(Exception):
    """What a method raised in the arm that is no error of this package. Its class bears the name of what was raised."""


class Limits(NamedTuple):
    """What a visit may take.

    Args:
        until: when it has to be over, by `time.monotonic`.
        memory: bytes.
    """

    until: float
    memory: int


_LIMITS: ContextVar[Limits | None] = ContextVar("limits", default=None)


@contextmanager
def limits(seconds: float, memory: int) -> Iterator[None]:
    """Within it, visits are over by then and take no more memory than that."""
    token = _LIMITS.set(Limits(time.monotonic() + seconds, memory))
    try:
        yield
    finally:
        _LIMITS.reset(token)


class Answers(Protocol):
    """What a method may ask while it works."""

    def answer(self, what: str, args: Sequence[Any]) -> Any:
        """The answer to a request; errors of this package are passed on to the method.

        Raises:
            Malformed: no such request.
        """


class Mute:
    """For what asks nothing."""

    def answer(self, what: str, args: Sequence[Any]) -> Any:
        """See `Answers`."""
        raise Malformed(f"it asks for '{what}'")


class Order(NamedTuple):
    """What a child of the arm is to do.

    Args:
        owner: the method or the file, for messages, with a capital.
        plugin: the plug-in's source.
        method: name of the method.
        do: a hook.
        args: of the hook.
    """

    owner: str
    plugin: Mapping[str, Any]
    method: str
    do: str
    args: Sequence[Any]


def arm() -> Arm:
    """The arm of this process."""
    return _arm_of(os.getpid())


@cache
def _arm_of(process: int) -> Arm:
    return Arm(process)


def process_id() -> int | None:
    """The process of this process's arm, if it runs."""
    return arm().process_id


class Arm:
    """The process of the arm, started when it is first needed, and started anew if it died.

    Args:
        owner: id of the process whose arm it is; a fork of it has none.
    """

    def __init__(self, owner: int) -> None:
        self._owner = owner
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._visit: Visit | None = None
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        self._preloaded: set[str] = set()
        atexit.register(self.close)

    @property
    def process_id(self) -> int | None:
        """The id of the process, if it runs."""
        return None if self._process is None else self._process.pid

    def preload(self, libraries: Sequence[str]) -> None:
        """Let the process import libraries before its next child, which then need not; it does not wait for them."""
        if names := [name for name in libraries if name not in self._preloaded]:
            self._preloaded.update(names)
            text = json.dumps(names).encode()
            self._command(inside.PRELOAD + inside.LENGTH.pack(len(text)) + text)

    def ask(self, order: Order, answers: Answers | None = None) -> Any:
        """What a child says to an order.

        Raises:
            PluginError: the method raises, ends its process, exceeds a limit, or sends what is no answer.
            CollapsebenchError: what the harness refused it, if it did not catch that.
        """
        visit = self.begin(order, answers)
        try:
            return visit.result()
        finally:
            visit.end()

    def begin(self, order: Order, answers: Answers | None = None) -> Visit:
        """A child that was given an order; the one before it ends."""
        if self._visit is not None:
            self._visit.end()
        ours, theirs = socket.socketpair()
        with theirs:
            self._command(inside.VISIT, theirs.fileno())
        self._visit = Visit(self, Channel(ours, _MOST), order, answers or Mute())
        return self._visit

    def going_on(self, order: Order) -> Visit:
        """The child that works on an order, which it is given if the last one works on another."""
        if self._visit is None or self._visit.order != order:
            self.begin(order).result()
            assert self._visit is not None
        return self._visit

    def end(self, visit: Visit) -> None:
        """End a child, if it has not ended."""
        if self._visit is visit:
            self._visit = None
            self._command(inside.END)

    def ending(self) -> int | None:
        """How the child ended, that ended by itself; None if the arm itself did."""
        self._visit = None
        try:
            self._command(inside.AWAIT)
            assert self._control is not None
            (code,) = inside.STATUS.unpack(self._control.recv(inside.STATUS.size, socket.MSG_WAITALL))
        except (OSError, struct.error):
            self.close()
            return None
        return code  # type: ignore[no-any-return]

    def close(self) -> None:
        """End the process with all that it started."""
        if self._process is None or os.getpid() != self._owner:
            return
        if self._control is not None:
            self._control.close()
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._process = self._control = self._visit = None
        if self._temporary is not None:
            self._temporary.cleanup()
        self._preloaded.clear()

    def _command(self, content: bytes, descriptor: int | None = None) -> None:
        for attempt in (1, 2):
            control = self._started()
            try:
                if descriptor is None:
                    control.sendall(content)
                else:
                    socket.send_fds(control, [content], [descriptor])
                return
            except OSError:  # it died since it was last asked
                self.close()
                if attempt == 2:
                    raise

    def _started(self) -> socket.socket:
        if self._control is not None:
            return self._control
        self._temporary = temporary_folder("arm")
        isolated = sandbox.available()
        ours, theirs = socket.socketpair()
        ours.settimeout(_STARTING)
        with theirs:
            descriptor = theirs.fileno()
            program = f"from collapsebench.arm.inside import main; main({descriptor}, {_MOST})"
            self._process = subprocess.Popen(
                sandbox.command(program, isolated),
                env=sandbox.environment(sandbox.TEMPORARY if isolated else self._temporary.name),
                cwd=self._temporary.name,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=[descriptor],
                start_new_session=True,
            )
        self._control = ours
        return ours


class Visit:
    """One child of the arm at work.

    Args:
        arm: whose it is.
        channel: to the child.
        answers: to what it asks meanwhile.

    Attributes:
        order: what it is to do.
    """

    def __init__(self, arm: Arm, channel: Channel, order: Order, answers: Answers) -> None:
        self.order, self._arm, self._channel, self._answers = order, arm, channel, answers
        self._limits = _LIMITS.get() or Limits(time.monotonic() + _STARTING, 4 * 2**30)
        self._refused: CollapsebenchError | None = None
        message = {"memory": self._limits.memory, "plugin": order.plugin, "do": order.do, "method": order.method}
        with suppress(Closed):  # what is wrong is seen when it should answer
            channel.send({**message, "args": order.args})

    def send(self, message: object) -> None:
        """Send something more."""
        with suppress(Closed):
            self._channel.send(message)

    def result(self) -> Any:
        """What the child says at last, after all that it asked was answered.

        Raises:
            PluginError, CollapsebenchError: as `Arm.ask`.
        """
        owner = self.order.owner
        try:
            while True:
                self._channel.socket.settimeout(max(self._limits.until - time.monotonic(), 0.01))
                message = self._channel.receive()
                if not isinstance(message, dict):
                    raise Malformed("it has no parts")
                if "ask" in message:
                    self._channel.send(self._answered(message["ask"], message.get("args")))
                    continue
                self._pass_on(message.get("printed"))
                if "failed" in message:
                    raise self._failure(message["failed"])
                if "done" in message:
                    return message["done"]
                raise Malformed("it answers nothing")
        except Malformed as error:
            raise PluginError(f"{owner} sent what is no answer: {error}.") from error
        except TimeoutError:
            raise PluginError(f"{owner} did not end in time.", "Its protocol limits the hours of a cell.") from None
        except Closed:
            raise PluginError(self._death()) from None

    def end(self) -> None:
        """End the child."""
        self._arm.end(self)
        self._channel.close()

    def _answered(self, what: object, args: object) -> dict[str, Any]:
        if not (isinstance(what, str) and isinstance(args, list)):
            raise Malformed("it asks for nothing")
        try:
            return {"answer": self._answers.answer(what, args)}
        except CollapsebenchError as error:
            self._refused = error
            return {"refused": error.message, "hint": error.hint, "kind": type(error).__name__}

    def _failure(self, said: Any) -> Exception:
        """What the child raised. An error of the harness is one only if the harness refused it just that."""
        if not (isinstance(said, dict) and all(isinstance(said.get(key), str) for key in ("message", "kind", "hint"))):
            raise Malformed("it fails without saying why")
        error: Exception | None = self._refused
        kind, message = said["kind"], said["message"]
        if error is None or (kind, message) != (type(error).__name__, str(error)):
            if said.get("ours"):
                error = (BadParameter if kind == "BadParameter" else PluginError)(message, said["hint"])
            else:
                error = type(kind if kind.isidentifier() else "Exception", (GuestError,), {})(message)
        error.add_note(f"In the arm:\n{said.get('trace')}")
        return error

    def _death(self) -> str:
        code = self._arm.ending()
        if code is None:
            return f"{self.order.owner} ended, and its sandbox with it."
        if code == 0:
            return f"{self.order.owner} closed its channel."
        return f"{self.order.owner} ended its process {ended(code)}."

    def _pass_on(self, printed: object) -> None:
        """Show what the method printed, without what moves a terminal's cursor."""
        if isinstance(printed, str) and printed.strip():
            text = "".join(letter if letter.isprintable() or letter == "\n" else "?" for letter in printed)
            log.warning("%s printed: %s", self.order.owner, text.rstrip())
