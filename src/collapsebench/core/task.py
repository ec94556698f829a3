"""Task: a real distribution, a learner family, and an evaluation on held-out real data."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import field
from typing import TYPE_CHECKING, ClassVar, TypeVar

from .checked import MOST_METRIC, Bound, Checked, Count
from .corpus import Corpus
from .errors import PluginError, nearest
from .plugin import Plugin
from .registry import Registry

if TYPE_CHECKING:
    import torch

    from .learner import Learner

MODALITIES = ("vector", "labelled", "tokens", "image")
"""What kinds of examples there are."""

SUITES = ("theory", "language", "images", "own")
"""Groups of tasks that a score is a mean over; `own` is everybody's who writes a task."""

SUPPORTS = (
    "sites",
    "log_prob",
    "temperature",
    "top_k",
    "top_p",
    "site_weights",
    "verifier",
    "reward",
    "prior",
    "lm_eval",
)
"""What a task may offer to methods; and `lm_eval`, if its learner reads text that lm-eval's tasks are written in."""


class Metric(Checked):
    """One of the numbers that a task's `evaluate` returns.

    Args:
        meaning: one line saying what it is.
        low, high: bounds of its value, whatever the model; `MOST_METRIC` in size where there is none.
    """

    meaning: str
    low: Bound = -MOST_METRIC
    high: Bound = MOST_METRIC

    def __post_init__(self) -> None:
        if self.low >= self.high:
            raise PluginError(f"A metric's range is {self.low:g} to {self.high:g}, which holds nothing.")


class TaskCard(Checked):
    """What a task is, what is measured on it and what methods can use there.

    Args:
        title: a short human name.
        modality: one of `MODALITIES`.
        primary: the metric that is scored; lower is better.
        unit: unit of the primary metric, e.g. `nats/answer`.
        metrics: every metric that `evaluate` returns, by name.
        supports: subset of `SUPPORTS`.
        suite: one of `SUITES`.
        version: bumped by any change that can move a score.
        licence: licence of the data.
        data: name and SHA-256 of external data, or "" when the data are generated.
        population: number of distinct real examples, or None when draws never run out.
        shown: secondary metrics that stand on the board beside the primary one.
        about: a clause that says what the real data are and what the model is.
        corpus: plain name of the corpus that is read, or "" when the data are generated.
    """

    title: str
    modality: str
    primary: str
    unit: str
    metrics: Mapping[str, Metric] = field(default_factory=dict)
    supports: Set[str] = frozenset()
    suite: str = "own"
    version: Count = 1
    licence: str = "generated"
    data: str = ""
    population: Count | None = None
    shown: tuple[str, ...] = ()
    about: str = ""
    corpus: str = ""

    def __post_init__(self) -> None:
        declared = frozenset(self.supports)
        if unknown := declared - set(SUPPORTS):
            raise PluginError(
                f"TaskCard of '{self.title}' declares unknown support: {', '.join(sorted(unknown))}.",
                f"{nearest(min(unknown), SUPPORTS)} Choose from: {', '.join(SUPPORTS)}.".lstrip(),
            )
        if self.suite not in SUITES:
            raise PluginError(
                f"TaskCard of '{self.title}' names the suite '{self.suite}'.", f"Choose from: {', '.join(SUITES)}."
            )
        if missing := {self.primary, *self.shown} - set(self.metrics):
            raise PluginError(
                f"TaskCard of '{self.title}' does not describe its metrics {', '.join(sorted(missing))}.",
                "Add them to `metrics`.",
            )
        object.__setattr__(self, "supports", declared)


class Start:
    """What every later generation descends from.

    Args:
        corpus: D_0, the real examples that generation 0 was trained on.
        model: loads M_0 when first asked.
    """

    def __init__(self, corpus: Corpus, model: Callable[[], Learner]) -> None:
        self.corpus = corpus
        self._load = model

    @property
    def model(self) -> Learner:
        """M_0, fitted on real data only: the fixed model that samples of later generations are read with."""
        return self._load()


class Task(Plugin, ABC):
    """A benchmark task. Every typed field of a subclass is a size that a protocol may set."""

    plugin_kind: ClassVar[str] = "task"
    card: ClassVar[TaskCard]
    rules: ClassVar[Mapping[str, object]] = {}
    """What a protocol file writes below a task's name, with `seeds` and `generations`, where no protocol scores it."""

    @property
    def pretrained(self) -> bool:
        """Whether `learner` begins at pretrained weights; a protocol's `start` must say the same."""
        return False

    def prepared(self, n: int, rng: torch.Generator) -> Task:
        """This task as one seed sees it, for what depends on D_0, such as a tokenizer trained on it.

        The harness asks once per cell and uses the answer from then on; it should be cheap to ask again.

        Args:
            n: examples in D_0.
            rng: at the start of the stream that D_0 is drawn from.
        """
        return self

    @abstractmethod
    def real(self, n: int, rng: torch.Generator) -> Corpus:
        """`n` examples from the real distribution P*.

        With `card.population` set, examples are distinct: `real(population, rng)` gives each once, in
        random order, and the harness serves consecutive slices so that no example is handed out twice.
        """

    @abstractmethod
    def learner(self, rng: torch.Generator) -> Learner:
        """A learner at its initial weights, the same for the same stream."""

    @abstractmethod
    def evaluate(self, learner: Learner, start: Start, rng: torch.Generator) -> dict[str, float]:
        """Metrics of a fitted learner on held-out real data, drawn from `rng` (the same at every t).

        Args:
            learner: M_t.
            start: D_0 and M_0, for tasks that compare with them.
            rng: the evaluation stream of (task, seed).
        """

    def conditions(self, n: int, rng: torch.Generator, first: Corpus | None = None) -> Corpus | None:
        """What a conditional model is given (labels, design rows, prompts); None when it generates whole examples.

        Args:
            n: rows wanted.
            rng: the stream that new conditions are drawn from.
            first: D_0 when a synthetic set is made, for tasks that label the conditions of D_0 anew.
        """
        return None

    def verify(self, corpus: Corpus) -> torch.Tensor:
        """Whether each example is right, bool `[n]`."""
        raise _lacks(self, "verifier")

    def reward(self, corpus: Corpus) -> torch.Tensor:
        """How good each example is, float `[n]`."""
        raise _lacks(self, "reward")

    def prior(self, rng: torch.Generator) -> Learner:
        """A fixed model outside the loop."""
        raise _lacks(self, "prior")

    def theory(self, method: str, n: int, generations: int) -> Mapping[str, Sequence[float]]:
        """Metric -> its expectation at t = 0..G under a method with n examples, where there is a closed form."""
        return {}

    def learning_curve(self, sizes: Sequence[int]) -> list[float]:
        """The expected primary metric of plain training on so many real rows each; [] without a closed form."""
        return []

    def render(self, corpus: Corpus) -> list[str]:
        """Each example as one line of text, for `show --samples`."""
        columns = corpus.columns
        return [
            "  ".join(f"{name}={_shorten(column[i])}" for name, column in columns.items()) for i in range(len(corpus))
        ]

    def pictures(self, corpus: Corpus) -> torch.Tensor | None:
        """Each example in grey levels 0..255, uint8 `[n, height, width]`, for sheets of samples; None: no pictures."""
        return None


def _shorten(values: torch.Tensor, most: int = 12) -> str:
    flat = values.reshape(-1).tolist()
    shown = " ".join(f"{v:.3g}" for v in flat[:most])
    return f"[{shown}{' ...' if len(flat) > most else ''}]"


def _lacks(task: Task, capability: str) -> PluginError:
    return PluginError(
        f"Task '{task.name}' has no {capability}.",
        "Methods that declare this access are skipped on it.",
    )


TASKS = Registry(Task, "*/task.py")

T = TypeVar("T", bound=type[Task])


def task(name: str) -> Callable[[T], T]:
    """Class decorator: register a task under this name when its file is loaded."""

    def register(cls: T) -> T:
        TASKS.register(name, cls)
        return cls

    return register
