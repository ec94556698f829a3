"""What a method's source reads that the harness keeps to itself."""

from __future__ import annotations

import ast
from collections.abc import Iterator

_OWN = frozenset({"self", "cls"})
"""Whose underscores are the plug-in's own."""

_HARMLESS = frozenset({"__doc__", "__file__", "__init__", "__name__", "__post_init__", "__version__"})

_PACKAGE = "collapsebench"

_ROOMS = frozenset({f"{_PACKAGE}.core", f"{_PACKAGE}.loop"})
"""Where the harness knows what is real, and where its tables stand."""

_PRYING_MODULES = frozenset({"ctypes", "gc", "importlib", "inspect"})

_PRYING_CALLS = frozenset({"__import__", "dir", "eval", "exec", "vars"})

_READERS = {"getattr": 1, "hasattr": 1, "setattr": 1, "attrgetter": 0, "operator.attrgetter": 0}
"""Calls that read attributes by name -> where the first name stands."""


def private_reads(tree: ast.Module) -> Iterator[str]:
    """Reads of what begins with an underscore, other than of `self`: by dot, by name, by import or by prying.

    What the harness hands out (context, corpora, models) tells by its public attributes all that a method may know.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and _kept(node):
            yield f"Line {node.lineno}: reads {ast.unparse(node)}."
        elif isinstance(node, ast.Call):
            yield from (f"Line {node.lineno}: calls {called}." for called in _prying(node))
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from (f"Line {node.lineno}: imports {name}." for name in _imported(node) if _inside(name))


def _kept(node: ast.Attribute) -> bool:
    """Whether an attribute is not for a plug-in to read."""
    if _hidden(node.attr):
        return not _owned(node.value)
    return ast.unparse(node) in (*_ROOMS, "sys.modules")


def _hidden(name: str) -> bool:
    return name.startswith("_") and name not in _HARMLESS


def _owned(value: ast.expr) -> bool:
    """Whether this is the plug-in itself, or its base class."""
    if isinstance(value, ast.Call):
        return isinstance(value.func, ast.Name) and value.func.id == "super"
    return isinstance(value, ast.Name) and value.id in _OWN


def _imported(node: ast.Import | ast.ImportFrom) -> list[str]:
    """What a statement imports, with its module; the package itself under another name too."""
    if isinstance(node, ast.Import):
        return [f"{alias.name} as {alias.asname}" if alias.asname else alias.name for alias in node.names]
    return [f"{node.module}.{alias.name}" if node.module else alias.name for alias in node.names if not node.level]


def _inside(imported: str) -> bool:
    name, _, alias = imported.partition(" as ")
    parts = name.split(".")
    renamed = bool(alias) and parts[0] == _PACKAGE and alias != _PACKAGE and len(parts) == 1
    return renamed or parts[0] in _PRYING_MODULES or ".".join(parts[:2]) in _ROOMS or _hidden(parts[-1])


def _prying(call: ast.Call) -> Iterator[str]:
    """How a call reads attributes that its source does not name, or that begin with an underscore."""
    called = ast.unparse(call.func)
    if called in _PRYING_CALLS and not (call.args and all(map(_owned, call.args))):
        yield ast.unparse(call)
    if called not in _READERS or (_READERS[called] == 1 and call.args and _owned(call.args[0])):
        return
    place = _READERS[called]
    for name in call.args[place : place + 1 if place else None]:
        known = isinstance(name, ast.Constant) and isinstance(name.value, str)
        if not known or any(map(_hidden, str(name.value).split("."))):  # type: ignore[attr-defined]
            yield ast.unparse(call)
