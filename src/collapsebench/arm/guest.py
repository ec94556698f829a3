"""Guest: a method of the arm as the harness sees it: what it says of itself, and hooks that are asked there."""

from __future__ import annotations

import ast
import functools
import importlib.machinery
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any, ClassVar

import torch
from pydantic import ValidationError
from typing_extensions import override

from ..core.block import EDITED, Block
from ..core.context import Context, MeteredModel, desk_of
from ..core.corpus import Corpus, corpus_of
from ..core.errors import PluginError, describe
from ..core.learner import PLAIN, Decoding
from ..core.method import METHODS, QUESTIONS, Method, MethodCard
from ..core.resources import Resources
from ..core.task import TaskCard
from .channel import Malformed
from .desk import card_told
from .host import GuestError, Order, arm
from .source import source_of


class Guest(Method):
    """A method that runs in the arm. A subclass stands for one plug-in, with its parameters as fields.

    Attributes:
        source: its file.
        package: name and folder of the installed package that it is part of, or None.
        plugin: the source as it travels.
        line: of its file on which it begins.
        about: the first line of its docstring.
        hooks: those that it does not leave as they are.
        libraries: installed modules that it imports.
    """

    source: ClassVar[Path]
    package: ClassVar[tuple[str, Path] | None] = None
    plugin: ClassVar[Mapping[str, Any]]
    line: ClassVar[int] = 0
    about: ClassVar[str] = ""
    hooks: ClassVar[frozenset[str]] = frozenset()
    libraries: ClassVar[tuple[str, ...]] = ()

    @classmethod
    @override
    def description(cls) -> str:
        return cls.about

    @classmethod
    @override
    def _checked(cls, name: str, value: object, strict: bool = False) -> Any:
        return _asked(cls, "checked", json.dumps([name, value, strict]))

    @functools.cached_property
    def _said(self) -> Any:
        return _asked(type(self), "made", self._given())

    def __post_init__(self) -> None:
        for name, value in self._said["params"].items():
            object.__setattr__(self, name, value)

    @override
    def access(self) -> frozenset[str]:
        return MethodCard(title=self.name, access=self._said["access"]).access  # type: ignore[return-value]

    @override
    def needs(self) -> frozenset[str]:
        return MethodCard(title=self.name, needs=self._said["needs"]).needs  # type: ignore[return-value]

    @override
    def questions(self) -> frozenset[str]:
        return frozenset(self._said["questions"]) & frozenset(QUESTIONS)

    @override
    def check(self, n: int) -> None:
        if "check" in self.hooks:
            _asked(type(self), "check", self._given(n))

    @override
    def skip(self, task: TaskCard) -> str | None:
        if "skip" not in self.hooks:
            return None
        return _asked(type(self), "skip", self._given(card_told(task)))  # type: ignore[no-any-return]

    @override
    def decoding(self, t: int) -> Decoding:
        if "decoding" not in self.hooks:
            return PLAIN
        return Decoding(**_asked(type(self), "decoding", self._given(t)))

    @override
    def curate(self, arrivals: Corpus, ctx: Context) -> Corpus:
        self.preload()
        answers = Answers(ctx)
        args = [self.params(), ctx.t, ctx.n, desk_of(ctx).extends, torch.get_num_threads()]
        return answers.corpus(arm().ask(self._order("curate", args), answers))

    @override
    def site_weights(self, log_probs: torch.Tensor) -> torch.Tensor | None:
        visit = arm().going_on(self._order("site_weights", [self.params(), torch.get_num_threads()]))
        visit.send(log_probs)
        weights = visit.result()
        if weights is None:
            return None
        if not isinstance(weights, torch.Tensor) or weights.shape != log_probs.shape:
            raise PluginError(f"Method '{self.name}' gave weights that are no tensor of the shape of its argument.")
        return weights.to(log_probs)

    def preload(self) -> None:
        """Let the arm import what this method imports, but for its own code, before it needs it."""
        arm().preload(["torch", f"{__package__}.desk", *self.libraries])

    @property
    @override
    def weights_sites(self) -> bool:
        return "site_weights" in self.hooks

    def _order(self, do: str, args: Sequence[Any]) -> Order:
        return Order(f"Method '{self.name}'", self.plugin, self.name, do, args)

    def _given(self, *more: Any) -> str:
        return json.dumps([self.params(), *more])


@functools.cache
def _asked(cls: type[Guest], do: str, args: str) -> Any:
    """What a hook without a context says; the same question is asked once."""
    return arm().ask(Order(f"Method '{cls.name}'", cls.plugin, cls.name, do, json.loads(args)))


# -- what it asks while it curates -----------------------------------------------------------------------


class Answers:
    """The context of one generation as it answers requests. What is asked may be forged.

    Args:
        ctx: which checks access and meters.
    """

    def __init__(self, ctx: Context) -> None:
        self.ctx = ctx
        self._handed: list[Corpus] = []

    def answer(self, what: str, args: Sequence[Any]) -> Any:
        """The answer to a request by its name.

        Raises:
            Malformed: no such request, or arguments that are none of its.
        """
        if what not in _REQUESTS or not (method := _REQUESTS[what]).takes(args):
            raise Malformed(f"it asks for {what!r:.40} in a way that nobody can")
        return method.give(self, *args)

    def corpus(self, said: Any) -> Corpus:
        """The corpus of a message: one that was handed out, or rows with what they say they are.

        Raises:
            Malformed: neither.
        """
        match said:
            case {"handout": int(number)} if 0 <= number < len(self._handed):
                return self._handed[number]
            case {"blocks": [_, *_] as blocks}:
                return corpus_of([self._block(block) for block in blocks])
        raise Malformed("a corpus is none")

    def _block(self, said: Any) -> Block:
        match said:
            case {"opened": int(number)} if 0 <= number < len(self._handed):
                return self._handed[number].table
            case {"columns": dict(columns), "weights": weights, "labels": labels} if columns:
                rows = _rows(*columns.values(), *([] if weights is None else [weights]))
                if isinstance(labels, torch.Tensor):
                    if labels.dtype != torch.int64 or labels.shape != (rows,):
                        raise Malformed("rows have labels that are none")
                    return Block(columns, weights, labels, rows)
                return Block(columns, weights, EDITED, rows)
        raise Malformed("rows are none")

    def hand(self, corpus: Corpus) -> dict[str, int]:
        """A corpus as it travels; the same is one handout however often it is asked for."""
        for number, known in enumerate(self._handed):
            if known is corpus:
                return {"handout": number, "rows": len(corpus)}
        self._handed.append(corpus)
        return {"handout": len(self._handed) - 1, "rows": len(corpus)}

    def rows(self, number: int, places: torch.Tensor | None) -> dict[str, Any]:
        """The rows of a handout."""
        if not 0 <= number < len(self._handed):
            raise Malformed("there is no such handout")
        corpus = self._handed[number]
        block = corpus.table if places is None else corpus.select(places).table
        return {"columns": block.columns, "weights": block.weights, "labels": block.labels}

    def model(self, name: str) -> MeteredModel:
        """One of the models."""
        if name not in ("model", "initial_model", "prior"):
            raise Malformed(f"there is no model {name!r:.40}")
        return getattr(self.ctx, name)  # type: ignore[no-any-return]


class _Request:
    """A request: the types of its arguments and what answers it."""

    def __init__(self, give: Callable[..., Any], *types: type | tuple[type, ...]) -> None:
        self.give, self._types = give, types

    def takes(self, args: Sequence[Any]) -> bool:
        """Whether these are its arguments."""
        fits = zip(args, self._types, strict=False)
        return len(args) == len(self._types) and all(
            isinstance(arg, wanted) and (not isinstance(arg, bool) or wanted is bool) for arg, wanted in fits
        )


_MAYBE_ROWS = (torch.Tensor, type(None))

_REQUESTS = {
    "rows": _Request(Answers.rows, int, _MAYBE_ROWS),
    "rng": _Request(lambda a: a.ctx.rng.get_state()),
    "log": _Request(lambda a, key, value: a.ctx.log(key, value), str, float),
    "arrivals": _Request(lambda a: a.hand(a.ctx.arrivals)),
    "pool": _Request(lambda a: a.hand(a.ctx.pool)),
    "trusted": _Request(lambda a: a.hand(a.ctx.trusted)),
    "previous": _Request(lambda a: a.hand(a.ctx.previous)),
    "history": _Request(lambda a: [a.hand(corpus) for corpus in a.ctx.history]),
    "fresh_real": _Request(lambda a, k: a.hand(a.ctx.fresh_real(k)), int),
    "remember": _Request(lambda a, kept, memory: a.hand(a.ctx.remember(a.corpus(kept), memory)), dict, str),
    "mark": _Request(lambda a, corpus: a.ctx.mark(a.corpus(corpus)), dict),
    "verify": _Request(lambda a, corpus: a.ctx.verify(a.corpus(corpus)), dict),
    "reward": _Request(lambda a, corpus: a.ctx.reward(a.corpus(corpus)), dict),
    "text": _Request(lambda a, corpus: a.ctx.text(a.corpus(corpus)), dict),
    "model": _Request(lambda a, name: a.model(name) and None, str),
    "log_prob": _Request(lambda a, name, corpus: a.model(name).log_prob(a.corpus(corpus)), str, dict),
    "sites": _Request(lambda a, name, corpus: list(a.model(name).sites(a.corpus(corpus))), str, dict),
    "resample": _Request(
        lambda a, name, corpus, mask, decoding: a.hand(
            a.model(name).resample(a.corpus(corpus), mask, _decoding(decoding))
        ),
        *(str, dict, torch.Tensor, dict),
    ),
    "generate": _Request(
        lambda a, name, k, decoding: a.hand(a.model(name).generate(k, _decoding(decoding))), str, int, dict
    ),
}


def _decoding(said: Mapping[str, Any]) -> Decoding:
    if set(said) != set(Decoding.__annotations__):
        raise Malformed("a decoding is none")
    return Decoding(**said)


def _rows(*tensors: Any) -> int:
    """How many rows all of these have."""
    if not all(isinstance(tensor, torch.Tensor) and tensor.dim() for tensor in tensors):
        raise Malformed("a column is no tensor of rows")
    if len(lengths := {len(tensor) for tensor in tensors}) != 1:
        raise Malformed("columns have different lengths")
    return lengths.pop()


# -- from a file to classes ------------------------------------------------------------------------------


def described(path: Path) -> Mapping[str, Any]:
    """What the methods of a file say of themselves, and the names of its `tasks`; it is not imported here.

    Raises:
        PluginError: the file raises while the arm imports it.
    """
    return _described(f"Plug-in {path}", source_of(path))  # type: ignore[no-any-return]


def admit(path: Path, told: Mapping[str, Any]) -> None:
    """Register the methods of a file that was described.

    Raises:
        PluginError: it says of itself what no plug-in can say.
    """
    for about in told["methods"]:
        _register(about, source_of(path, tuple(map(str, about["files"]))), path, None)


def admit_installed(point: EntryPoint) -> None:
    """Register the methods of an installed package, which is not imported here.

    Raises:
        PluginError: as `described` and `admit`, or there is no such package.
    """
    top = point.module.partition(".")[0]
    spec = importlib.machinery.PathFinder.find_spec(top, sys.path)
    if spec is None or spec.origin is None:
        raise PluginError(f"Package '{top}' is not installed.")
    plugin = {"module": point.module}
    for about in _described(f"Package '{top}'", plugin)["methods"]:
        if not spec.submodule_search_locations:
            _register(about, plugin, Path(spec.origin), None)
            continue
        folder, parts = Path(spec.origin).parent, str(about["module"]).split(".")
        if parts[0] != top or not all(part.isidentifier() for part in parts):
            raise PluginError(f"Method '{about['name']}' of package '{top}' is defined elsewhere.")
        file = folder.joinpath(*parts[1:])
        _register(about, plugin, file / "__init__.py" if file.is_dir() else file.with_suffix(".py"), (top, folder))


def _described(owner: str, plugin: Mapping[str, Any]) -> Any:
    try:
        return arm().ask(Order(owner, plugin, "", "describe", []))
    except (PluginError, GuestError) as error:
        hint = getattr(error, "hint", "") or "Run it with --debug to see the traceback."
        raise PluginError(f"{owner} cannot be imported: {describe(error)}", hint) from error


def _register(
    about: Mapping[str, Any], plugin: Mapping[str, Any], path: Path, package: tuple[str, Path] | None
) -> None:
    try:
        name, fields = about["name"], {key: default for key, *default in about["parameters"]}
        members: dict[str, Any] = {
            "__module__": f"collapsebench_guests.{path.stem}",
            "__annotations__": dict.fromkeys(fields, Any),
            **{key: default[0] for key, default in fields.items() if default},
            "card": MethodCard(**about["card"]),
            "resources": Resources(**about["resources"]),
            "files": tuple(about["files"]),
            "source": path,
            "package": package,
            "plugin": plugin,
            **_as_written(path, about["class"]),
            "libraries": () if package else _libraries(path),
            "hooks": frozenset(about["hooks"]),
        }
        METHODS.register(name, type(about["class"], (Guest,), members))
    except (LookupError, TypeError, ValueError, ValidationError) as error:
        raise PluginError(f"{path} says of its methods what is none: {error}") from error


def _libraries(path: Path) -> tuple[str, ...]:
    """The modules that a file imports by their whole names."""
    nodes = list(ast.walk(ast.parse(path.read_bytes())))
    found = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    found += [node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module and not node.level]
    return tuple(sorted(set(found)))


def _as_written(path: Path, cls: str) -> dict[str, Any]:
    """Where a file defines a class, and the first line of its docstring."""
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.ClassDef) and node.name == cls:
            line = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            return {"line": line, "about": (ast.get_docstring(node) or "").partition("\n")[0]}
    return {}
