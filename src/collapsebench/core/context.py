"""Context: all that a method sees. Every access is metered; what its card does not declare is refused.

A context and its models hold nothing: what they know stands at the desk of the harness (`loop.desk`), which they find
through a table of this module.
"""

from __future__ import annotations

from collections.abc import Set
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias
from weakref import WeakKeyDictionary

import torch

from .access import Access
from .corpus import Corpus
from .errors import PluginError
from .learner import PLAIN, Decoding, Sites

if TYPE_CHECKING:
    from .task import Task

Memory: TypeAlias = Literal["replace", "accumulate", "subsample", "anchored"]
"""What rows that a method kept are trained with."""

ModelName: TypeAlias = Literal["model", "initial_model", "prior"]


class ModelDesk(Protocol):
    """The harness's side of a `MeteredModel`."""

    def log_prob(self, corpus: Corpus) -> torch.Tensor:
        """As `MeteredModel.log_prob`."""

    def sites(self, corpus: Corpus) -> Sites:
        """As `MeteredModel.sites`."""

    def resample(self, corpus: Corpus, mask: torch.Tensor, decoding: Decoding) -> Corpus:
        """As `MeteredModel.resample`."""

    def generate(self, k: int, decoding: Decoding) -> Corpus:
        """As `MeteredModel.generate`."""


class Desk(Protocol):
    """The harness's side of a `Context`; a method name here is that of the context's attribute."""

    access: Access

    @property
    def t(self) -> int:
        """This generation."""

    @property
    def n(self) -> int:
        """Rows of D_0."""

    @property
    def extends(self) -> bool:
        """Whether more draws from the newest model are of the kind that arrives."""

    def rng(self) -> torch.Generator:
        """The method's stream, the same object each time."""

    def log(self, key: str, value: float) -> None:
        """As `Context.log`."""

    def arrivals(self) -> Corpus:
        """A_t, sealed."""

    def pool(self) -> Corpus:
        """D_0 and A_1..A_t, shuffled and sealed."""

    def trusted(self) -> Corpus:
        """D_0, sealed."""

    def previous(self) -> Corpus:
        """D_{t-1}, sealed."""

    def history(self) -> tuple[Corpus, ...]:
        """D_0, A_1, ..., A_t, sealed."""

    def fresh_real(self, k: int) -> Corpus:
        """As `Context.fresh_real`."""

    def remember(self, kept: Corpus, memory: Memory) -> Corpus:
        """As `Context.remember`."""

    def mark(self, corpus: Corpus) -> torch.Tensor:
        """As `Context.mark`."""

    def verify(self, corpus: Corpus) -> torch.Tensor:
        """As `Context.verify`."""

    def reward(self, corpus: Corpus) -> torch.Tensor:
        """As `Context.reward`."""

    def text(self, corpus: Corpus) -> list[str]:
        """As `Context.text`."""

    def features(self, corpus: Corpus) -> torch.Tensor:
        """As `Context.features`."""

    def model(self, name: ModelName) -> ModelDesk:
        """The desk of a model."""


class MeteredModel:
    """A model as a method sees it: it can be asked, not trained, and every question is counted."""

    __slots__ = ("__weakref__",)

    def log_prob(self, corpus: Corpus) -> torch.Tensor:
        """Log-probability (or log density) of each example, nats, float `[n]`."""
        return _MODELS[self].log_prob(corpus)

    def sites(self, corpus: Corpus) -> Sites:
        """Log-probability of every site, float `[n, s]`, and which sites may be edited, bool `[n, s]`."""
        return _MODELS[self].sites(corpus)

    def resample(self, corpus: Corpus, mask: torch.Tensor, decoding: Decoding = PLAIN) -> Corpus:
        """The corpus with the sites under `mask` (bool `[n, s]`) drawn anew, given the original sites before them.

        A continuous site has no k most probable outcomes: there, `top_k` does nothing.
        """
        return _MODELS[self].resample(corpus, mask, decoding)

    def generate(self, k: int, decoding: Decoding = PLAIN) -> Corpus:
        """`k` more examples from the model, up to the protocol's limit of candidates per generation."""
        return _MODELS[self].generate(k, decoding)


class Context:
    """What a method may use while it makes D_t.

    Attributes without a declared access: `t`, `n`, `rng`, `log`, `arrivals`, `pool`, `candidates`, `model`, `text`,
    `features`, `remember`. With `history`: `trusted`, `previous`, `history`, `initial_model`. With `mark`: `mark`. With
    `verifier`: `verify`. With `reward`: `reward`. With `prior`: `prior`. With `fresh`: `fresh_real`.

    No attribute tells a row's origin. A row keeps an invisible ticket through `select`, `sample`, `concat` and the
    like, and the harness compares what it gets back with what it handed out.

    Args:
        desk: the harness's side.
    """

    __slots__ = ("__weakref__", "_arrivals", "_pool")

    def __init__(self, desk: Desk) -> None:
        _DESKS[self] = desk
        self._arrivals: Corpus | None = None
        self._pool: Corpus | None = None

    # -- always allowed --------------------------------------------------------------------------

    @property
    def t(self) -> int:
        """This generation, 1..G."""
        return _DESKS[self].t

    @property
    def n(self) -> int:
        """Real examples in D_0, and the usual size of a corpus."""
        return _DESKS[self].n

    @property
    def rng(self) -> torch.Generator:
        """The method's own random stream of this generation."""
        return _DESKS[self].rng()

    def log(self, key: str, value: float) -> None:
        """Record a number with this generation, e.g. a keep rate."""
        _DESKS[self].log(key, value)

    @property
    def arrivals(self) -> Corpus:
        """A_t, what arrived in this generation: the first argument of `curate`."""
        if self._arrivals is None:
            self._arrivals = _DESKS[self].arrivals()
        return self._arrivals

    @property
    def pool(self) -> Corpus:
        """D_0 and A_1..A_t, shuffled: which row is real cannot be told from its place."""
        if self._pool is None:
            self._pool = _DESKS[self].pool()
        return self._pool

    def candidates(self, k: int, decoding: Decoding = PLAIN) -> Corpus:
        """A_t and, where that is S_t and has fewer than k rows, more draws from M_{t-1} up to k, by a decoding."""
        missing = k - len(self.arrivals)
        if missing <= 0 or not _DESKS[self].extends:
            return self.arrivals
        return Corpus.concat([self.arrivals, self.model.generate(missing, decoding)])

    @property
    def model(self) -> MeteredModel:
        """M_{t-1}: `log_prob`, `sites`, `resample`, `generate`."""
        return self._metered("model")

    def text(self, corpus: Corpus) -> list[str]:
        """Each row as a line of text, as the task renders it."""
        return _DESKS[self].text(corpus)

    def features(self, corpus: Corpus) -> torch.Tensor:
        """Numbers that describe each row, float `[n, f]`, for detectors and distances; see `core.features`."""
        return _DESKS[self].features(corpus)

    def remember(self, kept: Corpus, memory: Memory) -> Corpus:
        """What to train on when these rows were kept in this generation, in an order that tells nothing.

        Args:
            kept: rows that the method takes; the harness holds them for later generations.
            memory: what they are trained with: `replace`, alone; `accumulate`, with D_0 and all kept in earlier
                generations; `subsample`, n of those; `anchored`, with D_0 (access `history`).
        """
        return _DESKS[self].remember(kept, memory)

    # -- declared accesses -----------------------------------------------------------------------

    @property
    def trusted(self) -> Corpus:
        """D_0. Access `history`."""
        self._require("history", "trusted")
        return _DESKS[self].trusted()

    @property
    def previous(self) -> Corpus:
        """D_{t-1}, the corpus that this method made last time; D_0 at t = 1. Access `history`."""
        self._require("history", "previous")
        return _DESKS[self].previous()

    @property
    def history(self) -> tuple[Corpus, ...]:
        """D_0 (real), A_1, ..., A_t. Access `history`."""
        self._require("history", "history")
        return _DESKS[self].history()

    @property
    def initial_model(self) -> MeteredModel:
        """M_0, fitted on real data only. Access `history`."""
        self._require("history", "initial_model")
        return self._metered("initial_model")

    def mark(self, corpus: Corpus) -> torch.Tensor:
        """Whether each row bears the mark of a model, bool `[n]`, at the world's rates of error. Access `mark`.

        The answer for a row is the same whenever it is asked for.
        """
        self._require("mark", "mark")
        return _DESKS[self].mark(corpus)

    def verify(self, corpus: Corpus) -> torch.Tensor:
        """Whether the verifier keeps each row, bool `[n]`: P(keep | right), P(keep | wrong) are the world's φ and ψ.

        The answer for a row is the same whenever it is asked for. Access `verifier`.
        """
        self._require("verifier", "verify")
        return _DESKS[self].verify(corpus)

    def reward(self, corpus: Corpus) -> torch.Tensor:
        """The task's reward of each example, float `[n]`. Access `reward`."""
        self._require("reward", "reward")
        return _DESKS[self].reward(corpus)

    @property
    def prior(self) -> MeteredModel:
        """A fixed model outside the loop. Access `prior`."""
        self._require("prior", "prior")
        return self._metered("prior")

    def fresh_real(self, k: int) -> Corpus:
        """`k` new real examples, up to the protocol's limit per generation. Access `fresh`."""
        self._require("fresh", "fresh_real")
        return _DESKS[self].fresh_real(k)

    def _require(self, access: str, attribute: str) -> None:
        _DESKS[self].access.require(access, attribute)

    def _metered(self, name: ModelName) -> MeteredModel:
        model = MeteredModel()
        _MODELS[model] = _DESKS[self].model(name)
        return model


# A weak reference leads to its table, and does not need the attribute.
del Context.__weakref__, MeteredModel.__weakref__  # type: ignore[attr-defined]
# A desk must hold no context and no model of one: a table keeps an entry as long as somebody holds its key.
_DESKS: WeakKeyDictionary[Context, Desk] = WeakKeyDictionary()
_MODELS: WeakKeyDictionary[MeteredModel, ModelDesk] = WeakKeyDictionary()


def desk_of(ctx: Context) -> Desk:
    """The harness's side of a context."""
    return _DESKS[ctx]


def check_decoding(task: Task, decoding: Decoding, features: Set[str] = frozenset(Decoding.__annotations__)) -> None:
    """Refuse what is no decoding, and one of which the task's learner would have to ignore some of these features."""
    if decoding is PLAIN:
        return
    if not isinstance(decoding, Decoding):
        raise PluginError(
            f"A method's decoding is {type(decoding).__name__}, not Decoding.", "Return Decoding() for none of its own."
        )
    if lacking := (decoding.features & features) - task.card.supports:
        raise PluginError(
            f"Task '{task.name}' cannot sample with {', '.join(sorted(lacking))}.",
            "Declare it in the method's `needs`, so that such tasks are skipped.",
        )
