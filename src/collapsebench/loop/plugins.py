"""Plug-ins: from a name and parameters to a method or a task."""

from __future__ import annotations

import typing
from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from ..core.errors import CollapsebenchError, PluginError, ProtocolError, UsageError, unknown_name
from ..core.method import Method, default_of
from ..core.registry import METHODS, TASKS
from ..core.task import Task

Plugin = TypeVar("Plugin", Method, Task)


def make_method(name: str, params: Mapping[str, Any]) -> Method:
    """A method with hyper-parameters, given as values or as text from the command line.

    Raises:
        UsageError: unknown method or hyper-parameter, or a value of the wrong type.
        PluginError: values that the method itself refuses, such as a share above 1.
    """
    return _instance("method", METHODS.get(name), name, params, UsageError)


def make_task(name: str, params: Mapping[str, Any]) -> Task:
    """A task with the sizes that a protocol gives it.

    Raises:
        UsageError: unknown task.
        ProtocolError: unknown size, or a value of the wrong type.
        PluginError: sizes that the task itself refuses.
    """
    return _instance("task", TASKS.get(name), name, params, ProtocolError)


def description(cls: type) -> str:
    """The first line of a class docstring, or "" if the class has none of its own."""
    doc = cls.__doc__ or ""
    return "" if doc.startswith(f"{cls.__name__}(") else doc.strip().partition("\n")[0]


def _instance(
    kind: str, cls: type[Plugin], name: str, params: Mapping[str, Any], wrong: type[CollapsebenchError]
) -> Plugin:
    types = typing.get_type_hints(cls)
    known = {f.name: f for f in fields(cls)}  # type: ignore[arg-type]
    values: dict[str, Any] = {}
    for key, value in params.items():
        if key not in known:
            error = unknown_name("parameter", key, known, owner=f"{kind} '{name}'")
            raise wrong(error.message, error.hint)
        try:
            values[key] = TypeAdapter(types[key]).validate_python(value)
        except ValidationError as invalid:
            problem = invalid.errors()[0]["msg"]
            raise wrong(f"Parameter {key}={value!r} of {kind} '{name}': {problem}.") from None
    if missing := [f.name for f in known.values() if default_of(f) is MISSING and f.name not in values]:
        raise wrong(f"{kind.capitalize()} '{name}' needs {', '.join(missing)}.", f"--set {missing[0]}=VALUE")
    try:
        return cls(**values)
    except CollapsebenchError:
        raise
    except Exception as error:  # a plug-in may refuse its parameters in any way
        refusal = f"{kind.capitalize()} '{name}' refuses its parameters: {type(error).__name__}: {error}"
        raise PluginError(refusal) from error
