"""Plugin: what methods and tasks share: a name, parameters that are checked, and a label that reads back."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, Self

from typing_extensions import override

from .checked import Checked
from .errors import BadParameter, CollapsebenchError, PluginError, UsageError, describe, unknown_name
from .resources import Resources


class Plugin(Checked):
    """A class whose typed fields are the parameters that a user or a protocol may set.

    Attributes:
        resources: what a cell of this plug-in wants of the machine, e.g. `Resources(gpus=1, memory="16 GiB")`.
        files: names of the data files beside its own that it reads by `data_file`; their content is part of its key.
    """

    plugin_kind: ClassVar[str] = "plug-in"
    resources: ClassVar[Resources] = Resources()
    files: ClassVar[tuple[str, ...]] = ()
    name: ClassVar[str] = ""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        for field in dataclasses.fields(cls):
            for base in cls.__mro__[1:]:
                if field.name in vars(base) and field.name not in getattr(base, "__dataclass_fields__", {}):
                    raise PluginError(f"Field '{field.name}' of {cls.__name__} hides {base.__name__}.{field.name}.")

    @classmethod
    @override
    def _owner(cls) -> str:
        return f"{cls.plugin_kind} '{cls.name or cls.__name__}'"

    @classmethod
    def parameters(cls) -> dict[str, Any]:
        """The default of each parameter by name, `dataclasses.MISSING` where one must be given."""
        made = dataclasses.MISSING
        return {f.name: f.default if f.default_factory is made else f.default_factory() for f in _fields(cls)}

    @classmethod
    def make(cls, params: Mapping[str, Any]) -> Self:
        """An instance with these parameters, given as values or as text.

        Raises:
            BadParameter: an unknown name, a missing one or a value that its annotation does not allow.
        """
        known = cls.parameters()
        for name in params:
            if name not in known:
                error = unknown_name("parameter", name, known, owner=cls._owner())
                raise BadParameter(error.message, error.hint)
        if missing := [n for n, default in known.items() if default is dataclasses.MISSING and n not in params]:
            needed = f"{cls.name}({', '.join(f'{name}=VALUE' for name in missing)})"
            problem = f"{cls.plugin_kind.capitalize()} '{cls.name}' needs {', '.join(missing)}."
            raise BadParameter(problem, f"Write {needed}.")
        return cls(**params)

    @classmethod
    def values(cls, texts: Mapping[str, str]) -> dict[str, Any]:
        """Parameters from text; a name that is unknown keeps its text, for `make` to refuse.

        Raises:
            BadParameter: a value that its annotation does not allow.
        """
        known = cls.parameters()
        return {name: cls._read(name, text) if name in known else text for name, text in texts.items()}

    @classmethod
    def parse(cls, label: str) -> Self:
        """The inverse of `label`.

        Raises:
            UsageError: not written as `name(key=value, key=value)`, or another plug-in's name.
            BadParameter: as `make`.
        """
        name, texts = split_label(label)
        if name != cls.name:
            raise UsageError(f"'{label}' is not a label of {cls._owner()}.")
        return cls.make(cls.values(texts))

    @classmethod
    def description(cls) -> str:
        """The first line of the class's own docstring, or ""."""
        doc = cls.__doc__ or ""
        return "" if doc.startswith(f"{cls.__name__}(") else doc.strip().partition("\n")[0]

    def data_file(self, name: str) -> Path:
        """The path of a data file that the class declares in `files`.

        Raises:
            PluginError: it does not, or the file is no plain file beside the plug-in's own.
        """
        if name not in self.files:
            raise PluginError(
                f"{self._owner().capitalize()} reads '{name}', which it does not declare.",
                f"Add it to the class: files = ({name!r},)",
            )
        return data_file(type(self), name)

    def params(self) -> dict[str, object]:
        """Parameters by name, defaults included."""
        return {f.name: getattr(self, f.name) for f in _fields(type(self))}

    @property
    def changed_params(self) -> dict[str, object]:
        """Parameters that differ from their default."""
        defaults = self.parameters()
        return {name: value for name, value in self.params().items() if value != defaults[name]}

    @property
    def label(self) -> str:
        """The name, followed by the parameters that differ from their default; `parse` reads it back."""
        changed = ", ".join(f"{name}={self._written(name, value)}" for name, value in self.changed_params.items())
        return f"{self.name}({changed})" if changed else self.name

    @classmethod
    def _read(cls, name: str, text: str) -> Any:
        """A parameter from text: a quoted string, a literal of the parameter's type, or whatever the type accepts."""
        try:
            literal = float(text) if text.strip("+-") in ("inf", "nan") else ast.literal_eval(text)
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            return cls._checked(name, text)
        if isinstance(literal, str):
            return cls._checked(name, literal)
        try:
            return cls._checked(name, literal, strict=True)
        except BadParameter:
            return cls._checked(name, text)

    @classmethod
    def _written(cls, name: str, value: object) -> str:
        """What `_read` reads back: text as it is if it can be told from all else, quoted if not."""
        if not isinstance(value, str):
            return str(value)
        try:
            bare = split_label(f"x({name}={value})")[1] == {name: value} and cls._read(name, value) == value
        except UsageError:
            bare = False
        return value if bare else repr(value)


@contextmanager
def working(plugin: str, what: str = "cannot be used") -> Iterator[None]:
    """Turn whatever a plug-in raises, at a place where no cell can fail of it, into one error that names it.

    Raises:
        PluginError: it raised; errors of this package pass.
    """
    try:
        yield
    except (CollapsebenchError, KeyboardInterrupt):
        raise
    except BaseException as error:
        raise PluginError(f"{plugin} {what}: {describe(error)}") from error


def split_label(label: str) -> tuple[str, dict[str, str]]:
    """The name and the parameters as text of `name` or `name(key=value, key=value)`.

    Raises:
        UsageError: not of that form, or a parameter that is set twice.
    """
    found = re.fullmatch(r"\s*([^()\s,=]+)\s*(?:\((.*)\)\s*)?", label, re.DOTALL)
    texts: dict[str, str] = {}
    for part in split_labels(found[2] or "") if found else ():
        key, equals, text = (piece.strip() for piece in part.partition("="))
        if not (key.isidentifier() and equals and text) or key in texts:
            found = None
            break
        texts[key] = text
    if found is None:
        raise UsageError(f"'{label}' is not NAME or NAME(PARAMETER=VALUE, ...).", "For example: tempered(top_k=5)")
    return found[1], texts


def split_labels(text: str) -> list[str]:
    """The parts of a list at its commas, but for those inside brackets or quotes.

    Raises:
        UsageError: a bracket or a quote is not closed.
    """
    parts, closing = [""], [""]
    for token in re.findall(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|.""", text, re.DOTALL):
        if token in ("(", "[", "{"):
            closing.append({"(": ")", "[": "]", "{": "}"}[token])
        elif token in (")", "]", "}") and closing.pop() != token:
            closing = []
        if not closing or token in ("'", '"'):
            break
        if token == "," and len(closing) == 1:
            parts.append("")
        else:
            parts[-1] += token
    else:
        if len(closing) == 1:
            return [part.strip() for part in parts if part.strip()]
    raise UsageError(f"'{text}' has a bracket or a quote without its partner.", "Quote text as in source='a, b'.")


def source_file(cls: type) -> Path:
    """The file that defines a plug-in or a base of one, also of a plug-in that is not imported here."""
    return vars(cls).get("source") or Path(inspect.getfile(cls))


def data_file(cls: type, name: str) -> Path:
    """A data file beside a plug-in's own file.

    Raises:
        PluginError: its name is a path, or it is no plain file.
    """
    path = source_file(cls).with_name(name) if name == Path(name).name and name not in ("", "..") else None
    if path is None or path.is_symlink() or not path.is_file():
        raise PluginError(f"'{name}' is no plain file beside {source_file(cls).name}.")
    return path


def _fields(cls: type[Plugin]) -> tuple[dataclasses.Field[Any], ...]:
    return dataclasses.fields(cls)
