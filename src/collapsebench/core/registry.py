"""Registry: finds plug-ins in the built-in folders, in installed packages and in a user's file; knows no class.

A plug-in that cannot be imported is kept with the reason, so that it can be listed.
"""

from __future__ import annotations

import importlib.util
import inspect
import re
import sys
from collections.abc import Callable, Iterable
from functools import partial
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any, Generic, NoReturn, TypeVar

from . import stop
from .errors import Interrupted, PluginError, UsageError, describe, unknown_name
from .files import sha256
from .plugin import Plugin, source_file
from .shipped import builtin_folder, is_shipped

P = TypeVar("P", bound=Plugin)

REGISTRIES: dict[str, Registry[Any]] = {}
"""The registry of each kind of plug-in."""

_judging = False


def judge(judging: bool = True) -> None:
    """From here on this process imports no task that is not shipped: it judges what others did with it."""
    global _judging
    _judging = judging


class Registry(Generic[P]):
    """Named plug-in classes of one kind.

    Args:
        base: the class that every plug-in of this kind extends.
        files: where plug-ins lie in the built-in folder of this kind, as a glob pattern.
        guests: the module that registers plug-ins which are not shipped without importing them here; "" if they are
            imported.
    """

    def __init__(self, base: type[P], files: str, guests: str = "") -> None:
        self.kind, self._files, self.guests = base.plugin_kind, files, guests
        self.base: type[P] = base
        self._classes: dict[str, type[P]] = {}
        self._unavailable: dict[str, str] = {}
        self._discovered = False
        REGISTRIES[self.kind] = self

    def register(self, name: str, cls: type[P]) -> None:
        """Add a class under a name, which becomes its own; called by the `@method` and `@task` decorators.

        Raises:
            PluginError: not a subclass of the base, no card, a name that is not one word of letters, digits,
                `_` and `-`, or one that another file already took.
        """
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", name):
            raise PluginError(
                f"{self.kind.capitalize()} '{name}' has a name that cannot name a file.",
                "Use letters, digits, _ and -.",
            )
        if not (isinstance(cls, type) and issubclass(cls, self.base)):
            raise PluginError(f"{self.kind.capitalize()} '{name}' must extend {self.base.__name__}.")
        if not hasattr(cls, "card"):
            raise PluginError(
                f"{self.kind.capitalize()} '{name}' has no card.",
                f"Set `card = {self.base.__name__}Card(title=..., ...)` in the class.",
            )
        other = self._classes.get(name)
        if other is not None and source_file(other) != source_file(cls):
            raise PluginError(
                f"{self.kind.capitalize()} '{name}' is defined twice: {source_file(other)} and {source_file(cls)}.",
                "Rename one of them.",
            )
        cls.name = name
        self._classes[name] = cls

    def registered(self) -> dict[str, type[P]]:
        """What was registered so far, without looking for more."""
        return dict(self._classes)

    def forget(self, module: str) -> None:
        """Take back what a module registered."""
        self._classes = {name: cls for name, cls in self._classes.items() if cls.__module__ != module}

    def get(self, name: str) -> type[P]:
        """The class of this name.

        Raises:
            UsageError: nobody registered the name; the hint is the nearest one.
            PluginError: the plug-in of this name could not be imported.
        """
        self._discover()
        if name in self._classes:
            return self._classes[name]
        if name in self._unavailable:
            raise PluginError(f"{self.kind.capitalize()} '{name}' cannot be used: {self._unavailable[name]}")
        raise unknown_name(self.kind, name, self._classes)

    def names(self) -> list[str]:
        """Names of all usable plug-ins."""
        self._discover()
        return sorted(self._classes)

    def unavailable(self) -> dict[str, str]:
        """Names of plug-ins that could not be imported, with the reason."""
        self._discover()
        return dict(sorted(self._unavailable.items()))

    def origin(self, name: str) -> str:
        """`file:line` where a plug-in is defined."""
        cls = self.get(name)
        line = vars(cls).get("line") or inspect.getsourcelines(cls)[1]
        return f"{source_file(cls)}:{line}"

    def _discover(self) -> None:
        if self._discovered:
            return
        self._discovered = True
        for path in sorted(builtin_folder(f"{self.kind}s").glob(self._files)):
            self._try(path.parent.name if path.name == "task.py" else path.stem, partial(load_file, path))
        for point in entry_points(group=f"collapsebench.{self.kind}s"):
            # A task of a package that the user installed is trusted, also by a command that judges others.
            load = partial(import_module(self.guests).admit_installed, point) if self.guests else point.load
            self._try(point.name, load)

    def _try(self, name: str, load: Callable[[], object]) -> None:
        try:
            load()
        except Interrupted:
            raise
        except BaseException as error:  # a plug-in may fail in any way; it is listed with the reason
            if stop.meant(error):
                raise
            self._unavailable[name] = describe(error)


def _judged(what: str) -> NoReturn:
    raise PluginError(f"{what} is not shipped, and a command that judges imports no such task.")


def load_file(path: Path) -> ModuleType | None:
    """Take in a plug-in file by path, once. It is imported if it is shipped or has a task, which is the harness's side.

    Returns:
        The module; None for a file of methods that are not shipped: these run elsewhere.

    Raises:
        UsageError: no such file.
        PluginError: the file raises while it is imported.
    """
    path = path.resolve()
    if path.suffix != ".py" or not path.is_file():
        raise UsageError(f"No plug-in file {path}.", "Pass the path of a Python file, NAME.py.")
    shipped = is_shipped(path)
    if path.name == "task.py" or shipped:
        return _imported(path) if shipped or not _judging else _judged(str(path))
    guests = [import_module(registry.guests) for registry in REGISTRIES.values() if registry.guests]
    described = [(guest, guest.described(path)) for guest in guests]
    module = None
    if not _judging and any(told["tasks"] for _, told in described):
        module = _imported(path)
    for guest, told in described:
        guest.admit(path, told)
    return module


def _imported(path: Path) -> ModuleType:
    name = f"{_package(path.parent)}.{path.stem}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        importlib.util.decode_source(path.read_bytes())  # Python itself reads past bytes of a comment
        spec.loader.exec_module(module)
    except BaseException as error:  # a plug-in may fail in any way
        del sys.modules[name]
        for registry in REGISTRIES.values():
            registry.forget(name)
        if stop.meant(error):
            raise Interrupted(f"Interrupted while plug-in {path} was imported.") from error
        hint = error.hint if isinstance(error, PluginError) else "Run it with --debug to see the traceback."
        raise PluginError(f"Plug-in {path} cannot be imported: {describe(error)}", hint) from error
    return module


def _module_name(stem: str, path: Path) -> str:
    return f"collapsebench_plugins.{stem}_{sha256(str(path).encode())[:8]}"


def _package(folder: Path) -> str:
    """The name of a package whose modules are a task folder's files, so that `task.py` can import those beside it."""
    name = _module_name(folder.name, folder)
    if name not in sys.modules:
        package = ModuleType(name)
        package.__path__ = [str(folder)]
        sys.modules[name] = package
    return name


def load_plugins(paths: Iterable[Path]) -> None:
    """Load a user's plug-in files (`--plugin`), after the built-in ones: a name that is taken is refused."""
    for registry in REGISTRIES.values():
        registry.names()
    for path in paths:
        load_file(path)
