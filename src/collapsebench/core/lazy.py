"""Deferred imports: `--help`, `list` and `leaderboard` must not wait two seconds for torch."""

from __future__ import annotations

import ast
import importlib.util
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any


class _Deferred(ModuleType):
    """A module that runs its code when an attribute that it does not have yet is read.

    `importlib.util.LazyLoader` does not serve: an `import` statement already triggers it.
    """

    def __getattr__(self, name: str) -> Any:
        spec = self.__spec__
        assert spec is not None and spec.loader is not None
        self.__class__ = ModuleType  # type: ignore[assignment]
        if spec.submodule_search_locations is not None:
            self.__path__ = spec.submodule_search_locations
        spec.loader.exec_module(self)
        return getattr(self, name)


def defer(name: str) -> None:
    """Make the next `import name` return at once; the module loads when one of its attributes is read.

    Does nothing if the module is loaded already or not installed.
    """
    if name in sys.modules or (spec := importlib.util.find_spec(name)) is None or spec.loader is None:
        return
    module = importlib.util.module_from_spec(spec)
    module.__dict__.pop("__path__", None)  # so that `import torch.nn` loads torch first
    module.__class__ = _Deferred
    sys.modules[name] = module


def exports(package: str) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """`__getattr__` and `__dir__` of a package whose public names are the imports below its `if TYPE_CHECKING:`.

    A name's module is imported when the name is first used; type checkers see the imports themselves.
    """
    module = sys.modules[package]

    @cache
    def modules() -> dict[str, str]:
        assert module.__file__ is not None
        nodes = ast.walk(ast.parse(Path(module.__file__).read_text(encoding="utf-8")))
        imports = [node for node in nodes if isinstance(node, ast.ImportFrom) and node.level == 1]
        return {alias.name: f"{package}.{node.module}" for node in imports for alias in node.names}

    def get(name: str) -> Any:
        if name not in modules():
            raise AttributeError(f"module '{package}' has no attribute '{name}'")
        value = getattr(importlib.import_module(modules()[name]), name)
        setattr(module, name, value)
        return value

    return get, lambda: sorted({*vars(module), *modules()})
