"""Points along a curve, fitted by a kernel density: a smooth that is smoothed again each generation."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from typing import Annotated, Literal, NamedTuple

import torch
from pydantic import Field

from collapsebench import Corpus, Count, Finite, Learner, Metric, Positive, Quantile, Start, Task, TaskCard, task

QUANTILE_SEED, QUANTILE_ROWS = 20241113, 4000
"""The rows of P* that the verifier's threshold is taken from: the same in every run."""

ROLL_HEIGHT = 21.0
"""Of the swiss roll, whose points have a third coordinate, uniform over it."""

Shape = Literal["moons", "circles", "blobs", "swiss_roll"]


@task("kde")
class KernelDensity(Task):
    """A swiss roll (or another shape) and a Gaussian kernel density estimate.

    The setting of Kazdan et al. (arXiv:2410.16713): shapes at the scale of scikit-learn's generators, bandwidths
    0.1, 0.5 and 1 in the same units. A real row is a uniform point of the shape plus N(0, noise² I); the paper's
    are evenly spaced, up to the noise. With a fixed bandwidth h the model's expected second moment is h² above
    that of P* at t = 0, and grows by h² per generation under `replace`.

    Args:
        shape: `swiss_roll` (in space: one and a half turns of radius 1.5π to 4.5π, 21 high), `moons` (two half
            circles of radius 1), `circles` (radii 1 and 0.8) or `blobs` (three points on the unit circle, not the
            paper's, whose test set is of other points than the training set).
        noise: standard deviation of the noise.
        bandwidth: h.
        rule: `fixed`, or h from the rows by `scott` or `silverman`.
        heldout: fresh points that the model is scored on, the same at every generation.
        verifier_quantile: the verifier keeps a row whose density under P* is above this quantile of P*. It is
            biased: every row it rejects is a possible one, so it cuts the tails.
    """

    shape: Shape = "swiss_roll"
    noise: Annotated[Finite, Field(ge=0.01)] = 0.05
    bandwidth: Positive = 0.5
    rule: Literal["fixed", "scott", "silverman"] = "fixed"
    heldout: Count = 2000
    verifier_quantile: Quantile = 0.1

    card = TaskCard(
        title="Kernel density",
        modality="vector",
        suite="theory",
        primary="nll",
        unit="nats/point",
        metrics={
            "nll": Metric("negative log density of fresh points, nats"),
            "second_moment": Metric("second moment of the model, mean over coordinates", 0),
            "bandwidth": Metric("standard deviation of the kernel", 0),
        },
        supports={"log_prob", "temperature", "verifier"},
        shown=("second_moment",),
        version=2,
    )

    def __post_init__(self) -> None:
        width = f"of width {self.bandwidth:g}" if self.rule == "fixed" else f"of {self.rule.capitalize()}'s width"
        about = f"points of {_SHAPES[self.shape].words}; a Gaussian kernel {width} on every row"
        object.__setattr__(self, "card", replace(type(self).card, about=about))

    @cached_property
    def curve(self) -> torch.Tensor:
        """Points of the noiseless curve in the plane, evenly spaced in its parameter, float64 `[k, 2]`.

        Neighbours are at most half of the noise apart, so that a sum over them stands for the integral. Each part
        of a shape has as many.
        """
        _, along, speed = _SHAPES[self.shape]
        k = 6 * math.ceil(speed / (self.noise / 2) / 6)
        return along((torch.arange(k, dtype=torch.float64) + 0.5) / k)

    @property
    def d(self) -> int:
        """Dimension of a row: that of the plane, or of space."""
        return 3 if self.shape == "swiss_roll" else 2

    @cached_property
    def spread(self) -> float:
        """Second moment of P*, mean over coordinates."""
        height = ROLL_HEIGHT**2 / 3 if self.d == 3 else 0.0
        return (self.curve.square().sum(1).mean().item() + height) / self.d + self.noise**2

    def real(self, n: int, rng: torch.Generator) -> Corpus:
        x = _SHAPES[self.shape].along(torch.rand(n, dtype=torch.float64, generator=rng))
        if self.d == 3:
            x = torch.cat([x, ROLL_HEIGHT * torch.rand(n, 1, dtype=torch.float64, generator=rng)], 1)
        return Corpus({"x": x + self.noise * torch.randn(n, self.d, dtype=torch.float64, generator=rng)})

    def learner(self, rng: torch.Generator) -> Learner:
        from collapsebench.learners import KernelDensityLearner

        return KernelDensityLearner(self.d, self.bandwidth, self.rule)

    def evaluate(self, learner: Learner, start: Start, rng: torch.Generator) -> dict[str, float]:
        from collapsebench.learners import KernelDensityLearner

        assert isinstance(learner, KernelDensityLearner)
        return {
            "nll": -learner.log_prob(self.real(self.heldout, rng)).mean().item(),
            "second_moment": learner.second_moment,
            "bandwidth": learner.bandwidth,
        }

    def log_density(self, corpus: Corpus) -> torch.Tensor:
        """Log density under P*, float `[n]`: the noise averaged over the curve, as a sum over its points."""
        x = corpus["x"]
        slabs = torch.split(x[:, :2].contiguous(), 256)
        log_sums = [(torch.cdist(slab, self.curve).square() / (-2 * self.noise**2)).logsumexp(1) for slab in slabs]
        log_density = torch.cat(log_sums) - math.log(len(self.curve) * 2 * math.pi * self.noise**2)
        if self.d == 3:
            below, above = x[:, 2] / self.noise, (x[:, 2] - ROLL_HEIGHT) / self.noise
            log_density += ((torch.special.ndtr(below) - torch.special.ndtr(above)) / ROLL_HEIGHT).log()
        return log_density

    def theory(self, method: str, n: int, generations: int) -> dict[str, list[float]]:
        """Expected `second_moment` at a fixed bandwidth, exact: each fit in a chain, and each in a pool, adds h²."""
        from collapsebench import laws

        h2, chain = self.bandwidth**2, laws.chained(method, generations)
        if self.rule != "fixed":
            return {}
        if chain is not None:
            return {"second_moment": (self.spread + h2 * chain).tolist()}
        if method in {"accumulate", "accumulate_subsample"}:
            return {"second_moment": laws.kde_accumulate(self.spread, self.bandwidth, generations).tolist()}
        return {}

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
    angle, radius = (2 * u % 1) * 2 * math.pi, torch.where(u < 0.5, 1.0, 0.8)
    return torch.stack([radius * angle.cos(), radius * angle.sin()], 1)


def _blobs(u: torch.Tensor) -> torch.Tensor:
    angle = (3 * u).floor() * (2 * math.pi / 3)
    return torch.stack([angle.cos(), angle.sin()], 1)


def _swiss_roll(u: torch.Tensor) -> torch.Tensor:
    """Seen from above: an angle that is also the radius."""
    angle = (1 + 2 * u) * 1.5 * math.pi
    return torch.stack([angle * angle.cos(), angle * angle.sin()], 1)


class _Shape(NamedTuple):
    """What it is, its curve `[n] -> [n, 2]` over parameters in [0, 1], and the greatest speed (any, of mere points)."""

    words: str
    along: Callable[[torch.Tensor], torch.Tensor]
    speed: float


_SHAPES = {
    "moons": _Shape("two moons in the plane", _moons, 2 * math.pi),
    "circles": _Shape("two circles in the plane", _circles, 4 * math.pi),
    "blobs": _Shape("three blobs in the plane", _blobs, 1.0),
    "swiss_roll": _Shape("a swiss roll in space", _swiss_roll, 3 * math.pi * math.hypot(1, 4.5 * math.pi)),
}
