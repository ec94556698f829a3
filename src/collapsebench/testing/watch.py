"""Watch a method at work in one cell: what it asks for, what it touches, what it returns."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from ..core.context import desk_of
from ..core.corpus import Corpus
from ..core.errors import Diverged, PluginError
from ..core.method import ACCESSES, Method
from ..core.records import GenerationRecord
from ..loop.cell import Cell
from ..loop.lineage import Lineage
from .checks import said
from .random_state import global_random_state

if TYPE_CHECKING:
    from ..core.context import Context


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
        self._cell, self._curated = cell, False
        cls = type(cell.method)
        hooks = {"access": lambda _: frozenset(ACCESSES), "curate": lambda _, *given: self._curate(*given)}
        watched: type[Method] = type(cls.__name__, (cls,), hooks)
        try:
            method = watched.make(cell.method.params())
            self.records.extend(Lineage(replace(cell, method=method), store=None).generations())
        except Diverged:
            pass  # a result, not a broken contract
        except Exception as error:
            if not self.problems:
                self._note("valid_corpora" if self._curated and isinstance(error, PluginError) else "runs", said(error))

    def _curate(self, arrivals: Corpus, ctx: Context) -> Corpus:
        inputs, state, self._curated = self._inputs(arrivals, ctx), global_random_state(), False
        try:
            corpus = self._cell.method.curate(arrivals, ctx)
            self._curated = True
            return corpus
        except Exception as error:
            self._note("runs", f"Generation {ctx.t}: {said(error)}")
            raise
        finally:
            access = desk_of(ctx).access
            self.asked |= access.asked
            self.touched |= access.touched
            if self._inputs(arrivals, ctx) != inputs:
                self._note("inputs_unchanged", f"A corpus was written to in generation {ctx.t}.")
            if global_random_state() != state:
                self._note("global_random_state_untouched", f"It moved in generation {ctx.t}; draw from ctx.rng.")

    def _inputs(self, arrivals: Corpus, ctx: Context) -> tuple[str, str]:
        """Digests of A_t, and of everything so far, D_0 included."""
        return arrivals.digest(), ctx.pool.digest()

    def _note(self, check: str, problem: str) -> None:
        self.problems[check].append(f"On {self._cell.task.name}/{self._cell.world_name}: {problem}")
