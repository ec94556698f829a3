"""A small conditional diffusion model of grey-level images (Ho, Jain & Abbeel, arXiv:2006.11239)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from torch.nn import functional as F

from ...core.corpus import Corpus
from ...core.seeds import generator
from ..gradient import Optimizer, initialised
from .generator import ImageGenerator
from .shape import ImageShape

SCORED = 8
"""Steps at which an image is noised to estimate the sum over all steps of its bound."""

CHUNK = 1 << 22
"""Largest number of elements of an intermediate tensor while a corpus is scored or sampled."""


@dataclass(frozen=True)
class DDPMShape:
    """The size of a diffusion model.

    Args:
        image: of its images.
        steps: of the diffusion, 2 at least.
        width: hidden units of each layer.
        optimizer: how it is trained.
    """

    image: ImageShape
    steps: int = 50
    width: int = 256
    optimizer: Optimizer = field(default_factory=Optimizer)


class Schedule:
    """The cosine schedule of Nichol & Dhariwal (arXiv:2102.09672, equation 17); index t - 1 is step t.

    `signal` and `noise` are the sizes of both in x_t, given the image. The posterior of x_{t-1}, given x_t and the
    image, has the mean `on_start` · image + `on_current` · x_t and the variance `variance`, 0 at the first step.

    Args:
        steps: T.
    """

    def __init__(self, steps: int) -> None:
        angle = (torch.arange(steps + 1, dtype=torch.float64) / steps + 0.008) / 1.008 * math.pi / 2
        kept = angle.cos().square()
        beta = (1 - kept[1:] / kept[:-1]).clamp(max=0.999)
        product = (1 - beta).cumprod(0)
        before = torch.cat([torch.ones(1, dtype=torch.float64), product[:-1]])
        self.signal, self.noise = product.sqrt().float(), (1 - product).sqrt().float()
        self.on_start = (beta * before.sqrt() / (1 - product)).float()
        self.on_current = ((1 - before) * (1 - beta).sqrt() / (1 - product)).float()
        self.variance = (beta * (1 - before) / (1 - product)).float()


class ConditionalDDPM(ImageGenerator):
    """p(image | label) as T denoising steps from white noise, the last of which draws grey levels.

    At every step the network says how probable each grey level of a pixel is from what it sees in the whole image
    and the label; Bayes' rule adds what the noised pixel itself tells. The expected image is what the normal
    denoising steps aim at, and the last step draws each pixel's level. So the variational bound is one of discrete
    grey levels and compares with the VAE's. Training maximises the log-probability of the levels at random steps
    (Dieleman et al., arXiv:2211.15089).

    Args:
        shape: its size.
        rng: initial weights.
    """

    def __init__(self, shape: DDPMShape, rng: torch.Generator) -> None:
        network = initialised(lambda: _Network(shape), rng)
        super().__init__(shape.image, shape.optimizer, network)
        self._denoiser, self._steps, self._schedule = network, shape.steps, Schedule(shape.steps)
        self._grey = self._scaled(torch.arange(shape.image.levels + 1))

    def objective(self, images: torch.Tensor, labels: torch.Tensor, rng: torch.Generator) -> torch.Tensor:
        """Log-probability of the grey levels at one random step per image, nats/pixel."""
        step = torch.randint(self._steps, (len(labels),), generator=rng)
        noise = torch.randn(images.shape, generator=rng)
        return self._log_prob_of_levels(images, labels, step, noise).mean(-1)

    def image_bound(self, corpus: Corpus, rng: torch.Generator) -> torch.Tensor:
        """The variational bound (equation 5), nats, float `[n]`; its sum is estimated at `SCORED` random steps.

        There is one in each of as many equal parts of the steps, so that the estimate has no bias.
        """
        bounds = []
        for images, labels in self._chunks(corpus["image"], corpus["label"]):
            places = torch.rand(SCORED, len(labels), generator=rng) + torch.arange(SCORED).unsqueeze(1)
            noise = torch.randn(SCORED + 1, *images.shape, generator=rng)
            bounds.append(self._bound(images, labels, self._at(places / SCORED), noise))
        return torch.cat(bounds)

    def log_prob(self, corpus: Corpus) -> torch.Tensor:
        """The bound on log p(image, label) over all steps, nats, float `[n]`; the same noise for every row.

        What a row scores must not depend on its place or its neighbours.
        """
        noise = torch.randn(self._steps, 1, self.shape.pixels, generator=generator(0))
        bounds = [
            self._bound(images, labels, torch.arange(1, self._steps).unsqueeze(1).expand(-1, len(labels)), noise)
            for images, labels in self._chunks(corpus["image"], corpus["label"])
        ]
        return self._label_log_prob[corpus["label"]] + torch.cat(bounds)

    def label_scores(self, images: torch.Tensor) -> torch.Tensor:
        """The bound's sum for every label, at `SCORED` fixed steps with the same noise for all.

        A diffusion classifier (Li et al., arXiv:2303.16203).
        """
        noise = torch.randn(SCORED, 1, self.shape.pixels, generator=generator(0))
        steps = self._at((torch.arange(SCORED) + 0.5).unsqueeze(1) / SCORED)
        scores = [
            torch.stack([-self._divergence(chunk, of_one, steps, noise) for of_one in self.every_label(len(chunk))], 1)
            for chunk, _ in self._chunks(images, images)
        ]
        return torch.cat(scores)

    def draw(self, labels: torch.Tensor, rng: torch.Generator, temperature: float) -> torch.Tensor:
        """Ancestral sampling over all steps (algorithm 2).

        Temperature divides the log density of every normal draw and the log-probabilities of the grey levels.
        """
        return torch.cat([self._draw(chunk, rng, temperature) for chunk, _ in self._chunks(labels, labels)])

    # -- inside ----------------------------------------------------------------------------------

    def _draw(self, labels: torch.Tensor, rng: torch.Generator, temperature: float) -> torch.Tensor:
        schedule, size = self._schedule, (len(labels), self.shape.pixels)
        x = math.sqrt(temperature) * torch.randn(size, generator=rng)
        with torch.no_grad():
            for step in range(self._steps - 1, 0, -1):
                mean = schedule.on_start[step] * self._expected(x, labels, step) + schedule.on_current[step] * x
                x = mean + (temperature * schedule.variance[step]).sqrt() * torch.randn(size, generator=rng)
            chance = (self._logits(x, labels, torch.zeros_like(labels)) / temperature).softmax(-1)
        drawn = torch.multinomial(chance.flatten(0, 1), 1, generator=rng)
        return drawn.view(size).to(torch.uint8)

    def _bound(
        self, images: torch.Tensor, labels: torch.Tensor, steps: torch.Tensor, noise: torch.Tensor
    ) -> torch.Tensor:
        """The bound on log p(image | label), `[n]`: the last draw, the steps between, the distance to white noise.

        Args:
            images: counts `[n, pixels]`.
            labels: `[n]`.
            steps: at which the sum is estimated, `[s, n]`.
            noise: `[s + 1, n or 1, pixels]`.
        """
        with torch.no_grad():
            last = self._log_prob_of_levels(images, labels, torch.zeros_like(labels), noise[-1]).sum(-1)
            signal, spread = self._schedule.signal[-1].square(), self._schedule.noise[-1].square()
            prior = 0.5 * (signal * self._scaled(images).square() + spread - 1 - spread.log()).sum(-1)
            return last - self._divergence(images, labels, steps, noise[:-1]) - prior

    def _divergence(
        self, images: torch.Tensor, labels: torch.Tensor, steps: torch.Tensor, noise: torch.Tensor
    ) -> torch.Tensor:
        """KL of the model's normal steps from the posteriors that know the image, times their number; `[n]`."""
        schedule, start, total = self._schedule, self._scaled(images), torch.zeros(len(images))
        with torch.no_grad():
            for step, of_one in zip(steps.expand(-1, len(images)), noise, strict=True):
                error = start - self._expected(self._noised(images, step, of_one), labels, step)
                total += schedule.on_start[step].square() / (2 * schedule.variance[step]) * error.square().sum(-1)
        return total * (self._steps - 1) / len(steps)

    def _log_prob_of_levels(
        self, images: torch.Tensor, labels: torch.Tensor, step: torch.Tensor, noise: torch.Tensor
    ) -> torch.Tensor:
        log_probs = self._logits(self._noised(images, step, noise), labels, step).log_softmax(-1)
        return log_probs.gather(-1, images.long().unsqueeze(-1)).squeeze(-1)

    def _expected(self, x: torch.Tensor, labels: torch.Tensor, step: torch.Tensor | int) -> torch.Tensor:
        """The expected image behind x, in [-1, 1]."""
        return self._logits(x, labels, torch.as_tensor(step).expand(len(x))).softmax(-1) @ self._grey

    def _logits(self, x: torch.Tensor, labels: torch.Tensor, step: torch.Tensor) -> torch.Tensor:
        """Logits of the grey levels of every pixel behind x at steps `[n]`, `[n, pixels, levels + 1]`."""
        signal, noise = (sizes[step].view(-1, 1, 1) for sizes in (self._schedule.signal, self._schedule.noise))
        slope, bend = self._denoiser(x, step, labels).unsqueeze(-1).chunk(2, dim=1)
        surprise = ((x.unsqueeze(-1) - signal * self._grey) / noise).square() / 2
        logits: torch.Tensor = slope * self._grey + bend * self._grey.square() - surprise
        return logits

    def _noised(self, images: torch.Tensor, step: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        signal, spread = self._schedule.signal[step].unsqueeze(1), self._schedule.noise[step].unsqueeze(1)
        return signal * self._scaled(images) + spread * noise

    def _scaled(self, counts: torch.Tensor) -> torch.Tensor:
        return counts.float() * (2 / self.shape.levels) - 1

    def _at(self, places: torch.Tensor) -> torch.Tensor:
        """The normal step at each place in [0, 1): indices from 1."""
        return (places * (self._steps - 1)).long().clamp(max=self._steps - 2) + 1

    def _chunks(self, *columns: torch.Tensor) -> Iterator[tuple[torch.Tensor, ...]]:
        size = max(1, CHUNK // (self.shape.pixels * (self.shape.levels + 1)))
        return zip(*(torch.split(column, size) for column in columns), strict=True)


class _Network(torch.nn.Module):
    """A residual perceptron of the noised image, the step and the label."""

    def __init__(self, shape: DDPMShape) -> None:
        super().__init__()
        pixels, self._classes, self._steps = shape.image.pixels, shape.image.classes, shape.steps
        self.enter = torch.nn.Linear(pixels, shape.width)
        self.condition = torch.nn.Linear(2 * _WAVES + self._classes, shape.width)
        self.blocks = torch.nn.ModuleList(_block(shape.width) for _ in range(_BLOCKS))
        self.leave = torch.nn.Linear(shape.width, 2 * pixels)

    def forward(self, x: torch.Tensor, step: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Two numbers for each pixel of x `[n, pixels]`, `[n, 2 · pixels]`, at steps `[n]` for labels `[n]`.

        They are the slope and the bend of the log-probability of grey levels from -1 to 1.
        """
        angle = (step / self._steps).unsqueeze(1) * 2.0 ** torch.arange(_WAVES) * math.pi / 2
        told = torch.cat([angle.sin(), angle.cos(), F.one_hot(labels, self._classes)], 1)
        condition, hidden = self.condition(told), self.enter(x)
        for block in self.blocks:
            hidden = hidden + block(hidden + condition)
        levels: torch.Tensor = self.leave(hidden)
        return levels


_WAVES = 6
"""Frequencies that a step is told to the network in."""

_BLOCKS = 2


def _block(width: int) -> torch.nn.Sequential:
    linear = torch.nn.Linear
    return torch.nn.Sequential(torch.nn.LayerNorm(width), linear(width, width), torch.nn.SiLU(), linear(width, width))
