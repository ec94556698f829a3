"""What learners that are trained by gradient steps share: initial weights, the order of rows, the optimizer."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeVar

import torch

from ..core.corpus import Corpus
from ..core.errors import PluginError
from ..core.learner import FitConfig

N = TypeVar("N", bound=torch.nn.Module)


def initialised(build: Callable[[], N], rng: torch.Generator) -> N:
    """A new network whose initial weights come from `rng`; global random state stays as it was."""
    seed = int(torch.randint(2**62, (1,), generator=rng))
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        return build()


def batches(corpus: Corpus, training: FitConfig) -> torch.Tensor:
    """Row indices of every step, int64 `[steps, batch]`.

    Rows without weights come in passes over the corpus, each in a new random order; rows with
    weights are drawn independently, in proportion to their weight.
    """
    rows, steps = len(corpus), training.steps_for(len(corpus))
    wanted = steps * training.batch
    if (weights := corpus.weights) is not None:
        index = torch.multinomial(weights.double(), wanted, replacement=True, generator=training.rng)
    else:
        passes = -(-wanted // rows)
        index = torch.cat([torch.randperm(rows, generator=training.rng) for _ in range(passes)])[:wanted]
    return index.view(steps, training.batch)


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
