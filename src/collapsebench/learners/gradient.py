"""What learners that are trained by gradient steps share: initial weights, order of rows, optimizer and loop."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, TypeVar

import torch
from typing_extensions import override

from ..core.corpus import Corpus
from ..core.errors import Diverged, PluginError
from ..core.learner import Checkpoint, FitConfig, FitReport, Learner
from .resume import Resumable
from .sharded import whole

N = TypeVar("N", bound=torch.nn.Module)

CHECK_EVERY = 200
"""Steps between looks at the loss; each look waits for the device."""


class NetworkLearner(Learner):
    """A learner whose state is the weights of its network."""

    network: torch.nn.Module

    @property
    @override
    def parameters(self) -> int:
        return sum(values.numel() for values in self.network.parameters())  # weights that are tied count once

    @override
    def state(self) -> dict[str, torch.Tensor]:
        return {name: value.detach().clone() for name, value in self.network.state_dict().items()}

    @override
    def load(self, state: Mapping[str, torch.Tensor]) -> None:
        self.network.load_state_dict(dict(state))


def initialised(build: Callable[[], N], rng: torch.Generator) -> N:
    """A new network whose initial weights come from `rng`; global random state stays as it was."""
    seed = int(torch.randint(2**62, (1,), generator=rng))
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        return build()


def batches(corpus: Corpus, training: FitConfig) -> Iterator[torch.Tensor]:
    """Row indices of each step, int64 `[batch]`, drawn from `training.rng` when the step begins.

    Rows without weights come in passes over the corpus, each in a new random order and without a seam between them.
    Of a weighted corpus every row is drawn independently, in proportion to its weight. A learner whose loss draws
    from the same stream says which comes first: `list(batches(...))` draws the order of all steps ahead.

    Raises:
        PluginError: no rows.
    """
    if not len(corpus):
        raise PluginError("There are no rows to train on.", "Return at least one row from `curate`.")
    if corpus.weights is not None:
        weights = corpus.weights.double()
        for _ in range(training.steps_for(len(corpus))):
            yield torch.multinomial(weights, training.batch, replacement=True, generator=training.rng)
        return
    waiting = torch.empty(0, dtype=torch.int64)
    for _ in range(training.steps_for(len(corpus))):
        while len(waiting) < training.batch:
            waiting = torch.cat([waiting, torch.randperm(len(corpus), generator=training.rng)])
        yield waiting[: training.batch]
        waiting = waiting[training.batch :]


@dataclass(frozen=True)
class Optimizer:
    """AdamW with linear warm-up and decay to zero.

    Args:
        lr: peak learning rate.
        betas: decay rates of the moments.
        weight_decay: decoupled decay of matrices; vectors (biases, normalisation) are not decayed.
        warmup: share of the steps in which the rate rises.
        clip: largest norm of the gradient, or None.
        schedule: shape of the decay.
    """

    lr: float = 3e-3
    betas: tuple[float, float] = (0.9, 0.98)
    weight_decay: float = 0.05
    warmup: float = 0.05
    clip: float | None = None
    schedule: Literal["cosine", "linear"] = "cosine"

    def __post_init__(self) -> None:
        if self.schedule not in ("cosine", "linear"):
            raise PluginError(f"Unknown learning-rate schedule '{self.schedule}'.", "Choose cosine or linear.")

    def rate(self, step: int, steps: int) -> float:
        """Learning rate of step 0, 1, ..., steps - 1."""
        rising = max(1, round(self.warmup * steps))
        left = min(1.0, (steps - step) / max(1, steps - rising))
        decayed = left if self.schedule == "linear" else 0.5 - 0.5 * math.cos(math.pi * left)
        return self.lr * min((step + 1) / rising, decayed)

    def build(self, model: torch.nn.Module) -> torch.optim.AdamW:
        """The optimizer over a model's trainable parameters."""
        parameters = [p for p in model.parameters() if p.requires_grad]
        groups = [
            {"params": [p for p in parameters if p.dim() > 1], "weight_decay": self.weight_decay},
            {"params": [p for p in parameters if p.dim() <= 1], "weight_decay": 0.0},
        ]
        return torch.optim.AdamW(groups, lr=self.lr, betas=self.betas, fused=True)


def descend(
    network: torch.nn.Module,
    optimizer: Optimizer,
    order: Iterable[torch.Tensor],
    steps: int,
    loss: Callable[[torch.Tensor], torch.Tensor],
) -> FitReport:
    """Train a network by one optimizer step for the rows of each step.

    Args:
        network: its parameters that want a gradient are changed in place; it is left in evaluation mode.
        optimizer: its settings.
        order: row indices `[batch]` of each step, as `batches` gives them.
        steps: how many there are.
        loss: the mean loss `[]` of some rows, with a gradient.

    Returns:
        Rows trained on, repeats counted, and optimizer steps.

    Raises:
        Diverged: the loss or a weight is not finite.
    """

    def backward(rows: torch.Tensor) -> torch.Tensor:
        value = loss(rows)
        value.backward()  # type: ignore[no-untyped-call]
        return value.detach()

    return take_steps(network, optimizer, order, steps, backward)


def take_steps(
    network: torch.nn.Module,
    optimizer: Optimizer,
    order: Iterable[torch.Tensor],
    steps: int,
    backward: Callable[[torch.Tensor], torch.Tensor],
    checkpoint: Checkpoint | None = None,
) -> FitReport:
    """Train a network whose gradient comes in parts, or whose fit may be resumed.

    Args:
        network: as of `descend`.
        optimizer: its settings.
        order: as of `descend`; with a `checkpoint`, drawn ahead.
        steps: how many there are.
        backward: adds the gradient of the mean loss of some rows, and gives that loss.
        checkpoint: where a long fit leaves how far it is, or None.

    Returns:
        Rows trained on, repeats counted, and optimizer steps.

    Raises:
        Diverged: the loss or a weight is not finite.
    """
    parameters = [p for p in network.parameters() if p.requires_grad]
    stepper, rows_trained = optimizer.build(network), 0
    resumable = Resumable(checkpoint, parameters, stepper)
    network.train()
    for step, rows in enumerate(order):
        rows_trained += len(rows)
        if step < resumable.done:
            continue
        loss = backward(rows)
        if optimizer.clip is not None:
            torch.nn.utils.clip_grad_norm_(parameters, optimizer.clip)
        for group in stepper.param_groups:
            group["lr"] = optimizer.rate(step, steps)
        stepper.step()
        stepper.zero_grad()
        if (step + 1) % CHECK_EVERY == 0 or step + 1 == steps:
            check_finite("loss", loss, step)
        resumable.after(step)
    for parameter in parameters:
        check_finite("weight", whole(parameter.detach()), steps - 1)
    network.eval()
    return FitReport(rows_trained, steps)


def check_finite(what: str, values: torch.Tensor, step: int) -> None:
    """Raise `Diverged` if a value is not finite after this step."""
    if not bool(values.isfinite().all()):
        raise Diverged(
            f"A training {what} is not finite after {step + 1} steps.",
            "A result, not a crash: the cell is recorded as diverged.",
        )
