"""Desk: the harness's side of a context. It hands rows out, counts what is asked, and knows the rows that come back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, get_args

import numpy as np
import torch
from numpy.typing import NDArray

from ..core.access import Access
from ..core.block import EDITED, REAL, Block
from ..core.context import Memory, ModelName, check_decoding
from ..core.corpus import Corpus, blocks_of, corpus_of, of_origin
from ..core.costs import Costs
from ..core.errors import LimitExceeded, PluginError
from ..core.features import features
from ..core.learner import Decoding, Learner, Sites
from ..core.seeds import stream, stream_seed
from .checks import check_corpus, check_log, check_size, check_weights
from .handed import Handed, Held, Numbers, Source, equal_rows
from .ledger import Ledger
from .source import RealSource
from .training_set import TrainingSet, kept_in


class Sizes(NamedTuple):
    """How much a method may have.

    Args:
        n: real examples in D_0.
        fresh: new real examples per generation.
        candidates: examples generated on request per generation.
        corpus_bytes: memory of a corpus.
    """

    n: int
    fresh: int
    candidates: int
    corpus_bytes: int


class WorldView(NamedTuple):
    """What a desk needs of the world.

    Args:
        phi: P(verifier keeps | right).
        psi: P(verifier keeps | wrong).
        missed: P(no mark | not real).
        false_alarm: P(mark | real).
        extends: whether more draws from the newest model are of the kind that arrives.
    """

    phi: float = 1.0
    psi: float = 0.0
    missed: float = 0.1
    false_alarm: float = 0.1
    extends: bool = True


class Stand(NamedTuple):
    """What a lineage holds when a method makes D_t.

    Args:
        t: this generation, 1..G.
        history: D_0, A_1, ..., A_t.
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


class Desk:
    """The harness's side of one context. It must hold nothing that holds it: a cell makes one in every generation.

    Args:
        stand: what the lineage holds.
        sizes: how much the method may have.
        source: real examples of the task and seed.
        world: how the verifier and the marks err, and what arrives.
        access: what the method may touch; notes what it does.
        costs: counts what it costs.
        ledger: of the arrivals of earlier generations; the desk adds to it when it looks up content.

    Attributes:
        logged: what the method recorded.
        handed: the rows that were handed out.
        calls: questions to each model, naming the random streams of its draws.
    """

    def __init__(
        self,
        stand: Stand,
        sizes: Sizes,
        source: RealSource,
        world: WorldView,
        access: Access,
        costs: Costs,
        ledger: Ledger,
    ) -> None:
        self.t, self.n, self.extends = stand.t, sizes.n, world.extends
        self.access, self.costs, self.task = access, costs, source.task
        self._stand, self._sizes, self._real, self._world = stand, sizes, source, world
        self.handed = Handed(stand.history, stand.t, ledger)
        self._fresh_used = self._generated = 0
        self.logged: dict[str, float] = {}
        self.calls: dict[str, int] = {}
        self._rng: torch.Generator | None = None
        self._prior: Learner | None = None
        self._kept: Corpus | None = None

    # -- what a context asks for -----------------------------------------------------------------

    def rng(self) -> torch.Generator:
        """The method's stream, the same object each time."""
        if self._rng is None:
            self._rng = self.stream("method")
        return self._rng

    def log(self, key: str, value: float) -> None:
        """Record a number with this generation."""
        self.logged[key] = check_log(self.logged, key, value, self.access.method)

    def arrivals(self) -> Corpus:
        """A_t."""
        return self.handed.arrived(len(self._stand.history) - 1)

    def trusted(self) -> Corpus:
        """D_0."""
        return self.handed.arrived(0)

    def history(self) -> tuple[Corpus, ...]:
        """D_0, A_1, ..., A_t."""
        return tuple([self.handed.arrived(i) for i in range(len(self._stand.history))])

    def pool(self) -> Corpus:
        """D_0 and A_1..A_t, shuffled."""
        shuffled = self._stand.pool().shuffled(self._seed("pool", self.t))
        return self.handed.pool(shuffled)

    def previous(self) -> Corpus:
        """D_{t-1}."""
        previous = self._stand.previous.value
        return self.handed.hand_out("previous", Source(previous, None, arrived=False), previous)

    def fresh_real(self, k: int) -> Corpus:
        """`k` new real examples."""
        limit = self._sizes.fresh
        self._fresh_used += self._within(k, self._fresh_used, limit, "fresh real examples")
        self.costs.real_examples += k
        return self.handed.new(self._real.fresh(self.t, self._fresh_used - k, k, limit))

    def remember(self, kept: Corpus, memory: Memory) -> Corpus:
        """Rows that were kept with those that the memory adds, in an order drawn at random."""
        if memory not in get_args(Memory):
            raise PluginError(
                f"Method '{self.access.method}' remembers by '{memory}'.",
                f"Choose from: {', '.join(get_args(Memory))}.",
            )
        if memory == "anchored":
            self.access.require("history", "remember(memory='anchored')")
        now = self._own(kept, empty=True)
        self._kept = Corpus.concat([*kept_in(self._stand.previous.value), now])
        first = self._stand.history[0].value
        rows = now if memory == "replace" else Corpus.concat([first, now if memory == "anchored" else self._kept])
        if memory == "subsample":
            rows = rows.sample(self.n, self.stream("memory"))
        remembered = rows.shuffled(self._seed("memory", self.t))
        return self.handed.hand_out(None, Source(remembered, None, arrived=False), remembered)

    def mark(self, corpus: Corpus) -> torch.Tensor:
        """Whether each row bears the mark of a model, at the world's rates of error."""
        self.costs.mark_calls += len(corpus)
        origins, numbers, _ = self.handed.recognised(corpus.table)
        coins = self._coins("mark", numbers)
        marked = np.where(origins == REAL, coins < self._world.false_alarm, coins >= self._world.missed)
        return torch.from_numpy(marked)

    def verify(self, corpus: Corpus) -> torch.Tensor:
        """Whether the world's verifier keeps each row."""
        self.costs.verifier_calls += len(corpus)
        right = self.task.verify(corpus)
        phi, psi = self._world.phi, self._world.psi
        if (phi, psi) == (1.0, 0.0):
            return right
        _, numbers, _ = self.handed.recognised(corpus.table)
        return torch.from_numpy(self._coins("verify", numbers)) < torch.where(right, phi, psi)

    def reward(self, corpus: Corpus) -> torch.Tensor:
        """The task's reward of each row."""
        self.costs.reward_calls += len(corpus)
        return self.task.reward(corpus)

    def text(self, corpus: Corpus) -> list[str]:
        """Each row as a line of text."""
        return self.task.render(corpus)

    def features(self, corpus: Corpus) -> torch.Tensor:
        """Numbers that describe each row."""
        return features(corpus)

    def model(self, name: ModelName) -> ModelAtDesk:
        """The desk of a model."""
        return ModelAtDesk(
            self, name, {"model": self._newest, "initial_model": self._initial, "prior": self._fixed}[name]
        )

    # -- what its models ask for ---------------------------------------------------------------------

    def generated(self, learner: Learner, k: int, decoding: Decoding, rng: torch.Generator) -> Corpus:
        """`k` rows of a model."""
        self._generated += self._within(k, self._generated, self._sizes.candidates, "extra candidates")
        self.costs.synthetic_examples += k
        first = self._stand.history[0].value if self.extends else None  # else inputs would tell which rows are of D_0
        conditions = self.task.conditions(k, rng, first)
        return self.handed.new(of_origin(learner.sample(k, rng, decoding, conditions), self.t))

    def edited(self, before: Block, after: Corpus) -> Corpus:
        """Rows of which a model drew parts anew; those that changed are no longer what they were."""
        origins = self.handed.origins(before, self.access.method)
        origins[~equal_rows(before.columns, after.columns)] = EDITED
        columns = {name: column.clone() for name, column in after.columns.items()}  # some may be the method's own
        rows = corpus_of((Block(columns, after.weights, torch.from_numpy(origins), len(after)),))
        return self.handed.hand_out(None, Source(rows, None, arrived=False), rows)

    def stream(self, purpose: str) -> torch.Generator:
        """A random stream of this generation."""
        return stream(purpose, self.task.name, self._real.seed, self.t)

    # -- what comes back -------------------------------------------------------------------------

    def returned(self, corpus: object) -> Corpus:
        """D_t, as the harness knows its rows, with what was kept so far if anything was.

        Raises:
            PluginError: the method wrote into its input, or returned what no model can be trained on.
            LimitExceeded: more rows than memory allows.
        """
        if self.handed.written_to:
            raise PluginError(f"Method '{self.access.method}' changed its input in place.", "Make new tensors.")
        made = self._own(corpus)
        kept = kept_in(self._stand.previous.value) if self._kept is None else [self._kept]
        return TrainingSet.of(made, kept[0]) if kept else made

    def _own(self, corpus: object, empty: bool = False) -> Corpus:
        """The rows of a corpus that the method has, with their origins."""
        like, most, method = self._stand.history[0].value, self._sizes.corpus_bytes, self.access.method
        if (own := self.handed.unchanged(corpus)) is not None:
            check_size(own, most, method, empty)
            return own
        blocks = blocks_of(check_corpus(corpus, like, most, method, empty))
        if any(block.weights is not None for block in blocks):
            check_weights(blocks, method)
        return Corpus.concat([self.handed.known(block, method) for block in blocks])

    # -- inside ----------------------------------------------------------------------------------

    def _newest(self) -> Learner:
        return self._stand.model.value

    def _initial(self) -> Learner:
        return self._stand.initial_model.value

    def _fixed(self) -> Learner:
        if self._prior is None:
            self._prior = self.task.prior(stream("prior", self.task.name, self._real.seed))
        return self._prior

    def _seed(self, purpose: str, t: int = 0) -> int:
        return stream_seed(purpose, self.task.name, self._real.seed, t)

    def _coins(self, purpose: str, numbers: Numbers) -> NDArray[np.float64]:
        """A number in [0, 1) for each row, the same in every generation: SplitMix64 of the row's own number."""
        x = numbers.astype(np.uint64) + np.uint64(self._seed(purpose))
        for shift, multiplier in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
            x = (x ^ x >> np.uint64(shift)) * np.uint64(multiplier)
        return (x ^ x >> np.uint64(31)).astype(np.float64) / 2.0**64

    def _within(self, k: int, used: int, limit: int, what: str) -> int:
        if k < 1:
            raise PluginError(f"Method '{self.access.method}' asked for {k} {what}.", "Ask for at least one.")
        if used + k > limit:
            raise LimitExceeded(
                f"Method '{self.access.method}' asked for {used + k} {what} in generation {self.t}; "
                f"the protocol allows {limit}.",
                "Ask for fewer, or use a protocol with a higher limit.",
            )
        return k


class ModelAtDesk:
    """The harness's side of a metered model.

    Args:
        desk: meters it.
        name: of the model, naming the random streams of its draws.
        load: gives the learner.
    """

    def __init__(self, desk: Desk, name: ModelName, load: Callable[[], Learner]) -> None:
        self._desk, self._name, self._load = desk, name, load

    def log_prob(self, corpus: Corpus) -> torch.Tensor:
        """Log-probability (or log density) of each example, nats, float `[n]`."""
        return self._asked(corpus, "log_prob").log_prob(corpus)

    def sites(self, corpus: Corpus) -> Sites:
        """Log-probability of every site, float `[n, s]`, and which sites may be edited, bool `[n, s]`."""
        return self._asked(corpus, "sites", "log_prob").sites(corpus)

    def resample(self, corpus: Corpus, mask: torch.Tensor, decoding: Decoding) -> Corpus:
        """The corpus with the sites under `mask` (bool `[n, s]`) drawn anew."""
        check_decoding(self._desk.task, decoding, {"top_p"})
        learner = self._asked(corpus, "sites")
        return self._desk.edited(corpus.table, learner.resample(corpus, mask, self._rng("resample"), decoding))

    def generate(self, k: int, decoding: Decoding) -> Corpus:
        """`k` more examples."""
        check_decoding(self._desk.task, decoding)
        self._desk.access.touch(decoding.features)
        return self._desk.generated(self._load(), k, decoding, self._rng("generate"))

    def _asked(self, corpus: Corpus, *capabilities: str) -> Learner:
        learner = self._load()
        self._desk.access.touch(capabilities)
        self._desk.costs.scored_tokens += learner.tokens(corpus)
        return learner

    def _rng(self, purpose: str) -> torch.Generator:
        calls = self._desk.calls[self._name] = self._desk.calls.get(self._name, 0) + 1
        return self._desk.stream(f"{purpose}/{self._name}/{calls}")
