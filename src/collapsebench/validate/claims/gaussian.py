"""Claims on `gaussian`: spread and mean error under the methods whose laws are known at finite n."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from ... import laws
from ...core.block import EDITED
from ...core.checked import Finite
from ...core.context import Context, desk_of
from ...core.corpus import Corpus, of_origin
from ...core.method import Method, MethodCard
from ...laws import Array
from ...loop.desk import Desk
from ..claim import Claim, Metric, Probe, Seen, Setting

_SPREADS = {
    "replace": laws.gaussian_replace,
    "accumulate": laws.gaussian_accumulate,
    "accumulate_subsample": laws.gaussian_accumulate_subsample,
}


_STEPS = "Σ ‖μ̂_t − μ̂_{t−1}‖² / d"


class NegativeExtrapolation(Method):
    """The rows of D_{t-1} moved and stretched so that both moments step away from what was fitted to A_t.

    Args:
        w: the moments of D_{t-1} get weight 1 + w, those of A_t weight -w.
    """

    w: Finite = 0.5

    name = "NegativeExtrapolation"
    card = MethodCard(title="Negative extrapolation", access={"history"})

    def curate(self, arrivals: Corpus, ctx: Context) -> Corpus:
        """Rows with exactly the moments that the step leads to."""
        rows = ctx.previous["x"].numpy()
        before, own = _moments(rows), _moments(arrivals["x"].numpy())
        mean, covariance = ((1 + self.w) * a - self.w * b for a, b in zip(before, own, strict=True))
        standard = np.linalg.solve(np.linalg.cholesky(before[1]), (rows - before[0]).T)
        made = Corpus({"x": torch.from_numpy(mean + (np.linalg.cholesky(covariance) @ standard).T)})
        desk = desk_of(ctx)
        assert isinstance(desk, Desk)
        return desk.handed.new(of_origin(made, EDITED))  # rows from nowhere, which the harness's own method may make


@dataclass(frozen=True)
class Lost:
    """A probe: the spread that the model has lost, 1 - tr Σ̂ / d.

    Args:
        d: dimension.
    """

    d: int

    def __call__(self, seen: Seen) -> float:
        """In units of the true spread."""
        return 1 - seen.records[-1].metrics["trace"] / self.d


@dataclass(frozen=True)
class Walked:
    """A probe: sum over generations of ‖μ̂_t − μ̂_{t-1}‖²/d, which is what the error of the mean has risen by on average.

    The steps are uncorrelated where each model is fitted to whole pools. What remains is less noisy than the error.

    Args:
        d: dimension.
    """

    d: int

    def __call__(self, seen: Seen) -> float:
        """In units of the true spread."""
        means = torch.stack([model.mean for model in seen.models])
        return float(means.diff(dim=0).square().sum()) / self.d


@dataclass(frozen=True)
class SecondMoment:
    """A probe: spread and error of the mean together, (tr Σ̂ + ‖μ̂‖²)/d.

    Args:
        d: dimension.
    """

    d: int

    def __call__(self, seen: Seen) -> float:
        """In units of the true spread."""
        metrics = seen.records[-1].metrics
        return (metrics["trace"] + metrics["mean_sq"]) / self.d


def claims() -> list[Claim]:
    """Small n, where finite-n terms are large, with n = d, where the mean has the most dimensions to walk in.

    Then the published size n = 100.
    """
    return [
        *_decay("replace", n=40, d=40, generations=20, judged=(0, 1, 9, 20), seeds=500, fast=150),
        *_decay("replace", n=100, d=10, generations=30, judged=(0, 1, 9, 29), seeds=300),
        *_decay("accumulate", n=40, d=40, generations=20, judged=(0, 1, 9, 20), seeds=500, fast=150),
        *_decay("accumulate", n=100, d=10, generations=30, judged=(0, 1, 9, 30), seeds=300),
        *_decay("accumulate_subsample", n=40, d=40, generations=20, judged=(0, 1, 9, 20), seeds=900, fast=150),
        *_decay("accumulate_subsample", n=100, d=10, generations=20, judged=(0, 1, 9, 20), seeds=300),
        _limit(),
        *_first_teacher(),
        *_extrapolation(),
    ]


def _decay(
    method: str, n: int, d: int, generations: int, judged: tuple[int, ...], seeds: int, fast: int = 0
) -> list[Claim]:
    """Lost spread and error of the mean, which are equal on average, and what is conserved, from the same cells."""
    settings, law = (Setting("gaussian", n, generations, method, {"d": d}),), f"gaussian_{method}"
    lost = laws.gaussian_mean_error(_SPREADS[method](n, generations))
    probes: tuple[tuple[str, str, Probe, Array], ...] = (
        (law, "1 − tr Σ̂ / d", Lost(d), lost),
        (law, "‖μ̂‖² / d", Metric("mean_sq", d), lost),
        *([] if method == "accumulate_subsample" else [(law, _STEPS, Walked(d), lost - lost[0])]),
        ("gaussian_mean_error", "(tr Σ̂ + ‖μ̂‖²) / d", SecondMoment(d), np.ones(generations + 1)),
    )
    return [
        Claim(name, what, settings, probe, theory, seeds, fast, judged=judged[1:] if what == _STEPS else judged)
        for name, what, probe, theory in probes
    ]


def _limit() -> Claim:
    """After 150 generations the steps are 1 % short of their limit, little more than a standard error."""
    n, d, generations = 40, 40, 150
    settings = (Setting("gaussian", n, generations, "accumulate", {"d": d}),)
    limit = np.full(generations + 1, 1 - 1 / n - laws.gaussian_accumulate_limit(n))
    return Claim("gaussian_accumulate_limit", _STEPS, settings, Walked(d), limit, 400, judged=(generations,))


def _first_teacher() -> list[Claim]:
    n, d, generations = 40, 40, 10
    settings = (Setting("gaussian", n, generations, "first_teacher", {"d": d}),)
    lost = laws.gaussian_mean_error(laws.gaussian_first_teacher(n, generations))
    pairs: tuple[tuple[str, Probe], ...] = (("1 − tr Σ̂ / d", Lost(d)), ("‖μ̂‖² / d", Metric("mean_sq", d)))
    law, judged = "gaussian_first_teacher", (0, 1, 5, 10)
    return [Claim(law, what, settings, probe, lost, 900, 200, judged=judged) for what, probe in pairs]


def _extrapolation() -> list[Claim]:
    """N is ten times d, so that what is left of the covariance stays positive."""
    n, d, w, generations = 80, 8, 0.5, 60
    settings = (Setting("gaussian", n, generations, NegativeExtrapolation, {"d": d}, {"w": w}),)
    spread = laws.gaussian_extrapolated_spread(n, w, generations)
    error = laws.gaussian_extrapolated_error(n, w, generations)
    cases: tuple[tuple[str, str, Probe, Array], ...] = (
        ("gaussian_extrapolated_spread", "tr Σ̂ / d", Metric("trace", d), spread),
        ("gaussian_extrapolated_error", "‖μ̂‖² / d", Metric("mean_sq", d), error),
        ("gaussian_extrapolated_error", _STEPS, Walked(d), error - error[0]),
    )
    return [Claim(law, what, settings, probe, theory, 500, 60, judged=(20, 60)) for law, what, probe, theory in cases]


def _moments(x: Array) -> tuple[Array, Array]:
    """Mean `[d]` and maximum-likelihood covariance `[d, d]` of rows `[n, d]`."""
    mean = x.mean(0)
    return mean, (x - mean).T @ (x - mean) / len(x)
