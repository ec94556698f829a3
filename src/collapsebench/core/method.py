"""Method: the plug-in that decides what each generation is trained on, and nothing else."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Set
from typing import TYPE_CHECKING, ClassVar, TypeVar

from .checked import Checked
from .corpus import Corpus
from .errors import PluginError, nearest
from .learner import PLAIN, Decoding
from .plugin import Plugin
from .registry import Registry
from .task import MODALITIES

if TYPE_CHECKING:
    import torch

    from .context import Context
    from .task import TaskCard

ACCESSES = ("history", "mark", "verifier", "reward", "prior", "fresh")
"""What a method may declare, from the weakest to the strongest."""

QUESTIONS = ("preserve", "purify", "grow")
"""What worlds ask: what keeps a model from decay, what to do with polluted data, whether generated data help."""

NEEDS = ("sites", "log_prob", "temperature", "top_k", "top_p", "site_weights", *MODALITIES)
"""What a method may depend on: capabilities of a task's learner, or the one kind of examples that it works on."""

TRACKS = ("blind", "anchored", "marked", "assisted")
"""What a method was allowed to see; methods are only ranked within their track."""


class MethodCard(Checked):
    """What a method is and what it may touch.

    Args:
        title: a short human name.
        paper: where it comes from, e.g. `arXiv:2412.14689`.
        access: subset of `ACCESSES`; anything else raises `AccessDenied` when touched.
        needs: subset of `NEEDS`; tasks without it are outside the method's scope.
        reference: the questions in which it is a reference lineage, which is run beside every method and never
            ranked; empty for methods. Only plug-ins of this package may be references.
    """

    title: str
    paper: str = ""
    access: Set[str] = frozenset()
    needs: Set[str] = frozenset()
    reference: Set[str] = frozenset()

    def __post_init__(self) -> None:
        for name, known in (("access", ACCESSES), ("needs", NEEDS), ("reference", (*QUESTIONS, "curve"))):
            declared = frozenset(getattr(self, name))
            if unknown := declared - set(known):
                raise PluginError(
                    f"MethodCard of '{self.title}' declares unknown {name}: {', '.join(sorted(unknown))}.",
                    f"{nearest(min(unknown), known)} Choose from: {', '.join(known)}.".lstrip(),
                )
            object.__setattr__(self, name, declared)


class Method(Plugin, ABC):
    """A collapse mitigation. Every typed field of a subclass is a hyper-parameter, checked by its annotation.

    The first line of the class docstring becomes the board's description.
    """

    plugin_kind: ClassVar[str] = "method"
    card: ClassVar[MethodCard]

    @abstractmethod
    def curate(self, arrivals: Corpus, ctx: Context) -> Corpus:
        """D_t: what generation t is trained on, given A_t and all that the context allows."""

    def access(self) -> frozenset[str]:
        """What this instance may touch; override where it depends on a hyper-parameter."""
        return frozenset(self.card.access)

    def needs(self) -> frozenset[str]:
        """What a task's learner must be able to do; override where it depends on a hyper-parameter."""
        return frozenset(self.card.needs)

    def questions(self) -> frozenset[str]:
        """The questions that it is made for; worlds of others are outside its scope."""
        return frozenset(self.card.reference or QUESTIONS)

    def check(self, n: int) -> None:
        """Refuse hyper-parameters that cannot work with `n` real examples, before anything runs.

        Raises:
            PluginError: the message names the hyper-parameter.
        """

    def decoding(self, t: int) -> Decoding:
        """How S_t is sampled from M_{t-1}."""
        return PLAIN

    def site_weights(self, log_probs: torch.Tensor) -> torch.Tensor | None:
        """Loss weights `[n, s]` from the current model's own log-probabilities; None leaves the loss alone."""
        return None

    def skip(self, task: TaskCard) -> str | None:
        """Why this method cannot run on a task, or None."""
        return None

    @property
    def weights_sites(self) -> bool:
        """Whether this method re-weights the loss."""
        return type(self).site_weights is not Method.site_weights

    @property
    def track(self) -> str:
        """The track that follows from `access`."""
        return track_of(self.access())


def track_of(access: frozenset[str]) -> str:
    """The track of a method with this access."""
    if access & {"verifier", "reward", "prior", "fresh"}:
        return "assisted"
    if "mark" in access:
        return "marked"
    return "anchored" if "history" in access else "blind"


METHODS = Registry(Method, "*.py", guests="collapsebench.arm.guest")

M = TypeVar("M", bound=type[Method])


def method(name: str) -> Callable[[M], M]:
    """Class decorator: register a method under this name when its file is loaded."""

    def register(cls: M) -> M:
        METHODS.register(name, cls)
        return cls

    return register


def references(question: str) -> list[str]:
    """Names of the reference lineages of a question."""
    return [name for name in METHODS.names() if question in METHODS.get(name).card.reference]


__all__ = ["ACCESSES", "NEEDS", "QUESTIONS", "TRACKS", "Method", "MethodCard", "method", "references"]
