"""Plug-ins: from a name and parameters to a method or a task."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from ..core.errors import BadParameter, CollapsebenchError, ProtocolError, UsageError
from ..core.method import METHODS, Method
from ..core.plugin import Plugin, working
from ..core.task import TASKS, Task

P = TypeVar("P", bound=Plugin)


def make_method(name: str, params: Mapping[str, Any]) -> Method:
    """A method with hyper-parameters, given as values.

    Raises:
        UsageError: an unknown method or hyper-parameter, or a value that its annotation does not allow.
        PluginError: values that the method itself refuses.
    """
    return _instance(METHODS.get(name), lambda cls: cls.make(params), UsageError)


def read_method(name: str, texts: Mapping[str, str]) -> Method:
    """A method with hyper-parameters as a label or the command line writes them.

    Raises:
        UsageError, PluginError: as `make_method`.
    """
    return _instance(METHODS.get(name), lambda cls: cls.make(cls.values(texts)), UsageError)


def make_task(name: str, params: Mapping[str, Any]) -> Task:
    """A task with the sizes that a protocol gives it.

    Raises:
        UsageError: an unknown task.
        ProtocolError: an unknown size, or a value that its annotation does not allow.
        PluginError: sizes that the task itself refuses.
    """
    return _instance(TASKS.get(name), lambda cls: cls.make(params), ProtocolError)


def _instance(cls: type[P], make: Callable[[type[P]], P], wrong: type[CollapsebenchError]) -> P:
    try:
        with working(f"{cls.plugin_kind.capitalize()} '{cls.name}'", "refuses its parameters"):
            return make(cls)
    except BadParameter as error:
        raise wrong(error.message, error.hint) from None
