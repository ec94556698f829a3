"""Context: all that a method sees. Every access is metered; what its card does not declare is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch

from .corpus import REAL, Corpus
from .costs import Costs
from .errors import AccessDenied, LimitExceeded, PluginError
from .learner import PLAIN, Decoding, Learner, Sites
from .seeds import stream, stream_seed

if TYPE_CHECKING:
    from ..loop.protocol import TaskRules
    from .method import Method
    from .task import Task


class RealSource:
    """Real examples of one (task, seed): D_0 and fresh draws, never the same example twice."""

    def __init__(self, task: Task, n: int, seed: int) -> None:
        self._task, self._n, self._seed = task, n, seed
        self._population: Corpus | None = None

    def first(self) -> Corpus:
        """D_0: the first n real examples."""
        if self._task.card.population is None:
            rows = self._task.real(self._n, stream("real", self._task.name, self._seed))
        else:
            rows = self._slice(0, self._n)
        return rows.with_origin(REAL)

    def fresh(self, t: int, used: int, k: int, per_generation: int) -> Corpus:
        """`k` real examples that only generation t can get, after the `used` it already got."""
        if self._task.card.population is None:
            rows = self._task.real(k, stream(f"fresh/{used}", self._task.name, self._seed, t))
        else:
            rows = self._slice(self._n + (t - 1) * per_generation + used, k)
        return rows.with_origin(REAL)

    def _slice(self, start: int, k: int) -> Corpus:
        population = self._task.card.population or 0
        if start + k > population:
            raise LimitExceeded(
                f"Task '{self._task.name}' has {population} real examples, {start + k} were asked for.",
                "Use a protocol with fewer examples per generation or fewer generations.",
            )
        if self._population is None:
            self._population = self._task.real(population, stream("real", self._task.name, self._seed))
        return self._population.select(torch.arange(start, start + k))


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

    @property
    def _learner(self) -> Learner:
        return self._load()

    def _rng(self, purpose: str) -> torch.Generator:
        self._calls += 1
        return self._ctx._stream(f"{purpose}/{self._name}/{self._calls}")

    def _count(self, corpus: Corpus) -> None:
        self._ctx._costs.scored_tokens += self._learner.tokens(corpus)

    def log_prob(self, corpus: Corpus) -> torch.Tensor:
        """Log-probability (or log density) of each example, nats, float `[n]`."""
        self._count(corpus)
        return self._learner.log_prob(corpus)

    def sites(self, corpus: Corpus) -> Sites:
        """Log-probability of every site, float `[n, s]`, and which sites may be edited, bool `[n, s]`."""
        self._count(corpus)
        return self._learner.sites(corpus)

    def resample(
        self, corpus: Corpus, mask: torch.Tensor, top_k: int | None = None, temperature: float = 1.0
    ) -> Corpus:
        """The corpus with the sites under `mask` (bool `[n, s]`) drawn anew, given the original sites before them."""
        self._count(corpus)
        return self._learner.resample(corpus, mask, self._rng("resample"), top_k, temperature)

    def generate(self, k: int, decoding: Decoding | None = None) -> Corpus:
        """`k` more examples from the model, up to the protocol's limit of candidates per generation."""
        return self._ctx._generate(self._learner, k, decoding or PLAIN, self._rng("generate"))


class Context:
    """What a method may use while it makes D_t.

    Attributes without a declared access: `t`, `n`, `rng`, `params`, `log`, `pool`, `model`.
    With `history`: `previous`, `history`, `initial_model`. With `fresh`: `fresh_real`. With
    `verifier`: `verify`. With `reward`: `reward`. With `prior`: `prior`.
    """

    def __init__(
        self,
        *,
        t: int,
        seed: int,
        task: Task,
        method: Method,
        rules: TaskRules,
        source: RealSource,
        history: Callable[[], tuple[Corpus, ...]],
        pool: Callable[[], Corpus],
        previous: Callable[[], Corpus],
        model: Callable[[], Learner],
        initial_model: Callable[[], Learner],
        costs: Costs,
    ) -> None:
        self.t = t
        """This generation, 1..G."""
        self.n = rules.n
        """Real examples in D_0, and the usual size of a corpus."""
        self._seed, self._task, self._method, self._rules = seed, task, method, rules
        self._access = method.access()
        self._source, self._history, self._pool, self._previous = source, history, pool, previous
        self._costs = costs
        self._fresh_used = self._generated = self._verified = 0
        self._handed_out: list[tuple[torch.Tensor, int]] = []
        self._logged: dict[str, float] = {}
        self._rng: torch.Generator | None = None
        self._prior: Learner | None = None
        self._model, self._initial_model = model, initial_model
        self._models: dict[str, MeteredModel] = {}

    # -- always allowed --------------------------------------------------------------------------

    @property
    def params(self) -> dict[str, object]:
        """The method's hyper-parameters by name."""
        return self._method.params()

    @property
    def rng(self) -> torch.Generator:
        """The method's own random stream of this generation."""
        if self._rng is None:
            self._rng = self._stream("method")
        return self._rng

    @property
    def model(self) -> MeteredModel:
        """M_{t-1}: `log_prob`, `sites`, `resample`, `generate`."""
        return self._metered("model", self._model)

    @property
    def pool(self) -> Corpus:
        """D_0 and S_1..S_t, shuffled: which row is real cannot be told from its place."""
        seed = stream_seed("pool", self._task.name, self._seed, self.t)
        return self._pool().shuffled(seed)

    def log(self, key: str, value: float) -> None:
        """Record a number with this generation, e.g. a keep rate."""
        self._logged[key] = float(value)

    # -- declared accesses -----------------------------------------------------------------------

    @property
    def previous(self) -> Corpus:
        """D_{t-1}, the corpus that this method made last time; D_0 at t = 1. Access `history`."""
        self._require("history", "previous")
        previous = self._previous()
        self.guard(previous)
        return previous

    @property
    def history(self) -> tuple[Corpus, ...]:
        """D_0 (real), S_1, ..., S_t. Access `history`."""
        self._require("history", "history")
        history = self._history()
        self.guard(*history)
        return history

    @property
    def initial_model(self) -> MeteredModel:
        """M_0, fitted on real data only. Access `history`."""
        self._require("history", "initial_model")
        return self._metered("initial_model", self._initial_model)

    def fresh_real(self, k: int) -> Corpus:
        """`k` new real examples, up to the protocol's limit per generation. Access `fresh`."""
        self._require("fresh", "fresh_real")
        limit = round(self._rules.limits.fresh_real * self.n)
        self._fresh_used += self._within(k, self._fresh_used, limit, "fresh real examples")
        self._costs.real_examples += k
        return self._source.fresh(self.t, self._fresh_used - k, k, limit)

    def verify(self, corpus: Corpus) -> torch.Tensor:
        """Whether the verifier keeps each example, bool `[n]`. Access `verifier`.

        The method's parameters `phi` = P(keep | right), default 1, and `psi` = P(keep | wrong),
        default 0, set how noisy the verifier is (Feng et al., arXiv:2406.07515).
        """
        self._require("verifier", "verify")
        self._costs.verifier_calls += len(corpus)
        right = self._task.verify(corpus)
        phi, psi = float(self.params.get("phi", 1.0)), float(self.params.get("psi", 0.0))  # type: ignore[arg-type]
        if (phi, psi) == (1.0, 0.0):
            return right
        self._verified += 1
        coins = torch.rand(len(corpus), generator=self._stream(f"verify/{self._verified}"))
        return coins < torch.where(right, phi, psi)

    def reward(self, corpus: Corpus) -> torch.Tensor:
        """The task's reward of each example, float `[n]`. Access `reward`."""
        self._require("reward", "reward")
        self._costs.reward_calls += len(corpus)
        return self._task.reward(corpus)

    @property
    def prior(self) -> MeteredModel:
        """A fixed model outside the loop. Access `prior`."""
        self._require("prior", "prior")
        return self._metered("prior", self._load_prior)

    # -- the harness's side ----------------------------------------------------------------------

    @property
    def logged(self) -> dict[str, float]:
        """What the method logged."""
        return self._logged

    def guard(self, *corpora: Corpus) -> None:
        """Remember how often the columns of these corpora were written to before the method got them."""
        for corpus in corpora:
            self._handed_out += [(c, c._version) for block in corpus.blocks for c in block.columns.values()]

    def check_inputs(self) -> None:
        """Refuse a method that wrote into a corpus that it was given."""
        if any(column._version != version for column, version in self._handed_out):
            raise PluginError(f"Method '{self._method.name}' changed its input in place.", "Make new tensors.")

    def _metered(self, name: str, load: Callable[[], Learner]) -> MeteredModel:
        """One per name and generation, as it counts its draws; made when asked for, so that no idle cycle is left."""
        if name not in self._models:
            self._models[name] = MeteredModel(name, load, self)
        return self._models[name]

    def _load_prior(self) -> Learner:
        if self._prior is None:
            self._prior = self._task.prior(stream("prior", self._task.name, self._seed))
        return self._prior

    def _require(self, access: str, attribute: str) -> None:
        if access not in self._access:
            raise AccessDenied(
                f"Method '{self._method.name}' used ctx.{attribute} without declaring access '{access}'.",
                f"Add it to the card: MethodCard(..., access={{'{access}'}}); the track follows from it.",
            )

    def _stream(self, purpose: str) -> torch.Generator:
        return stream(purpose, self._task.name, self._seed, self.t)

    def _generate(self, learner: Learner, k: int, decoding: Decoding, rng: torch.Generator) -> Corpus:
        check_decoding(self._task, decoding)
        limit = round(self._rules.limits.candidates * self.n)
        self._generated += self._within(k, self._generated, limit, "extra candidates")
        self._costs.synthetic_examples += k
        conditions = self._task.conditions(k, rng, self._history()[0])
        return learner.sample(k, rng, decoding, conditions).with_origin(self.t)

    def _within(self, k: int, used: int, limit: int, what: str) -> int:
        if k < 1:
            raise PluginError(f"Method '{self._method.name}' asked for {k} {what}.", "Ask for at least one.")
        if used + k > limit:
            raise LimitExceeded(
                f"Method '{self._method.name}' asked for {used + k} {what} in generation {self.t}; "
                f"the protocol allows {limit}.",
                "Ask for fewer, or use a protocol with a higher limit.",
            )
        return k


def check_decoding(task: Task, decoding: Decoding) -> None:
    """Refuse a decoding that the task's learner would have to ignore."""
    if decoding is PLAIN:
        return
    if lacking := decoding.features - frozenset(task.card.supports):
        raise PluginError(
            f"Task '{task.name}' cannot sample with {', '.join(sorted(lacking))}.",
            "Declare it in the method's `needs`, so that such tasks are skipped.",
        )
