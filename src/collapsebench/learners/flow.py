"""Flow matching on vectors: a small network learns the velocity of straight paths from noise to data."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import pairwise

import torch

from ..core.corpus import Corpus
from ..core.errors import Diverged, PluginError
from ..core.learner import Decoding, FitConfig, FitReport
from .gradient import NetworkLearner, Optimizer, batches, descend, initialised

FREQUENCIES = 4
"""Sines and cosines of the time that the network sees, π to 8π."""


@dataclass(frozen=True)
class FlowShape:
    """The size of a flow.

    Args:
        d: dimension of x.
        width: hidden units of each layer.
        depth: hidden layers.
        ode_steps: steps from noise to data, two looks at the network each.
        optimizer: how it is trained.
    """

    d: int = 2
    width: int = 64
    depth: int = 3
    ode_steps: int = 10
    optimizer: Optimizer = field(default_factory=Optimizer)


class FlowMatching(NetworkLearner):
    """The flow dx/ds = v(x, s) that carries N(0, I) at s = 0 to the data at s = 1.

    Conditional flow matching (Lipman et al., arXiv:2210.02747, with σ_min = 0; Tong et al., arXiv:2302.00482,
    algorithm 1): v is fitted by least squares to x − z at (1 − s) z + s x, with z ~ N(0, I). Times have the density
    2s instead of a uniform one: v is the same at its best, and a small network is more exact near the data, where
    v bends most. Reads the column `x`, float32 `[n, d]`. Samples follow the flow by Heun's method.

    Args:
        shape: its size.
        rng: initial weights.
    """

    def __init__(self, shape: FlowShape, rng: torch.Generator) -> None:
        self.shape = shape
        self.network = initialised(lambda: _Velocity(shape), rng)

    def fit(self, corpus: Corpus, training: FitConfig) -> FitReport:
        """Minimise the mean squared error of the velocity.

        Raises:
            PluginError: rows of another dimension.
            Diverged: the loss or a weight is not finite.
        """
        x = corpus["x"]
        if x.shape[1:] != (self.shape.d,):
            raise PluginError(f"The flow is on vectors of {self.shape.d} coordinates, got rows {list(x.shape[1:])}.")

        def loss(rows: torch.Tensor) -> torch.Tensor:
            data = x[rows]
            noise = torch.randn(data.shape, generator=training.rng)
            time = torch.rand(len(data), 1, generator=training.rng).sqrt()
            velocity: torch.Tensor = self.network(torch.lerp(noise, data, time), time)
            return (velocity - (data - noise)).square().mean()

        order = list(batches(corpus, training))
        return descend(self.network, self.shape.optimizer, order, len(order), loss)

    def sample(self, n: int, rng: torch.Generator, decoding: Decoding, conditions: Corpus | None = None) -> Corpus:
        """`n` rows: column `x`, float32 `[n, d]`. Temperature divides the log density of the noise.

        Raises:
            Diverged: a path left the range of numbers.
        """
        x = math.sqrt(decoding.temperature) * torch.randn(n, self.shape.d, generator=rng)
        times = torch.linspace(0, 1, self.shape.ode_steps + 1)
        with torch.no_grad():
            for start, end in pairwise(times):
                slope = self.network(x, start.expand(n, 1))
                ahead = self.network(x + (end - start) * slope, end.expand(n, 1))
                x = x + (end - start) * (slope + ahead) / 2
        if not bool(x.isfinite().all()):
            raise Diverged("The flow carried noise to rows that are not finite.")
        return Corpus({"x": x})


class _Velocity(torch.nn.Module):
    """v(x, s): a perceptron of x and of waves in s."""

    def __init__(self, shape: FlowShape) -> None:
        super().__init__()
        sizes = [shape.d + 2 * FREQUENCIES, *[shape.width] * shape.depth]
        hidden = [layer for a, b in pairwise(sizes) for layer in (torch.nn.Linear(a, b), torch.nn.SiLU())]
        self.layers = torch.nn.Sequential(*hidden, torch.nn.Linear(sizes[-1], shape.d))
        self._frequencies = math.pi * torch.arange(1.0, FREQUENCIES + 1)

    def forward(self, x: torch.Tensor, time: torch.Tensor) -> torch.Tensor:
        """Velocities `[n, d]` at points `[n, d]` and times `[n, 1]` in [0, 1]."""
        waves = time * self._frequencies
        velocity: torch.Tensor = self.layers(torch.cat([x, waves.sin(), waves.cos()], 1))
        return velocity
