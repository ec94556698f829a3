"""Deferred import of torch: `--help`, `list` and `leaderboard` must not wait two seconds for it."""

from __future__ import annotations

import importlib.util
import sys
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
