"""Points in the plane, fitted by flow matching: modes that are lost, and a reward that pulls to one point."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cached_property
from typing import Literal

import torch

from collapsebench import (
    Corpus,
    Count,
    Decoding,
    Learner,
    Metric,
    NonNegative,
    Positive,
    Quantile,
    Start,
    Task,
    TaskCard,
    task,
)

MODES = 8
QUANTILE_SEED, QUANTILE_ROWS = 20240712, 20_000
"""The rows of P* that the verifier's threshold is taken from: the same in every run."""


@task("mixture2d")
class Mixture2D(Task):
    """A mixture of normals of one width in the plane, and a small network that learns to draw from it.

    The centres are eight points on a circle (`gaussians`) or 128 points along each of two interleaved half
    circles (`moons`; neighbours are much closer than the noise), moved and scaled to mean 0 and second moment 1
    per coordinate. P* has eight modes of probability 1/8: the eight points, or a quarter of a half circle each.

    The reward is that of Ferbach et al. (arXiv:2407.09499): −slope · max(0, ‖x − x*‖ − radius), x* in the middle of
    the first mode.

    Args:
        distribution: `gaussians` or `moons`.
        noise: standard deviation of each normal.
        width: hidden units in each of the network's layers.
        depth: hidden layers.
        lr: peak learning rate.
        heldout: real points that as many samples are compared with, the same at every generation.
        verifier_quantile: the verifier keeps a point whose density under P* is above this quantile of P*. It is
            biased: every point it rejects is a possible one, so it cuts the tails.
        reward_slope: how fast the reward falls.
        reward_radius: distance from x* at which it begins to fall.
    """

    distribution: Literal["gaussians", "moons"] = "gaussians"
    noise: Positive = 0.15
    width: Count = 64
    depth: Count = 3
    lr: Positive = 2e-2
    heldout: Count = 500
    verifier_quantile: Quantile = 0.05
    reward_slope: Positive = 10.0
    reward_radius: NonNegative = 0.15

    card = TaskCard(
        title="Mixture in the plane",
        modality="vector",
        suite="theory",
        primary="w2",
        unit="squared distance",
        metrics={
            "w2": Metric(
                "squared 2-Wasserstein distance between samples and as many real points (not 0 for P* itself)", 0
            ),
            "mode_coverage": Metric("share of modes with at least a tenth of their real probability", 0, 1),
            "mode_entropy": Metric(
                "entropy of the modes that samples are nearest to, nats (log 8 for P*)", 0, math.log(MODES)
            ),
            "mode_kl": Metric("KL(samples ‖ P*) of the modes, nats: a lower bound of that of the points", 0),
            "kept": Metric("share of samples that a verifier without noise keeps", 0, 1),
            "reward": Metric("mean reward of samples", high=0),
            "reward_variance": Metric("variance of the reward of samples", 0),
        },
        supports={"temperature", "verifier", "reward"},
        shown=("mode_coverage", "mode_entropy", "reward"),
    )

    def __post_init__(self) -> None:
        what = "eight normals on a circle" if self.distribution == "gaussians" else "two moons"
        about = f"points of {what}; a flow-matching network of {self.depth} layers of {self.width}"
        object.__setattr__(self, "card", replace(type(self).card, about=about))

    @cached_property
    def centres(self) -> torch.Tensor:
        """The means of the normals in the order of their modes, as many for each, float32 `[m, 2]`."""
        points = _CENTRES[self.distribution]()
        points = points - points.mean(0)
        return (points / points.square().mean(0).sqrt()).float()

    @cached_property
    def best(self) -> torch.Tensor:
        """x*, where the reward has its maximum of 0, float32 `[2]`."""
        return self.centres[len(self.centres) // MODES // 2]

    def real(self, n: int, rng: torch.Generator) -> Corpus:
        chosen = torch.randint(len(self.centres), (n,), generator=rng)
        return Corpus({"x": self.centres[chosen] + self.noise * torch.randn(n, 2, generator=rng)})

    def learner(self, rng: torch.Generator) -> Learner:
        from collapsebench.learners import FlowMatching, FlowShape, Optimizer

        optimizer = Optimizer(lr=self.lr, betas=(0.9, 0.99), weight_decay=0.0)
        return FlowMatching(FlowShape(2, self.width, self.depth, optimizer=optimizer), rng)

    def evaluate(self, learner: Learner, start: Start, rng: torch.Generator) -> dict[str, float]:
        """Scores of `heldout` samples."""
        from collapsebench.scoring import entropy, kl_divergence, mode_coverage, shares, w2_between_samples

        real, samples = self.real(self.heldout, rng), learner.sample(self.heldout, rng, Decoding())
        found, law = shares(self.modes(samples), MODES), torch.full((MODES,), 1 / MODES, dtype=torch.float64)
        reward = self.reward(samples).double()
        return {
            "w2": w2_between_samples(real["x"], samples["x"]),
            "mode_coverage": mode_coverage(found, law),
            "mode_entropy": entropy(found.unsqueeze(0)),
            "mode_kl": kl_divergence(found, law),
            "kept": self.verify(samples).double().mean().item(),
            "reward": reward.mean().item(),
            "reward_variance": reward.var(correction=0).item(),
        }

    def modes(self, corpus: Corpus) -> torch.Tensor:
        """The mode of the centre that each point is nearest to, int64 `[n]`."""
        return torch.cdist(corpus["x"], self.centres).argmin(1) // (len(self.centres) // MODES)

    def log_density(self, corpus: Corpus) -> torch.Tensor:
        """Log density under P*, float `[n]`."""
        log_kernels = torch.cdist(corpus["x"], self.centres).square() / (-2 * self.noise**2)
        return log_kernels.logsumexp(1) - math.log(2 * math.pi * self.noise**2 * len(self.centres))

    @cached_property
    def threshold(self) -> float:
        """The verifier's least log density, from a fixed sample of P*."""
        rows = self.real(QUANTILE_ROWS, torch.Generator().manual_seed(QUANTILE_SEED))
        return self.log_density(rows).quantile(self.verifier_quantile).item()

    def verify(self, corpus: Corpus) -> torch.Tensor:
        """Points of a real density above the quantile."""
        return self.log_density(corpus) >= self.threshold

    def reward(self, corpus: Corpus) -> torch.Tensor:
        """Minus the distance to x* beyond the radius, times the slope."""
        distance = (corpus["x"] - self.best).square().sum(1).sqrt()
        return -self.reward_slope * (distance - self.reward_radius).clamp(min=0)


def _circle() -> torch.Tensor:
    angle = torch.arange(MODES, dtype=torch.float64) * (2 * math.pi / MODES)
    return torch.stack([angle.cos(), angle.sin()], 1)


def _moons() -> torch.Tensor:
    """The upper half of a circle, and a lower half that reaches into it."""
    angle = (torch.arange(128, dtype=torch.float64) + 0.5) * (math.pi / 128)
    upper = torch.stack([angle.cos(), angle.sin()], 1)
    lower = torch.stack([1 - angle.cos(), 0.5 - angle.sin()], 1)
    return torch.cat([upper, lower])


_CENTRES = {"gaussians": _circle, "moons": _moons}
