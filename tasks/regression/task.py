"""Linear regression whose labels the model writes: error per generation is known in closed form."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import torch

from collapsebench import Corpus, GenerationZero, Learner, PluginError, Task, TaskCard, task


@task("regression")
@dataclass(frozen=True)
class Regression(Task):
    """y = x·w* + noise with x ~ N(0, Σ), and weights fitted in closed form.

    w* has norm 1 and equal coordinates. Σ is diagonal. A model is conditional: it labels rows x with its
    prediction plus fresh noise of the true variance.

    Args:
        d: dimension.
        sigma2: variance of the noise.
        design: rows that the models label: `fixed`, those of D_0 in their order (starting again after the
            last one), or `fresh`, new ones each generation.
        decay: Σ_k = k^−decay; 0 is isotropic.
        ridge: penalty λ on ‖w‖² beside the mean squared residual; 0 is least squares, of least norm where
            it is not unique.
        width: fit on this many random projections of x (entries N(0, 1/d), the same at every generation)
            instead of x; 0 for x itself.
        verifier_c: the verifier keeps a label within this many standard deviations of the noise of x·w*. It is
            biased: it also rejects the real labels beyond (1 in 22 at the default).
    """

    d: int = 10
    sigma2: float = 1.0
    design: Literal["fixed", "fresh"] = "fixed"
    decay: float = 0.0
    ridge: float = 0.0
    width: int = 0
    verifier_c: float = 2.0

    card = TaskCard(
        title="Regression",
        modality="labelled",
        primary="error",
        unit="squared error",
        metrics={
            "error": "excess squared error on real rows, (ŵ − w*)ᵀ Σ (ŵ − w*)",
            "train_mse": "mean squared residual on the rows of the fit",
        },
        supports={"sites", "log_prob", "temperature", "verifier"},
        shown=("train_mse",),
    )

    def __post_init__(self) -> None:
        if self.d < 1:
            raise PluginError(f"regression: d must be at least 1, got {self.d}.")
        if not self.sigma2 > 0:
            raise PluginError(f"regression: sigma2 must be positive, got {self.sigma2}.")
        if self.design not in ("fixed", "fresh"):
            raise PluginError(f"regression: design must be 'fixed' or 'fresh', got '{self.design}'.")
        if not self.decay >= 0:
            raise PluginError(f"regression: decay must not be negative, got {self.decay}.")
        if not self.ridge >= 0:
            raise PluginError(f"regression: ridge must not be negative, got {self.ridge}.")
        if self.width < 0:
            raise PluginError(f"regression: width must not be negative, got {self.width}.")
        if not self.verifier_c > 0:
            raise PluginError(f"regression: verifier_c must be positive, got {self.verifier_c}.")

    @cached_property
    def truth(self) -> torch.Tensor:
        """w*, float64 `[d]`."""
        return torch.full((self.d,), 1 / math.sqrt(self.d), dtype=torch.float64)

    @cached_property
    def spectrum(self) -> torch.Tensor:
        """The diagonal of Σ, float64 `[d]`."""
        return torch.arange(1, self.d + 1, dtype=torch.float64).pow(-self.decay)

    def conditions(self, n: int, rng: torch.Generator, first: Corpus | None = None) -> Corpus:
        """New rows x; for a fixed design the first n of D_0's, again from the start after the last."""
        if first is None or self.design == "fresh":
            rows = torch.randn(n, self.d, dtype=torch.float64, generator=rng)
            return Corpus({"x": rows * self.spectrum.sqrt() if self.decay else rows})
        rows = first["x"]
        return Corpus({"x": rows if n == len(rows) else rows[torch.arange(n) % len(rows)]})

    def real(self, n: int, rng: torch.Generator) -> Corpus:
        x = self.conditions(n, rng)["x"]
        noise = torch.randn(n, dtype=torch.float64, generator=rng)
        return Corpus({"x": x, "y": x @ self.truth + math.sqrt(self.sigma2) * noise})

    def learner(self, rng: torch.Generator) -> Learner:
        from collapsebench.learners.linear import LinearLearner, projection

        return LinearLearner(self.d, self.sigma2, self.ridge, projection(self.d, self.width, rng))

    def evaluate(self, learner: Learner, zero: GenerationZero, rng: torch.Generator) -> dict[str, float]:
        """Exact; nothing is drawn."""
        from collapsebench.learners.linear import LinearLearner

        assert isinstance(learner, LinearLearner)
        return {"error": learner.error(self.truth, self.spectrum), "train_mse": learner.train_mse}

    def verify(self, corpus: Corpus) -> torch.Tensor:
        """Labels close to the noiseless ones."""
        residual = corpus["y"] - corpus["x"] @ self.truth
        return residual.abs() <= self.verifier_c * math.sqrt(self.sigma2)

    def theory(self, method: str, n: int, generations: int) -> list[float]:
        """Expected `error` of least squares at t = 0..generations, exact; empty where no closed form is known."""
        if self.ridge or self.width or n < self.d + 2:
            return []
        from collapsebench import laws

        if method in {"frozen", "fresh_real"}:
            return [laws.regression_error(n, self.d, self.sigma2)] * (generations + 1)
        if method == "replace":
            return laws.regression_replace(n, self.d, self.sigma2, generations).tolist()
        if method == "accumulate":
            fixed = self.design == "fixed"
            law = laws.regression_accumulate if fixed else laws.regression_accumulate_fresh
            return law(n, self.d, self.sigma2, generations).tolist()
        return []
