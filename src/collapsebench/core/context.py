"""Context: all that a method sees. Every access is metered; what its card does not declare is refused."""

from __future__ import annotations

from collections.abc import Callable, Sequence, Set
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeVar

import torch

from .access import Access
from .corpus import Corpus
from .costs import Costs
from .errors import LimitExceeded, PluginError
from .learner import PLAIN, Decoding, Learner, Sites
from .seeds import stream, stream_seed

if TYPE_CHECKING:
    from ..loop.source import RealSource
    from .task import Task

T_co = TypeVar("T_co", covariant=True)


class Held(Protocol[T_co]):
    """Something that is read when it is asked for."""

    @property
    def value(self) -> T_co:
        """What it is."""


class Sizes(NamedTuple):
    """How much a method may have.

    Args:
        n: real examples in D_0.
        fresh: new real examples per generation.
        candidates: examples generated on request per generation.
    """

    n: int
    fresh: int
    candidates: int


class Stand(NamedTuple):
    """What a lineage holds when a method makes D_t.

    Args:
        t: this generation, 1..G.
        history: D_0, S_1, ..., S_t.
        pool: all of these as one corpus.
        previous: D_{t-1}.
        model: M_{t-1}.
        initial_model: M_0.
    """

    t: int
    history: Sequence[Held[Corpus]]
    pool: Callable[[], Corpus]
    previous: Held[Corpus]
    model: Held[Learner]
    initial_model: Held[Learner]


class MeteredModel:
    """A model as a method sees it: it can be asked, not trained, and every question is counted.

    Args:
        name: `model`, `initial_model` or `prior`, naming the random streams of its draws.
        learner: loads the learner when first asked.
        ctx: the context that meters it.
    """

    def __init__(self, name: str, learner: Callable[[], Learner], ctx: Context) -> None:
        self._name, self._load, self._ctx = name, learner, ctx
        self._calls = 0

    def _asked(self, corpus: Corpus, *capabilities: str) -> Learner:
        learner = self._load()
        self._ctx._access.touch(capabilities)
        self._ctx._costs.scored_tokens += learner.tokens(corpus)
        return learner

    def _rng(self, purpose: str) -> torch.Generator:
        self._calls += 1
        return self._ctx._stream(f"{purpose}/{self._name}/{self._calls}")

    def log_prob(self, corpus: Corpus) -> torch.Tensor:
        """Log-probability (or log density) of each example, nats, float `[n]`."""
        return self._asked(corpus, "log_prob").log_prob(corpus)

    def sites(self, corpus: Corpus) -> Sites:
        """Log-probability of every site, float `[n, s]`, and which sites may be edited, bool `[n, s]`."""
        return self._asked(corpus, "sites", "log_prob").sites(corpus)

    def resample(self, corpus: Corpus, mask: torch.Tensor, decoding: Decoding = PLAIN) -> Corpus:
        """The corpus with the sites under `mask` (bool `[n, s]`) drawn anew, given the original sites before them.

        A continuous site has no k most probable outcomes: there, `top_k` does nothing.
        """
        check_decoding(self._ctx._task, decoding, {"top_p"})
        return self._asked(corpus, "sites").resample(corpus, mask, self._rng("resample"), decoding)

    def generate(self, k: int, decoding: Decoding = PLAIN) -> Corpus:
        """`k` more examples from the model, up to the protocol's limit of candidates per generation."""
        check_decoding(self._ctx._task, decoding)
        self._ctx._access.touch(decoding.features)
        return self._ctx._generate(self._load(), k, decoding, self._rng("generate"))


class Context:
    """What a method may use while it makes D_t.

    Attributes without a declared access: `t`, `n`, `rng`, `log`, `pool`, `candidates`, `model`.
    With `history`: `previous`, `history`, `initial_model`. With `fresh`: `fresh_real`. With
    `verifier`: `verify`. With `reward`: `reward`. With `prior`: `prior`.

    Args:
        stand: what the lineage holds.
        sizes: how much the method may have.
        source: real examples of the task and seed.
        access: what the method may touch; notes what it does.
        costs: counts what it costs.
    """

    def __init__(self, stand: Stand, sizes: Sizes, source: RealSource, access: Access, costs: Costs) -> None:
        self.t = stand.t
        """This generation, 1..G."""
        self.n = sizes.n
        """Real examples in D_0, and the usual size of a corpus."""
        self._stand, self._sizes, self._source = stand, sizes, source
        self._task, self._access, self._costs = source.task, access, costs
        self._fresh_used = self._generated = self._verified = 0
        self._handed_out: list[tuple[torch.Tensor, int]] = []
        self.logged: dict[str, float] = {}
        self._rng: torch.Generator | None = None
        self._prior: Learner | None = None
        self._models: dict[str, MeteredModel] = {}

    # -- always allowed --------------------------------------------------------------------------

    @property
    def rng(self) -> torch.Generator:
        """The method's own random stream of this generation."""
        if self._rng is None:
            self._rng = self._stream("method")
        return self._rng

    @property
    def model(self) -> MeteredModel:
        """M_{t-1}: `log_prob`, `sites`, `resample`, `generate`."""
        return self._metered("model", lambda: self._stand.model.value)

    @property
    def pool(self) -> Corpus:
        """D_0 and S_1..S_t, shuffled: which row is real cannot be told from its place."""
        return self._stand.pool().shuffled(stream_seed("pool", self._task.name, self._source.seed, self.t))

    def candidates(self, k: int) -> Corpus:
        """S_t and, if that has fewer than k rows, more draws from M_{t-1} up to k."""
        synthetic = self._stand.history[-1].value
        missing = k - len(synthetic)
        return Corpus.concat([synthetic, self.model.generate(missing)]) if missing > 0 else synthetic

    def log(self, key: str, value: float) -> None:
        """Record a number with this generation, e.g. a keep rate."""
        self.logged[key] = float(value)

    # -- declared accesses -----------------------------------------------------------------------

    @property
    def previous(self) -> Corpus:
        """D_{t-1}, the corpus that this method made last time; D_0 at t = 1. Access `history`."""
        self._access.require("history", "previous")
        previous = self._stand.previous.value
        self.guard(previous)
        return previous

    @property
    def history(self) -> tuple[Corpus, ...]:
        """D_0 (real), S_1, ..., S_t. Access `history`."""
        self._access.require("history", "history")
        history = tuple([corpus.value for corpus in self._stand.history])
        self.guard(*history)
        return history

    @property
    def initial_model(self) -> MeteredModel:
        """M_0, fitted on real data only. Access `history`."""
        self._access.require("history", "initial_model")
        return self._metered("initial_model", lambda: self._stand.initial_model.value)

    def fresh_real(self, k: int) -> Corpus:
        """`k` new real examples, up to the protocol's limit per generation. Access `fresh`."""
        self._access.require("fresh", "fresh_real")
        limit = self._sizes.fresh
        self._fresh_used += self._within(k, self._fresh_used, limit, "fresh real examples")
        self._costs.real_examples += k
        return self._source.fresh(self.t, self._fresh_used - k, k, limit)

    def verify(self, corpus: Corpus, phi: float = 1.0, psi: float = 0.0) -> torch.Tensor:
        """Whether the verifier keeps each example, bool `[n]`. Access `verifier`.

        Args:
            corpus: what it judges.
            phi: P(keep | right); below 1 the verifier is noisy (Feng et al., arXiv:2406.07515).
            psi: P(keep | wrong).
        """
        self._access.require("verifier", "verify")
        self._costs.verifier_calls += len(corpus)
        right = self._task.verify(corpus)
        if (phi, psi) == (1.0, 0.0):
            return right
        self._verified += 1
        coins = torch.rand(len(corpus), generator=self._stream(f"verify/{self._verified}"))
        return coins < torch.where(right, phi, psi)

    def reward(self, corpus: Corpus) -> torch.Tensor:
        """The task's reward of each example, float `[n]`. Access `reward`."""
        self._access.require("reward", "reward")
        self._costs.reward_calls += len(corpus)
        return self._task.reward(corpus)

    @property
    def prior(self) -> MeteredModel:
        """A fixed model outside the loop. Access `prior`."""
        self._access.require("prior", "prior")
        return self._metered("prior", self._load_prior)

    # -- the harness's side ----------------------------------------------------------------------

    def guard(self, *corpora: Corpus) -> None:
        """Remember how often the columns of these corpora were written to before the method got them."""
        for corpus in corpora:
            self._handed_out += [(c, c._version) for block in corpus.blocks for c in block.columns.values()]

    def check_inputs(self) -> None:
        """Refuse a method that wrote into a corpus that it was given."""
        if any(column._version != version for column, version in self._handed_out):
            raise PluginError(f"Method '{self._access.method}' changed its input in place.", "Make new tensors.")

    def _metered(self, name: str, load: Callable[[], Learner]) -> MeteredModel:
        """One per name and generation, as it counts its draws; made when asked for, so that no idle cycle is left."""
        if name not in self._models:
            self._models[name] = MeteredModel(name, load, self)
        return self._models[name]

    def _load_prior(self) -> Learner:
        if self._prior is None:
            self._prior = self._task.prior(stream("prior", self._task.name, self._source.seed))
        return self._prior

    def _stream(self, purpose: str) -> torch.Generator:
        return stream(purpose, self._task.name, self._source.seed, self.t)

    def _generate(self, learner: Learner, k: int, decoding: Decoding, rng: torch.Generator) -> Corpus:
        self._generated += self._within(k, self._generated, self._sizes.candidates, "extra candidates")
        self._costs.synthetic_examples += k
        conditions = self._task.conditions(k, rng, self._stand.history[0].value)
        return learner.sample(k, rng, decoding, conditions).with_origin(self.t)

    def _within(self, k: int, used: int, limit: int, what: str) -> int:
        if k < 1:
            raise PluginError(f"Method '{self._access.method}' asked for {k} {what}.", "Ask for at least one.")
        if used + k > limit:
            raise LimitExceeded(
                f"Method '{self._access.method}' asked for {used + k} {what} in generation {self.t}; "
                f"the protocol allows {limit}.",
                "Ask for fewer, or use a protocol with a higher limit.",
            )
        return k


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
