"""Points along a curve in the plane, fitted by a kernel density: a smooth that is smoothed again each generation."""

from __future__ import annotations

import math
from functools import cached_property
from typing import Annotated, Literal

import torch
from pydantic import Field

from collapsebench import Corpus, Count, Finite, Learner, Positive, Quantile, Start, Task, TaskCard, task

QUANTILE_SEED, QUANTILE_ROWS = 20241113, 4000
"""The rows of P* that the verifier's threshold is taken from: the same in every run."""

CURVE_POINTS = 3072
"""Points that stand for a whole curve where an average over it is needed; as many on each of its parts."""

Shape = Literal["moons", "circles", "blobs", "swiss_roll"]


@task("kde")
class KernelDensity(Task):
    """Two moons (or another shape) and a Gaussian kernel density estimate.

    A real row is a uniform point of a curve plus N(0, noise² I), then moved and scaled so that under P* each
    coordinate has mean 0 and variance exactly 1. With a fixed bandwidth h the model's expected second
    moment is therefore 1 + h² at t = 0, and grows by h² per generation under `replace`.

    Args:
        shape: `moons`, `circles` (radii 1 and ½), `blobs` (three points on the unit circle) or `swiss_roll`
            (one and a half turns, radius ½ to 1½).
        noise: standard deviation of the noise, in the curve's own units.
        bandwidth: h, in units of the standardised data.
        rule: `fixed`, or h from the rows by `scott` or `silverman`.
        heldout: fresh points that the model is scored on, the same at every generation.
        verifier_quantile: the verifier keeps a row whose density under P* is above this quantile of P*. It is
            biased: every row it rejects is a possible one, so it cuts the tails.
    """

    shape: Shape = "moons"
    noise: Annotated[Finite, Field(ge=0.01)] = 0.1
    bandwidth: Positive = 0.5
    rule: Literal["fixed", "scott", "silverman"] = "fixed"
    heldout: Count = 1000
    verifier_quantile: Quantile = 0.1

    card = TaskCard(
        title="Kernel density",
        modality="vector",
        suite="theory",
        primary="nll",
        unit="nats/point",
        metrics={
            "nll": "negative log density of fresh points, nats",
            "second_moment": "second moment of the model, mean over coordinates (1 for P*)",
            "bandwidth": "standard deviation of the kernel (1 is that of P*)",
        },
        supports={"log_prob", "temperature", "verifier"},
        shown=("second_moment",),
    )

    @cached_property
    def curve(self) -> torch.Tensor:
        """The noiseless curve at evenly spaced parameters, in its own units, float64 `[CURVE_POINTS, 2]`."""
        return _CURVES[self.shape]((torch.arange(CURVE_POINTS, dtype=torch.float64) + 0.5) / CURVE_POINTS)

    @cached_property
    def centre(self) -> torch.Tensor:
        """Mean of P* before it is standardised, float64 `[2]`."""
        return self.curve.mean(0)

    @cached_property
    def scale(self) -> torch.Tensor:
        """Standard deviation of each coordinate of P* before it is standardised, float64 `[2]`."""
        return (self.curve.var(0, correction=0) + self.noise**2).sqrt()

    def real(self, n: int, rng: torch.Generator) -> Corpus:
        along = _CURVES[self.shape](torch.rand(n, dtype=torch.float64, generator=rng))
        noise = self.noise * torch.randn(n, 2, dtype=torch.float64, generator=rng)
        return Corpus({"x": (along + noise - self.centre) / self.scale})

    def learner(self, rng: torch.Generator) -> Learner:
        from collapsebench.learners import KernelDensityLearner

        return KernelDensityLearner(2, self.bandwidth, self.rule)

    def evaluate(self, learner: Learner, start: Start, rng: torch.Generator) -> dict[str, float]:
        from collapsebench.learners import KernelDensityLearner

        assert isinstance(learner, KernelDensityLearner)
        return {
            "nll": -learner.log_prob(self.real(self.heldout, rng)).mean().item(),
            "second_moment": learner.second_moment,
            "bandwidth": learner.bandwidth,
        }

    def log_density(self, corpus: Corpus) -> torch.Tensor:
        """Log density under P*, float `[n]`: the noise averaged over the curve, as a sum over its points.

        The points lie closer together than the least noise, which makes the sum exact to rounding.
        """
        x = corpus["x"] * self.scale + self.centre
        slabs = torch.split(x, 1024)
        log_sums = [(torch.cdist(slab, self.curve).square() / (-2 * self.noise**2)).logsumexp(1) for slab in slabs]
        norm = math.log(CURVE_POINTS) + math.log(2 * math.pi * self.noise**2) - self.scale.log().sum()
        return torch.cat(log_sums) - norm

    @cached_property
    def threshold(self) -> float:
        """The verifier's least log density, from a fixed sample of P*."""
        rows = self.real(QUANTILE_ROWS, torch.Generator().manual_seed(QUANTILE_SEED))
        return self.log_density(rows).quantile(self.verifier_quantile).item()

    def verify(self, corpus: Corpus) -> torch.Tensor:
        """Rows of a real density above the quantile."""
        return self.log_density(corpus) >= self.threshold


def _moons(u: torch.Tensor) -> torch.Tensor:
    """The upper half of a circle for u < ½, and a lower half that reaches into it."""
    angle, lower = (2 * u % 1) * math.pi, u >= 0.5
    x = torch.where(lower, 1 - angle.cos(), angle.cos())
    return torch.stack([x, torch.where(lower, 0.5 - angle.sin(), angle.sin())], 1)


def _circles(u: torch.Tensor) -> torch.Tensor:
    angle, radius = (2 * u % 1) * 2 * math.pi, torch.where(u < 0.5, 1.0, 0.5)
    return torch.stack([radius * angle.cos(), radius * angle.sin()], 1)


def _blobs(u: torch.Tensor) -> torch.Tensor:
    angle = (3 * u).floor() * (2 * math.pi / 3)
    return torch.stack([angle.cos(), angle.sin()], 1)


def _swiss_roll(u: torch.Tensor) -> torch.Tensor:
    angle, radius = (1 + 2 * u) * 1.5 * math.pi, 0.5 + u
    return torch.stack([radius * angle.cos(), radius * angle.sin()], 1)


_CURVES = {"moons": _moons, "circles": _circles, "blobs": _blobs, "swiss_roll": _swiss_roll}
