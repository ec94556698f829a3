"""Claims on `regression`: error of least squares at finite n, on a design that is kept or drawn anew."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch

from ... import laws
from ..claim import Claim, Metric, Seen, Setting

D, N, GENERATIONS = 60, 120, 20
"""Small enough that d/(n - d - 1) is twice d/n."""


@dataclass(frozen=True)
class Walked:
    """A probe: sum over generations of the squared steps of the weights, on rows of covariance I.

    Where the steps are uncorrelated it is what the error has risen by on average, with less noise.

    Args:
        unit: of the law.
    """

    unit: float = 1.0

    def __call__(self, seen: Seen) -> float:
        """Up to the newest model."""
        weights = torch.stack([model.weights for model in seen.models])
        return float(weights.diff(dim=0).square().sum()) / self.unit


def claims() -> list[Claim]:
    """One fit at several sizes, three loops, and n = d on the log scale, where the error has no mean."""
    fixed, fresh = {"d": D}, {"d": D, "design": "fresh"}
    return [
        _one_fit(),
        *_loop("regression_replace", "replace", fixed),
        *_loop("regression_replace", "replace", fresh),
        *_loop("regression_accumulate", "accumulate", fixed),
        *_loop("regression_accumulate_fresh", "accumulate", fresh),
        _square("regression_replace", "replace"),
        _square("regression_accumulate", "accumulate"),
    ]


def log_growth(seen: Seen) -> float:
    """Log of the error relative to the first fit's."""
    return math.log(seen.records[-1].metrics["error"] / seen.records[0].metrics["error"])


def _one_fit() -> Claim:
    sizes = (80, 120, 240, 660)
    settings = tuple(Setting("regression", n, 1, "frozen", {"d": D}) for n in sizes)
    error = np.array([laws.regression_error(n, D, 1.0) for n in sizes])
    return Claim("regression_error", "error", settings, Metric("error"), error, 1200, 300, axis="n", x=sizes)


def _loop(law: str, method: str, task: Mapping[str, object]) -> list[Claim]:
    """The error, and the steps of the weights, of which each is due to the labels of one generation."""
    settings = (Setting("regression", N, GENERATIONS, method, task),)
    curve = laws.LAWS[law].formula(N, D, 1.0, GENERATIONS)
    steps = "Σ ‖ŵ_t − ŵ_{t−1}‖²"
    return [
        Claim(law, "error", settings, Metric("error"), curve, 800, 200, judged=(0, 1, 4, 20)),
        Claim(law, steps, settings, Walked(), curve - curve[0], 800, 200, judged=(1, 4, 20)),
    ]


def _square(law: str, method: str) -> Claim:
    """Given the design, the error at fit t is distributed as that of the first fit times the law's factor."""
    d = 10
    settings = (Setting("regression", d, GENERATIONS, method, {"d": d}),)
    curve = laws.LAWS[law].formula(d + 2, d, 1.0, GENERATIONS)
    growth, what = np.log(curve / curve[0]), "log of error / error at generation 0"
    return Claim(law, what, settings, log_growth, growth, 1000, 300, judged=(1, 4, 20))
