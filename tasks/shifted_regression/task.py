"""One-shot mixing of clean labels with labels from shifted weights: strong model collapse in closed form."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

import torch

from collapsebench import Corpus, Count, Learner, Metric, Natural, NonNegative, Positive, Start, Task, TaskCard, task

if TYPE_CHECKING:
    from collapsebench.learners import Population


@task("shifted_regression")
class ShiftedRegression(Task):
    """Ridge regression on rows labelled by w_1 (real) and by w_2 = w_1 + δ (synthetic), δ ~ N(0, c²/d · I).

    The setting of Dohmatob et al., Strong Model Collapse (arXiv:2410.04840). Synthetic rows are new ones, labelled
    by a surrogate of stated quality: δ is drawn once per seed, whatever the model was trained on. One
    generation under `real_mix` with alpha = p_1 is therefore the paper's experiment with n rows in all, a share
    p_2 = 1 − p_1 of them synthetic; `frozen` is p_2 = 0 and `replace` p_2 = 1. Further generations repeat it.

    w_1 has squared norm 1 and equal coordinates, x ~ N(0, Σ) with Σ diagonal.

    Args:
        d: dimension.
        sigma2: variance of the label noise, the same in both parts.
        c2: expected squared norm of δ.
        decay: Σ_k = k^−decay; 0 is isotropic.
        ridge: penalty λ on ‖w‖² beside the mean squared residual; 0 is the ridgeless limit.
        width: fit on this many random projections of x (entries N(0, 1/d)) instead of x; 0 for x itself.
    """

    d: Count = 100
    sigma2: Positive = 0.1
    c2: NonNegative = 0.1
    decay: NonNegative = 0.0
    ridge: NonNegative = 0.0
    width: Natural = 0

    card = TaskCard(
        title="Shifted regression",
        modality="labelled",
        suite="theory",
        primary="error",
        unit="squared error",
        metrics={
            "error": Metric("excess squared error on real rows, (ŵ − w_1)ᵀ Σ (ŵ − w_1)", 0),
            "train_mse": Metric("mean squared residual on the rows of the fit", 0),
        },
        supports={"temperature"},
        shown=("train_mse",),
    )

    def __post_init__(self) -> None:
        fit = f"ridge regression (λ = {self.ridge:g})" if self.ridge else "least squares"
        on = f" on {self.width} random projections" if self.width else ""
        about = f"noisy linear labels of rows of {self.d} numbers, which models write by other weights; {fit}{on}"
        object.__setattr__(self, "card", replace(type(self).card, about=about))

    @cached_property
    def population(self) -> Population:
        """w_1, Σ and the noise."""
        from collapsebench.learners import Population

        return Population(self.d, self.sigma2, self.decay)

    def conditions(self, n: int, rng: torch.Generator, first: Corpus | None = None) -> Corpus:
        """New rows x."""
        return self.population.rows(n, rng)

    def real(self, n: int, rng: torch.Generator) -> Corpus:
        return self.population.draw(n, rng)

    def learner(self, rng: torch.Generator) -> Learner:
        from collapsebench.learners import LinearLearner, projection

        shift = math.sqrt(self.c2 / self.d) * torch.randn(self.d, dtype=torch.float64, generator=rng)
        projected = projection(self.d, self.width, rng)
        return LinearLearner(self.d, self.sigma2, self.ridge, projected, labeller=self.population.weights + shift)

    def evaluate(self, learner: Learner, start: Start, rng: torch.Generator) -> dict[str, float]:
        """Exact; nothing is drawn."""
        from collapsebench.learners import LinearLearner

        assert isinstance(learner, LinearLearner)
        error = learner.error(self.population.weights, self.population.spectrum)
        return {"error": error, "train_mse": learner.train_mse}

    def learning_curve(self, sizes: Sequence[int]) -> list[float]:
        """Expected `error` of least squares, exact; empty with a ridge or a projection."""
        return [] if self.ridge or self.width else self.population.expected_errors(sizes)
