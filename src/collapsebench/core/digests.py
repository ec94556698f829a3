"""Digests of code: what numbers rest on, whatever its files are called and however they are laid out.

The code of a module is its syntax tree without imports, comments, docstrings, annotations and the words of errors.
A plug-in rests on its own code and on each module of this package that defines a name which that code uses, and so
on down to `core`. Names of modules do not count, so a module can be renamed or moved. Which module a name comes from
counts, so two modules that define the same name cannot be exchanged.
"""

from __future__ import annotations

import ast
import functools
import sys
from collections import defaultdict
from collections.abc import Iterator
from importlib.util import decode_source
from pathlib import Path
from typing import NamedTuple

from .files import digest, sha256
from .plugin import data_file, source_file

PACKAGE = Path(__file__).parents[1]

NEUTRAL = frozenset(
    f"collapsebench.{name}"
    for name in (
        "core.checked",  # how parameters are checked; their values are part of every key
        "core.commands",  # words of hints
        "core.digests",  # which code counts; what it says is the key
        "core.errors",  # words of errors
        "core.files",  # where files lie and how they are written
        "core.lazy",  # when a module is imported
        "core.plugin",  # what plug-ins are called
        "core.processes",  # which process writes
        "core.records",  # how numbers are written; its SCHEMA is part of every key
        "core.resources",  # which machine computes
        "core.registry",  # how plug-ins are found
        "core.shipped",  # which of them this version was released with
        "loop.cache",  # whether a stage is computed or read
        "scoring.lm_eval.named",  # scores beside the task's own; part of the keys of the cells that ask for it
    )
)
"""Modules that cannot move a score. They are not followed."""


class Code(NamedTuple):
    """What some code rests on.

    Args:
        own: digest of the code itself, and of a task's YAML.
        harness: digest of the modules of this package that it uses.
        modules: names of these modules.
    """

    own: str
    harness: str
    modules: tuple[str, ...]

    @property
    def digest(self) -> str:
        """SHA-256 of all of it."""
        return digest([self.own, self.harness])


class Source(NamedTuple):
    """Files of a plug-in, in a folder whose modules import one another as those of a package of this name."""

    package: str
    folder: Path
    files: tuple[Path, ...]


def file_source(path: Path) -> Source:
    """A plug-in file; of a `task.py`, all Python and YAML files of its folder."""
    files = [path] if path.name != "task.py" else [*path.parent.rglob("*.py"), *path.parent.rglob("*.yaml")]
    return Source(f"plugin_{sha256(str(path).encode())}", path.parent, tuple(files))


@functools.cache
def plugin_code(cls: type) -> Code:
    """The code of a plug-in: its file, its task folder or its whole installed package; also of bases in other files."""
    sources = []
    for base in cls.__mro__:
        top = base.__module__.partition(".")[0]
        if (package := vars(base).get("package")) is not None:
            name, folder = package
            sources.append(Source(name, folder, tuple(folder.rglob("*.py"))))
        elif top == "collapsebench" and base is cls:
            sources.append(Source(top, PACKAGE, (source_file(cls),)))
        elif base is cls and (folders := list(getattr(sys.modules.get(top), "__path__", ()))):
            sources.append(Source(top, Path(folders[0]), tuple(Path(folders[0]).rglob("*.py"))))
        elif base is cls or top not in sys.modules:  # modules of plug-in files have no parent
            sources.append(file_source(source_file(base)))
    code = _installed().code(*sources)
    files: tuple[str, ...] = getattr(cls, "files", ())
    data = sorted((name, sha256(data_file(cls, name).read_bytes())) for name in files)
    return code._replace(own=digest([code.own, data])) if data else code


@functools.cache
def module_code(name: str) -> Code:
    """The code of a module of this package and of all that it uses."""
    return _installed().module_code(name)


@functools.cache
def _installed() -> CodeBase:
    return CodeBase(PACKAGE)


class CodeBase:
    """The modules of this package and of the plug-ins that use it, each read once.

    Args:
        package: the folder `collapsebench`.
    """

    def __init__(self, package: Path) -> None:
        self._folders = {"collapsebench": package}
        self._modules: dict[str, _Module | None] = {}
        self._links: dict[str, list[_Link]] = {}

    def code(self, *sources: Source) -> Code:
        """The code of these files and of all that they use."""
        own: set[str] = set()
        data: list[tuple[str, str]] = []
        for package, folder, files in sources:
            self._folders[package] = folder
            for path in files:
                place = path.relative_to(folder)
                if path.suffix == ".py":
                    own.add(".".join((package, *place.with_suffix("").parts)).removesuffix(".__init__"))
                else:
                    data.append((place.as_posix(), path.read_text(encoding="utf-8")))
        found: set[str] = set()
        queue = list(own)
        while queue:
            if (name := queue.pop()) not in found:
                found.add(name)
                queue += [link.module for link in self._links_of(name) if link.module]
        codes = {name: module.code for name in found if (module := self._module(name))}
        links = {name: sorted({(link.name, link.code) for link in self._links_of(name)}) for name in found}
        return Code(
            digest([sorted(codes[name] for name in own), sorted(data)]),
            digest(sorted(("" if name in own else codes[name], links[name]) for name in found)),
            tuple(sorted(name.removeprefix("collapsebench.") for name in found - own)),
        )

    def module_code(self, name: str) -> Code:
        """The code of a module of this package and of all that it uses."""
        package = self._folders["collapsebench"]
        return self.code(Source("collapsebench", package, (package / f"{name.replace('.', '/')}.py",)))

    def _module(self, name: str) -> _Module | None:
        """A module by its full name; None if it is none of these."""
        if name not in self._modules:
            top, _, rest = name.partition(".")
            self._modules[name] = None
            if folder := self._folders.get(top):
                path = folder / rest.replace(".", "/")
                package = path / "__init__.py"
                file = package if package.is_file() else path.with_name(f"{path.name}.py")
                if file.is_file():
                    self._modules[name] = _read(decode_source(file.read_bytes()), file == package)
        return self._modules[name]

    def _links_of(self, name: str) -> list[_Link]:
        if name not in self._links:
            module = self._module(name)
            self._links[name] = list(self._linked(name, module)) if module else []
        return self._links[name]

    def _linked(self, name: str, module: _Module) -> Iterator[_Link]:
        for bound, targets in module.imports.items():
            attributes = module.attributes[bound]
            for target, symbol in targets if attributes else ():
                full = module.absolute(name, target)
                if full.partition(".")[0] not in self._folders:
                    yield _Link(f"{bound} {symbol} {full}", "", "")
                    continue
                for place, found in self._origins(full, symbol):
                    package = self._module(place) if not found else None
                    if package is None or not package.is_package:
                        yield self._link(f"{bound} {found}", place)
                        continue
                    names = [*package.imports, *package.hidden] if "" in attributes else sorted(attributes)
                    for attribute in names:
                        for origin, found in self._origins(place, attribute):
                            yield self._link(f"{bound} {attribute} {found}", origin)

    def _link(self, name: str, module: str) -> _Link:
        followed = module not in NEUTRAL and self._module(module)
        return _Link(name, module, followed.code) if followed else _Link(name, "", "")

    def _origins(self, module: str, symbol: str) -> Iterator[tuple[str, str]]:
        """The modules that define a name, through those that pass it on; the name is "" where it is a module's."""
        found = self._module(module)
        if not symbol or (found and symbol in found.defined):
            yield module, symbol
            return
        targets = found.imports.get(symbol, set()) | found.hidden.get(symbol, set()) if found else set()
        passed = {(found.absolute(module, target), name) for target, name in targets if found} - {(module, symbol)}
        if passed:
            for target, name in sorted(passed):
                yield from self._origins(target, name)
        elif self._module(f"{module}.{symbol}"):
            yield f"{module}.{symbol}", ""
        else:
            yield module, symbol
            for name in (*found.imports, *found.hidden) if found and found.is_package else ():  # made when asked for
                yield from self._origins(module, name)


class _Link(NamedTuple):
    """A name that a module's code uses: what it is called; the module that defines it and its code, or "" twice."""

    name: str
    module: str
    code: str


_IGNORED = {"ctx", "kind", "type_comment", "type_ignores", "type_params", "returns", "annotation"}


class _Module:
    """What one module does, from its text.

    Args:
        text: of the file.
        is_package: whether it is an `__init__.py`.

    Attributes:
        code: digest of its code.
        imports: by name in this module, what its code imports: (module, name there), "" for a module itself.
        hidden: imports that only a type checker sees; a package that loads its names late has them here.
        attributes: by name that the code uses, the attributes that it reads of it; "" where it uses the name itself.
        defined: names that it defines at the top.
    """

    def __init__(self, text: str, is_package: bool) -> None:
        self.is_package = is_package
        self.imports: dict[str, set[tuple[str, str]]] = defaultdict(set)
        self.hidden: dict[str, set[tuple[str, str]]] = defaultdict(set)
        self.attributes: dict[str, set[str]] = defaultdict(set)
        self._words: list[str] = []
        self._documented = "__doc__" in text
        tree = ast.parse(text)
        self._write(tree)
        self.code = sha256("\n".join(self._words).encode())
        self.defined = frozenset(_defined(tree.body))

    def absolute(self, name: str, target: str) -> str:
        """The full name of a module that this module, of this name, imports."""
        level = len(target) - len(rest := target.lstrip("."))
        if not level:
            return target
        parents = name.split(".")
        kept = parents[: len(parents) - level + self.is_package]
        return ".".join([*kept, *filter(None, [rest])])

    def _write(self, node: ast.AST) -> None:
        match node:
            case ast.Import() | ast.ImportFrom():
                self._import(node, self.imports)
            case ast.If(test=ast.Name(id="TYPE_CHECKING") | ast.Attribute(attr="TYPE_CHECKING")):
                for inner in (inner for statement in node.body for inner in ast.walk(statement)):
                    if isinstance(inner, ast.Import | ast.ImportFrom):
                        self._import(inner, self.hidden)
                for statement in node.orelse:
                    self._write(statement)
            case ast.Pass():
                pass
            case ast.Expr(value=ast.Constant(value=value)) if not (self._documented and isinstance(value, str)):
                pass
            case ast.AnnAssign(value=None):
                pass
            case ast.AnnAssign(target=target, value=ast.expr() as value):
                self._write(ast.Assign([target], value))
            case ast.ClassDef(body=body):
                fields = [s.target for s in body if isinstance(s, ast.AnnAssign) and s.value is None]
                self._generic(node)
                self._words += [field.id for field in fields if isinstance(field, ast.Name)]
            case ast.FunctionDef(decorator_list=[ast.Name(id="overload"), *_]):
                pass
            case ast.FunctionDef(decorator_list=[ast.Name(id="override" | "final"), *others]):
                node.decorator_list = others
                self._write(node)
            case ast.Raise(exc=ast.Call(func=error, args=args)):
                self._words.append("Raise")
                for part in (error, *args):
                    if not isinstance(part, ast.JoinedStr | ast.Constant):
                        self._write(part)
            case ast.Attribute(value=ast.Name(id=name), attr=attribute):
                self.attributes[name].add(attribute)
                self._words.append(f"{name}.{attribute}")
            case ast.Name(id=name):
                self.attributes[name].add("")
                self._words.append(name)
            case _:
                self._generic(node)

    def _generic(self, node: ast.AST) -> None:
        """A node as its kind and its parts. Parts that are empty are left out: later Pythons have more of them."""
        words = self._words
        words.append(type(node).__name__)
        for name in node._fields:
            value = getattr(node, name, None)
            if (value is None and not isinstance(node, ast.Constant)) or name in _IGNORED:
                continue
            if isinstance(value, ast.AST):
                words.append(name)
                self._write(value)
            elif isinstance(value, list):
                if value:
                    words.append(f"{name}[")
                    for part in value:
                        if isinstance(part, ast.AST):
                            self._write(part)
                        else:
                            words.append(ascii(part))
                    words.append("]")
            else:
                words.append(f"{name}={value!a}")
        words.append(")")

    def _import(self, node: ast.Import | ast.ImportFrom, into: dict[str, set[tuple[str, str]]]) -> None:
        for alias in node.names:
            if isinstance(node, ast.Import):
                into[alias.asname or alias.name.partition(".")[0]].add((alias.name, ""))
            else:
                into[alias.asname or alias.name].add(("." * node.level + (node.module or ""), alias.name))


_read = functools.cache(_Module)  # of the same text there is one


def _defined(statements: list[ast.stmt]) -> Iterator[str]:
    """Names that statements bind where they stand, not inside a function or class."""
    for statement in statements:
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield statement.name
        else:
            for node in ast.walk(statement):
                if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                    yield node.id
