"""Linear regression whose labels the model writes: error per generation is known in closed form."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import torch

from collapsebench import (
    Corpus,
    Count,
    Finite,
    Learner,
    Metric,
    Natural,
    NonNegative,
    Positive,
    Start,
    Task,
    TaskCard,
    task,
)

if TYPE_CHECKING:
    from collapsebench.learners import Population


@task("regression")
class Regression(Task):
    """y = x·w* + noise with x of mean 0 and covariance Σ, and weights fitted in closed form.

    w* has norm 1 and equal coordinates. Σ is diagonal. A model is conditional: it labels rows x with its
    prediction plus fresh noise of the true variance.

    Args:
        d: dimension.
        sigma2: variance of the noise.
        design: rows that the models label: `fixed`, those of D_0 in their order (starting again after the
            last one), or `fresh`, new ones each generation.
        inputs: distribution of the rows, `normal` or `signs` (x_k = ±√Σ_k).
        decay: Σ_k = k^−decay; 0 is isotropic.
        ridge: penalty λ on ‖w‖² beside the mean squared residual; 0 is least squares, of least norm where
            it is not unique.
        width: fit on this many random projections of x (entries N(0, 1/d), the same at every generation)
            instead of x; 0 for x itself.
        verifier_c: the verifier keeps a label within this many standard deviations of the noise of its own
            x·θ_c. It also rejects the real labels beyond (1 in 22 at the default).
        verifier_shift: the verifier's weights are θ_c = (1 + verifier_shift) w*; 0 is the truth.
    """

    d: Count = 10
    sigma2: Positive = 1.0
    design: Literal["fixed", "fresh"] = "fixed"
    inputs: Literal["normal", "signs"] = "normal"
    decay: NonNegative = 0.0
    ridge: NonNegative = 0.0
    width: Natural = 0
    verifier_c: Positive = 2.0
    verifier_shift: Finite = 0.0

    card = TaskCard(
        title="Regression",
        modality="labelled",
        suite="theory",
        primary="error",
        unit="squared error",
        metrics={
            "error": Metric("excess squared error on real rows, (ŵ − w*)ᵀ Σ (ŵ − w*)", 0),
            "train_mse": Metric("mean squared residual on the rows of the fit", 0),
        },
        supports={"sites", "log_prob", "temperature", "verifier"},
        shown=("train_mse",),
    )

    def __post_init__(self) -> None:
        fit = f"ridge regression (λ = {self.ridge:g})" if self.ridge else "least squares"
        on = f" on {self.width} random projections" if self.width else ""
        about = f"noisy linear labels of rows of {self.d} numbers; {fit}{on}"
        object.__setattr__(self, "card", replace(type(self).card, about=about))

    @cached_property
    def population(self) -> Population:
        """w*, Σ and the noise."""
        from collapsebench.learners import Population

        return Population(self.d, self.sigma2, self.decay, self.inputs == "signs")

    def conditions(self, n: int, rng: torch.Generator, first: Corpus | None = None) -> Corpus:
        """New rows x; for a fixed design the first n of D_0's, again from the start after the last."""
        if first is None or self.design == "fresh":
            return self.population.rows(n, rng)
        rows = first["x"]
        return Corpus({"x": rows if n == len(rows) else rows[torch.arange(n) % len(rows)]})

    def real(self, n: int, rng: torch.Generator) -> Corpus:
        return self.population.draw(n, rng)

    def learner(self, rng: torch.Generator) -> Learner:
        from collapsebench.learners import LinearLearner, projection

        return LinearLearner(self.d, self.sigma2, self.ridge, projection(self.d, self.width, rng))

    def evaluate(self, learner: Learner, start: Start, rng: torch.Generator) -> dict[str, float]:
        """Exact; nothing is drawn."""
        from collapsebench.learners import LinearLearner

        assert isinstance(learner, LinearLearner)
        error = learner.error(self.population.weights, self.population.spectrum)
        return {"error": error, "train_mse": learner.train_mse}

    def verify(self, corpus: Corpus) -> torch.Tensor:
        """Labels close to the verifier's own x·θ_c."""
        residual = corpus["y"] - (1 + self.verifier_shift) * (corpus["x"] @ self.population.weights)
        return residual.abs() <= self.verifier_c * math.sqrt(self.sigma2)

    def theory(self, method: str, n: int, generations: int) -> dict[str, list[float]]:
        """Expected `error` and `train_mse` of least squares at t = 0..generations, exact; {} without a closed form.

        n rows of one design leave σ²(1 − d/n) of their noise. T sets of labels on it share a fit, whose i-th is off the
        mean of those before by d independent noises: σ²(1 − d/n · H_T/T) is left, H_T the harmonic number.
        """
        import numpy as np

        from collapsebench import laws

        chain = laws.chained(method, generations)
        if self.ridge or self.width or self.inputs != "normal" or n < self.d + 2:
            error = self.learning_curve([n]) if chain is not None and chain[-1] == 1 else []
            return {"error": error * (generations + 1)} if error else {}
        if chain is not None:
            errors = laws.regression_replace(n, self.d, self.sigma2, generations)[chain - 1]
            left = np.full(generations + 1, 1 - self.d / n)
        elif method == "accumulate" and self.design == "fixed":
            errors, t = laws.regression_accumulate(n, self.d, self.sigma2, generations), np.arange(1, generations + 2)
            left = 1 - self.d / n * np.cumsum(1 / t) / t
        elif method == "accumulate":
            return {"error": laws.regression_accumulate_fresh(n, self.d, self.sigma2, generations).tolist()}
        else:
            return {}
        return {"error": errors.tolist(), "train_mse": (self.sigma2 * left).tolist()}

    def learning_curve(self, sizes: Sequence[int]) -> list[float]:
        """Expected `error` of least squares, exact; empty with a ridge or a projection."""
        return [] if self.ridge or self.width else self.population.expected_errors(sizes)
