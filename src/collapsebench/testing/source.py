"""What a plug-in's source says, read without running it."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from ..core.plugin import Plugin, source_file
from .private import private_reads

_PICKLERS = frozenset({"cloudpickle", "dill", "joblib", "pickle", "shelve"})
_PICKLING_CALLS = frozenset({"torch.load", "torch.save", "numpy.save", "np.save"})
_PLAIN = (bool, int, float, str, type(None))


def declaration_problems(cls: type[Plugin]) -> Iterator[str]:
    """What is missing for a class to be listed, set from the command line and keyed in a store."""
    if not cls.description():
        yield "Give the class a docstring; its first line is what lists and boards show."
    if not cls.card.title:  # type: ignore[attr-defined]
        yield "Give the card a title."
    try:
        instance = cls()
    except Exception as error:  # any failure of a constructor
        yield f"It cannot be made with its defaults: {error}"
        return
    for name, value in instance.params().items():
        if not isinstance(value, _PLAIN):
            yield f"'{name}' is a {type(value).__name__}; use a bool, int, float, str or None."


def pickling(cls: type) -> Iterator[str]:
    """Uses of pickle in the file that defines a class."""
    for node in ast.walk(_tree(cls)):
        yield from (f"Line {n}: imports {name}." for n, name in _imported(node) if name.partition(".")[0] in _PICKLERS)
        if isinstance(node, ast.Call) and (name := ast.unparse(node.func)) in _PICKLING_CALLS:
            yield f"Line {node.lineno}: calls {name}."


def submodule_imports(cls: type) -> Iterator[str]:
    """Imports of this package's submodules in the file that defines a class."""
    for node in ast.walk(_tree(cls)):
        yield from (f"Line {n}: imports {name}." for n, name in _imported(node) if name.startswith("collapsebench."))


def hidden_reads(cls: type) -> Iterator[str]:
    """Reads, in the file that defines a class, of what the harness keeps to itself."""
    yield from private_reads(_tree(cls))


def _tree(cls: type) -> ast.Module:
    return ast.parse(source_file(cls).read_bytes())


def _imported(node: ast.AST) -> list[tuple[int, str]]:
    """Line and name of the modules that a statement imports."""
    if isinstance(node, ast.Import):
        return [(node.lineno, alias.name) for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.module and not node.level:
        return [(node.lineno, node.module)]
    return []
