"""Watch a method at work in one cell: what it asks for, what it touches, what it returns."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ..core.context import MeteredModel
from ..core.corpus import Corpus
from ..core.errors import Diverged, PluginError
from ..core.learner import PLAIN, Decoding
from ..core.method import ACCESSES, Method
from ..core.records import GenerationRecord
from ..loop.cell import Cell
from ..loop.checks import check_corpus, check_values
from ..loop.lineage import Lineage
from .checks import said
from .random_state import global_random_state

if TYPE_CHECKING:
    from ..core.context import Context


class _Granted(frozenset[str]):
    """Every access is granted, and those that were asked for are remembered."""

    asked: set[str]

    def __contains__(self, access: object) -> bool:
        self.asked.add(str(access))
        return True


_TOUCHES = {"log_prob": {"log_prob"}, "sites": {"sites", "log_prob"}, "resample": {"sites"}}
"""Questions to a model and the capabilities of which one is enough to ask them."""


@contextmanager
def _watched_models(touched: set[str]) -> Iterator[None]:
    """Remember which capabilities the method's models are asked for."""
    originals = {name: getattr(MeteredModel, name) for name in (*_TOUCHES, "generate")}

    def ask(name: str) -> Callable[..., Any]:
        def asked(model: MeteredModel, *args: Any, **options: Any) -> Any:
            touched.update(_TOUCHES[name])
            return originals[name](model, *args, **options)

        return asked

    def generate(model: MeteredModel, k: int, decoding: Decoding | None = None) -> Corpus:
        touched.update((decoding or PLAIN).features)
        corpus: Corpus = originals["generate"](model, k, decoding)
        return corpus

    for name, watched in {**{name: ask(name) for name in _TOUCHES}, "generate": generate}.items():
        setattr(MeteredModel, name, watched)
    try:
        yield
    finally:
        for name, original in originals.items():
            setattr(MeteredModel, name, original)


class Observation:
    """What a method did in one cell, run with every access granted so that one problem does not hide another.

    Attributes:
        asked: accesses that were used.
        touched: capabilities of models that were used.
        problems: problems by the name of the check that they belong to.
        records: the generations, for comparison with a run of the same cell through a store.
    """

    def __init__(self, cell: Cell) -> None:
        self.asked: set[str] = set()
        self.touched: set[str] = set()
        self.problems: dict[str, list[str]] = defaultdict(list)
        self.records: list[GenerationRecord] = []
        self._cell = cell
        self._last: Corpus | None = None
        self._run()

    def _run(self) -> None:
        granted = _Granted(ACCESSES)
        granted.asked = self.asked
        hooks = {"access": lambda _: granted, "curate": lambda _, synthetic, ctx: self._curate(synthetic, ctx)}
        cls = type(self._cell.method)
        watched: Method = type(cls.__name__, (cls,), hooks)(**self._cell.method.params())
        cell = Cell(self._cell.protocol, self._cell.task, watched, self._cell.seed)
        try:
            self.records.extend(Lineage(cell, store=None).generations())
        except Diverged:
            pass  # a result, not a broken contract
        except Exception as error:
            if not self.problems:
                self._note("runs", said(error))

    def _curate(self, synthetic: Corpus, ctx: Context) -> Corpus:
        inputs, state = self._inputs(synthetic, ctx), global_random_state()
        try:
            with _watched_models(self.touched):
                corpus = self._cell.method.curate(synthetic, ctx)
        except Exception as error:
            self._note("runs", f"Generation {ctx.t}: {said(error)}")
            raise
        finally:
            if self._inputs(synthetic, ctx) != inputs:
                self._note("inputs_unchanged", f"A corpus was written to in generation {ctx.t}.")
            if global_random_state() != state:
                self._note("global_random_state_untouched", f"It moved in generation {ctx.t}; draw from ctx.rng.")
        self._check(corpus, synthetic)
        return corpus

    def _inputs(self, synthetic: Corpus, ctx: Context) -> list[str]:
        """Digests of S_t, of everything so far (D_0 included) and of D_{t-1}."""
        corpora = [synthetic, ctx.pool, *([self._last] if self._last else [])]
        return [corpus.digest() for corpus in corpora]

    def _check(self, corpus: Corpus, synthetic: Corpus) -> None:
        name = self._cell.method.name
        try:
            check_corpus(corpus, synthetic, self._cell.rules.limits.corpus_bytes, name)
            check_values(corpus.blocks, name)
        except PluginError as error:
            self._note("valid_corpora", error.message)
            return
        self._last = corpus

    def _note(self, check: str, problem: str) -> None:
        self.problems[check].append(f"On {self._cell.task.name}: {problem}")
