"""Stop: that somebody wants this process to end (Ctrl-C, SIGTERM, SIGHUP), told apart from what a plug-in raises."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))

_listening = False
_wanted: int | None = None


class Stopped(KeyboardInterrupt):
    """A signal came that ends a command."""


@contextmanager
def listening(signals: Iterable[signal.Signals] = SIGNALS, always: bool = False) -> Iterator[None]:
    """Inside, signals raise `Stopped`, and a command that exits after one does so with 128 and its number.

    Args:
        signals: which.
        always: also those that whoever started this process told it to ignore, as `nohup` does.
    """
    global _listening, _wanted
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    heard = [number for number in signals if always or signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, _stop) for number in heard}
    _listening, _wanted = True, None
    try:
        yield
    except (SystemExit, KeyboardInterrupt):
        if _wanted is None:
            raise
        raise SystemExit(128 + _wanted) from None
    finally:
        _listening = False
        for number, handler in before.items():
            signal.signal(number, handler)


def _stop(number: int, frame: FrameType | None) -> None:
    global _wanted
    _wanted = number
    raise Stopped


def meant(error: BaseException) -> bool:
    """Whether an error ends the command: a signal's, or a KeyboardInterrupt where nobody listens for signals."""
    return isinstance(error, Stopped) or (isinstance(error, KeyboardInterrupt) and not _listening)


def check() -> None:
    """Go on, unless a plug-in swallowed what a signal raised.

    Raises:
        Stopped: it did.
    """
    if _listening and _wanted is not None:
        raise Stopped


def ended(code: int) -> str:
    """How a process ended, by its code: `by SIGKILL`, `by signal 40` (which has no name) or `with exit code 3`."""
    if code >= 0:
        return f"with exit code {code}"
    try:
        return f"by {signal.Signals(-code).name}"
    except ValueError:
        return f"by signal {-code}"
