"""Every error that a user can cause: one message that names the thing, one hint, one exit code."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import ClassVar


class CollapsebenchError(Exception):
    """Base of all errors shown to users as `message` and `hint`, without a traceback.

    Args:
        message: one sentence naming the thing that is wrong.
        hint: one sentence saying what to do about it.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __reduce__(self) -> tuple[type[CollapsebenchError], tuple[str, str]]:
        return type(self), (self.message, self.hint)


class UsageError(CollapsebenchError):
    """An unknown name or a bad value on the command line."""

    exit_code = 2


class PluginError(CollapsebenchError):
    """A plug-in that cannot be used, or that broke its contract while running."""

    exit_code = 3


class BadParameter(PluginError):
    """A parameter that a plug-in does not have, or a value that it refuses."""


class Interrupted(CollapsebenchError):
    """A command that was stopped from the keyboard while a plug-in was imported."""

    exit_code = 130


class DataError(CollapsebenchError):
    """Real data that is missing, damaged or not what a task expects."""

    exit_code = 2


class ProtocolError(CollapsebenchError):
    """A protocol file that does not say what a protocol must say."""

    exit_code = 3


class AccessDenied(PluginError):
    """A method reached for something that its card does not declare."""


class LimitExceeded(PluginError):
    """A method asked for more real, generated or stored data than the protocol allows."""


class Diverged(CollapsebenchError):
    """Training reached a loss or a state that is not finite; a result, not a crash."""


class StoreError(CollapsebenchError):
    """The store cannot be read or written (full disk, no permission)."""


class ExecutorError(CollapsebenchError):
    """An engine that is not there, or that refuses what it is given."""

    exit_code = 2


class RecordError(StoreError):
    """Records that no run can have written, that are incomplete, or that are not what the installed code gives."""

    exit_code = 3


class StaleBoard(CollapsebenchError):
    """A generated page differs from what its records give."""

    exit_code = 4


def describe(error: BaseException) -> str:
    """An error of any kind as `Type: text`, also one that cannot be printed."""
    try:
        text = error.message if isinstance(error, CollapsebenchError) else str(error)
    except Exception:  # a plug-in's own class may fail to say what is wrong
        text = "(its text cannot be printed)"
    return text if isinstance(error, CollapsebenchError) else f"{type(error).__name__}: {text}".removesuffix(": ")


def nearest(name: str, known: Iterable[str]) -> str:
    """The question whether another name was meant; "" where none is near."""
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f"Did you mean '{near[0]}'?" if near else ""


def unknown_name(kind: str, name: str, known: Iterable[str], owner: str = "") -> UsageError:
    """The error for a name that nobody registered, with the nearest name as its hint.

    Args:
        kind: what the name should name.
        name: as it was given.
        known: the names that exist.
        owner: what the name was looked up in, if that needs saying.
    """
    names = sorted(known)
    hint = nearest(name, names) or f"Known: {', '.join(names) or 'none'}."
    where = f" of {owner}" if owner else ""
    return UsageError(f"Unknown {kind} '{name}'{where}.", hint)
