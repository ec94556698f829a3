"""Desk: the harness's side of a context. It hands rows out, counts what is asked, and knows the rows that come back."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from functools import partial
from typing import NamedTuple, Protocol, TypeAlias, TypeVar, get_args

import numpy as np
import torch
from numpy.typing import NDArray

from ..core.access import Access
from ..core.block import EDITED, REAL, Block, gathered, labels_of
from ..core.context import Memory, ModelName, check_decoding
from ..core.corpus import Corpus
from ..core.costs import Costs
from ..core.errors import LimitExceeded, PluginError
from ..core.features import features
from ..core.learner import Decoding, Learner, Sites
from ..core.sealed import recipe_of, sealed
from ..core.seeds import stream, stream_seed
from .checks import check_corpus, check_size, check_values, check_weights
from .ledger import Ledger, contents, found
from .source import RealSource
from .tickets import Tickets
from .training_set import TrainingSet, kept_in

T_co = TypeVar("T_co", covariant=True)
Numbers: TypeAlias = NDArray[np.int64]
"""What tells a row from all others of its cell, whatever ticket it bears."""

_GENERATED = 1 << 62
_ROW_BITS = 32
_SOURCE_BITS = 12


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


class Source(NamedTuple):
    """Rows with origins that were handed out.

    Args:
        rows: these.
        numbers: the numbers of the rows at some places of the block order, or None: they go by content.
        arrived: whether they are of D_0, A_1, ..., A_t.
    """

    rows: Corpus
    numbers: Callable[[Numbers], Numbers] | None
    arrived: bool


class Handout:
    """The recipe of a sealed corpus.

    Args:
        desk: whose it is.
        source: the place of its rows among the desk's sources.
        corpus: the same rows, as the harness trains on them when the method returns what it got as it is.
    """

    __slots__ = ("corpus", "desk", "source")

    def __init__(self, desk: Desk, source: int, corpus: Corpus) -> None:
        self.desk, self.source, self.corpus = desk, source, corpus

    def block(self, rows: torch.Tensor | None) -> Block:
        """The rows at an index, or all, copied, with tickets for labels."""
        whole = self.desk.sources[self.source].rows
        places = whole.places(rows)
        tickets = self.desk.ticketed(self.source, places)
        block = whole.taken(places)._replace(labels=tickets)
        if rows is None:
            self.desk.opened(block, self.corpus)
        return block


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
        sources: rows that were handed out.
        tickets: the secret of this desk.
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
        self._stand, self._sizes, self._real, self._world, self._ledger = stand, sizes, source, world, ledger
        self._fresh_used = self._generated = 0
        self.logged: dict[str, float] = {}
        self.calls: dict[str, int] = {}
        self.sources: list[Source] = []
        self._keys: dict[Hashable, int] = {}
        self._given: dict[int, tuple[torch.Tensor, int, torch.Tensor]] = {}
        self._opened: dict[int, tuple[Block, Corpus]] = {}
        self._versions: list[tuple[torch.Tensor, int]] = []
        self._others, self._listed = Ledger(), 0
        self._tickets: Tickets | None = None
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
        self.logged[key] = float(value)

    def arrivals(self) -> Corpus:
        """A_t."""
        return self._arrived(len(self._stand.history) - 1)

    def trusted(self) -> Corpus:
        """D_0."""
        return self._arrived(0)

    def history(self) -> tuple[Corpus, ...]:
        """D_0, A_1, ..., A_t."""
        return tuple([self._arrived(i) for i in range(len(self._stand.history))])

    def pool(self) -> Corpus:
        """D_0 and A_1..A_t, shuffled."""
        shuffled = self._stand.pool().shuffled(self._seed("pool", self.t))
        numbers = partial(_pool_numbers, self._stand.history)
        return self._hand_out("pool", Source(shuffled, numbers, arrived=True), shuffled)

    def previous(self) -> Corpus:
        """D_{t-1}."""
        previous = self._stand.previous.value
        return self._hand_out("previous", Source(previous, None, arrived=False), previous)

    def fresh_real(self, k: int) -> Corpus:
        """`k` new real examples."""
        limit = self._sizes.fresh
        self._fresh_used += self._within(k, self._fresh_used, limit, "fresh real examples")
        self.costs.real_examples += k
        return self.hand_out_new(self._real.fresh(self.t, self._fresh_used - k, k, limit))

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
        return self._hand_out(None, Source(remembered, None, arrived=False), remembered)

    def mark(self, corpus: Corpus) -> torch.Tensor:
        """Whether each row bears the mark of a model, at the world's rates of error."""
        self.costs.mark_calls += len(corpus)
        origins, numbers = self._recognised(corpus.table)
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
        _, numbers = self._recognised(corpus.table)
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
        return self.hand_out_new(learner.sample(k, rng, decoding, conditions).with_origin(self.t))

    def edited(self, before: Block, after: Corpus) -> Corpus:
        """Rows of which a model drew parts anew; those that changed are no longer what they were."""
        origins, _ = self._recognised(before)
        origins[~_equal_rows(before.columns, after.columns)] = EDITED
        columns = {name: column.clone() for name, column in after.columns.items()}  # some may be the method's own
        rows = Corpus.from_blocks((Block(columns, after.weights, torch.from_numpy(origins), len(after)),))
        return self._hand_out(None, Source(rows, None, arrived=False), rows)

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
        if any(column._version != version for column, version in self._versions):
            raise PluginError(f"Method '{self.access.method}' changed its input in place.", "Make new tensors.")
        made = self._own(corpus)
        kept = kept_in(self._stand.previous.value) if self._kept is None else [self._kept]
        return TrainingSet.of(made, kept[0]) if kept else made

    def _own(self, corpus: object, empty: bool = False) -> Corpus:
        """The rows of a corpus that the method has, with their origins."""
        like, most, method = self._stand.history[0].value, self._sizes.corpus_bytes, self.access.method
        recipe = recipe_of(corpus)
        if isinstance(recipe, Handout) and recipe.desk is self:
            check_size(recipe.corpus, most, method, empty)
            return recipe.corpus
        blocks = check_corpus(corpus, like, most, method, empty).blocks
        if any(block.weights is not None for block in blocks):
            check_weights(blocks, method)
        return Corpus.concat([self._known(block) for block in blocks])

    def _known(self, block: Block) -> Corpus:
        """Rows with their origins: the harness's own if the method joined them as it got them."""
        if (opened := self._opened.get(id(block))) is not None:
            return opened[1]
        for _, _, places, known in self._ticketed(block):
            if len(places) == block.rows:
                return Corpus.from_blocks((block._replace(labels=known.labels),))
        check_values((block,), self.access.method)
        return Corpus.from_blocks((block._replace(labels=torch.from_numpy(self._recognised(block)[0])),))

    def _recognised(self, block: Block) -> tuple[NDArray[np.int16], Numbers]:
        """Origin and number of each row: by its ticket if its content is that of the ticket's row, else by content."""
        origins, numbers = np.full(block.rows, EDITED, np.int16), np.zeros(block.rows, np.int64)
        unknown = np.ones(block.rows, bool)
        unnumbered = unknown.copy()
        for at, source, places, known in self._ticketed(block):
            origins[at], unknown[at] = labels_of(known).numpy(), False
            if source.numbers is not None:
                numbers[at], unnumbered[at] = source.numbers(places.numpy().astype(np.int64)), False
        if unnumbered.any():
            rows, ledgers = np.flatnonzero(unnumbered), self._ledgers()
            for row, content in zip(rows.tolist(), contents(_rows_at(block, rows)), strict=True):
                origin, numbers[row] = found(content, ledgers)
                if unknown[row]:
                    origins[row] = origin
        return origins, numbers

    def _ticketed(self, block: Block) -> Iterator[tuple[NDArray[np.int64] | slice, Source, torch.Tensor, Block]]:
        """For each source the rows that bear its tickets and its content: where, source, places there, and itself."""
        labels = block.labels
        if isinstance(labels, int) or labels.dtype != torch.int64 or not block.rows:
            return
        if (given := self._given.get(id(labels))) is not None:  # as it was handed out: its tickets need no reading
            known = self.sources[given[1]].rows.taken(given[2])
            if _equal(block.columns, known.columns):
                yield slice(None), self.sources[given[1]], given[2], known
                return
        of, places = self.tickets.read(labels)
        for number in np.unique(of[of < len(self.sources)]):
            source = self.sources[number]
            at = np.flatnonzero((of == number) & (places < len(source.rows)))
            if not len(at):
                continue
            known = source.rows.taken(torch.from_numpy(places[at]))
            same = np.flatnonzero(_equal_rows(_rows_at(block, at).columns, known.columns))
            yield at[same], source, torch.from_numpy(places[at][same]), _rows_at(known, same)

    def _ledgers(self) -> list[Ledger]:
        """What was handed out, by content: real rows and arrivals so far, and all else of this generation."""
        history = self._stand.history
        arrived = self._ledger if self._ledger.covered <= len(history) else Ledger()
        for i in range(arrived.covered, len(history)):
            rows = history[i].value
            arrived.add(rows.table, range(i << _ROW_BITS, (i << _ROW_BITS) + len(rows)))
        for source in self.sources[self._listed :]:
            if not source.arrived:
                places = source.rows.places().numpy().astype(np.int64)
                numbers = None if source.numbers is None else source.numbers(places).tolist()
                self._others.add(source.rows.table, numbers)
        self._listed = len(self.sources)
        return [arrived, self._others]

    # -- handing out -----------------------------------------------------------------------------

    @property
    def tickets(self) -> Tickets:
        """The secret of this desk."""
        if self._tickets is None:
            self._tickets = Tickets()
        return self._tickets

    def ticketed(self, source: int, places: torch.Tensor) -> torch.Tensor:
        """Tickets for the rows at these places of a source."""
        tickets = self.tickets.made(source, places)
        self._given[id(tickets)] = tickets, source, places
        return tickets

    def opened(self, block: Block, corpus: Corpus) -> None:
        """Note what a method reads, how often its tensors were written to before, and whose rows it is."""
        self._opened[id(block)] = block, corpus
        self._versions += [(column, column._version) for column in block.columns.values()]

    def hand_out_new(self, rows: Corpus) -> Corpus:
        """Rows that nobody had before."""
        first = _GENERATED | (self.t << _SOURCE_BITS | len(self.sources)) << _ROW_BITS
        return self._hand_out(None, Source(rows, lambda places: first + places, arrived=False), rows)

    def _arrived(self, i: int) -> Corpus:
        """D_0 or an A_i, its rows numbered in their order."""
        corpus = self._stand.history[i].value
        rows = corpus if corpus.ordered else Corpus.from_blocks(corpus.blocks)
        return self._hand_out(i, Source(rows, lambda places: (i << _ROW_BITS) + places, arrived=True), corpus)

    def _hand_out(self, key: Hashable, source: Source, corpus: Corpus) -> Corpus:
        """A sealed corpus; what has a key is one source however often it is asked for."""
        if key is None or key not in self._keys:
            self._keys[key] = len(self.sources)
            self.sources.append(source)
        return sealed(len(corpus), Handout(self, self._keys[key], corpus))

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


def _pool_numbers(history: Sequence[Held[Corpus]], places: Numbers) -> Numbers:
    """The numbers of rows at places of the pool, before it is shuffled."""
    ends = np.cumsum([len(corpus.value) for corpus in history])
    of = np.searchsorted(ends, places, side="right")
    numbers: Numbers = (of << _ROW_BITS) + places - np.concatenate([[0], ends])[of]
    return numbers


def _equal(given: Mapping[str, torch.Tensor], known: Mapping[str, torch.Tensor]) -> bool:
    return all(torch.equal(given[name], column) for name, column in known.items())


def _equal_rows(given: Mapping[str, torch.Tensor], known: Mapping[str, torch.Tensor]) -> NDArray[np.bool_]:
    """Where all columns are equal, `[n]`."""
    same = [(given[name] == column).reshape(len(column), -1).all(1) for name, column in known.items()]
    return torch.stack(same).all(0).numpy()


def _rows_at(block: Block, rows: NDArray[np.int64]) -> Block:
    return gathered(block, torch.from_numpy(rows))
