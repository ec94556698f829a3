"""A conditional variational autoencoder of small grey-level images (Kingma & Welling, arXiv:1312.6114)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch.nn import functional as F

from ...core.corpus import Corpus
from ...core.seeds import generator
from ..gradient import Optimizer, initialised
from .generator import ImageGenerator
from .shape import ImageShape

SAMPLES = 8
"""Latent samples behind each evidence lower bound outside training."""

CHUNK = 1 << 22
"""Largest number of elements of an intermediate tensor while a corpus is scored or sampled."""


@dataclass(frozen=True)
class VAEShape:
    """The size of a conditional VAE.

    Args:
        image: of its images.
        latent: dimension of the latent vector.
        width: hidden units of the encoder and of the decoder.
        optimizer: how it is trained.
    """

    image: ImageShape
    latent: int = 8
    width: int = 64
    optimizer: Optimizer = field(default_factory=Optimizer)


class ConditionalVAE(ImageGenerator):
    """p(image | label) with a standard normal latent vector and beta-binomial pixels.

    The decoder gives each pixel both shape parameters, so the spread of its grey level is learned: a pixel
    that is either black or white has both below 1.

    Args:
        shape: its size.
        rng: initial weights.
    """

    def __init__(self, shape: VAEShape, rng: torch.Generator) -> None:
        network = initialised(lambda: _Network(shape), rng)
        super().__init__(shape.image, shape.optimizer, network)
        self._vae, self._latent = network, shape.latent

    def objective(self, images: torch.Tensor, labels: torch.Tensor, rng: torch.Generator) -> torch.Tensor:
        """The evidence lower bound with one latent sample per image, nats/pixel."""
        noise = torch.randn(1, len(labels), self._latent, generator=rng)
        return self._vae.elbo(images, labels, noise) / self.shape.pixels

    def image_bound(self, corpus: Corpus, rng: torch.Generator) -> torch.Tensor:
        """Evidence lower bound of log p(image | label) with `SAMPLES` latent samples from `rng`, nats, float `[n]`."""
        return self._elbo(corpus, lambda rows: torch.randn(SAMPLES, rows, self._latent, generator=rng))

    def log_prob(self, corpus: Corpus) -> torch.Tensor:
        """Evidence lower bound of log p(image, label), nats, float `[n]`; the same latent noise for every row.

        What a row scores must not depend on its place or its neighbours.
        """
        noise = torch.randn(SAMPLES, 1, self._latent, generator=generator(0))
        return self._label_log_prob[corpus["label"]] + self._elbo(corpus, lambda rows: noise)

    def label_scores(self, images: torch.Tensor) -> torch.Tensor:
        """The term of the ELBO at the mean of q(latent | image, label), for every label."""
        noise = torch.zeros(1, 1, self._latent)
        chunks = torch.split(images, max(1, CHUNK // self.shape.pixels))
        with torch.no_grad():
            scores = [
                torch.stack([self._vae.elbo(chunk, labels, noise) for labels in self.every_label(len(chunk))], 1)
                for chunk in chunks
            ]
        return torch.cat(scores)

    def draw(self, labels: torch.Tensor, rng: torch.Generator, temperature: float) -> torch.Tensor:
        """Images whose pixels are drawn, not set to their means.

        Temperature divides the log density of the latent vector and the log-probabilities of each pixel.
        """
        size = max(1, CHUNK // (self.shape.pixels * (self.shape.levels + 1)))
        return torch.cat([self._draw(chunk, rng, temperature) for chunk in torch.split(labels, size)])

    def _draw(self, labels: torch.Tensor, rng: torch.Generator, temperature: float) -> torch.Tensor:
        levels = self.shape.levels
        latent = math.sqrt(temperature) * torch.randn(len(labels), self._latent, generator=rng)
        with torch.no_grad():
            a, b = self._vae.decode(latent, labels)
            counts = torch.arange(levels + 1.0)
            log_pmf = beta_binomial_log_pmf(counts, levels, a.unsqueeze(-1), b.unsqueeze(-1))
        pmf = (log_pmf / temperature).softmax(-1).flatten(0, 1)
        drawn = torch.multinomial(pmf, 1, generator=rng)
        return drawn.view(len(labels), self.shape.pixels).to(torch.uint8)

    def _elbo(self, corpus: Corpus, noise: Callable[[int], torch.Tensor]) -> torch.Tensor:
        size = max(1, CHUNK // (SAMPLES * self.shape.pixels))
        chunks = zip(torch.split(corpus["image"], size), torch.split(corpus["label"], size), strict=True)
        with torch.no_grad():
            return torch.cat([self._vae.elbo(images, labels, noise(len(labels))) for images, labels in chunks])


class _Network(torch.nn.Module):
    """Encoder and decoder, one hidden layer each, both given the label."""

    def __init__(self, shape: VAEShape) -> None:
        super().__init__()
        image = shape.image
        self._levels, self._classes = image.levels, image.classes
        self.encoder = _perceptron(image.pixels + image.classes, shape.width, 2 * shape.latent)
        self.decoder = _perceptron(shape.latent + image.classes, shape.width, 2 * image.pixels)

    def elbo(self, images: torch.Tensor, labels: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        """ELBO `[n]` of counts `[n, pixels]`, mean over standard normal noise `[samples, n or 1, latent]`."""
        counts = images.float()
        mean, log_std = self._layer(self.encoder, counts * (2 / self._levels) - 1, labels).chunk(2, dim=-1)
        variance = (2 * log_std).exp()
        rate = 0.5 * (mean.square() + variance - 1).sum(-1) - log_std.sum(-1)
        a, b = self.decode(mean + log_std.exp() * noise, labels)
        return beta_binomial_log_pmf(counts, self._levels, a, b).sum(-1).mean(0) - rate

    def decode(self, latent: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Shape parameters `[..., n, pixels]` of the pixels' beta-binomials for latent vectors `[..., n, latent]`."""
        a, b = F.softplus(self._layer(self.decoder, latent, labels)).chunk(2, dim=-1)
        return a + _SMALLEST, b + _SMALLEST

    def _layer(self, perceptron: torch.nn.Module, x: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        one_hot = _LABEL_SCALE * F.one_hot(labels, self._classes).to(x.dtype).expand(*x.shape[:-1], -1)
        output: torch.Tensor = perceptron(torch.cat([x, one_hot], dim=-1))
        return output


_LABEL_SCALE = 5.0
"""Size of a label's input: at 1, a short training leaves the class to the latent vector and ignores the label."""

_SMALLEST = 1e-3
"""Least shape parameter: keeps every grey level possible, so that no image has probability 0."""


def _perceptron(inputs: int, width: int, outputs: int) -> torch.nn.Sequential:
    return torch.nn.Sequential(torch.nn.Linear(inputs, width), torch.nn.SiLU(), torch.nn.Linear(width, outputs))


def beta_binomial_log_pmf(counts: torch.Tensor, levels: int, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Log-probability of counts under a binomial of `levels` trials with a Beta(a, b) chance of success.

    Trial by trial, as draws from Pólya's urn: logarithms and their gradients cost a fraction of gamma functions
    and theirs where levels are few. All shapes broadcast against each other.
    """
    log_choices = torch.tensor([math.log(math.comb(levels, k)) for k in range(levels + 1)])[counts.long()]
    sum_of_both = a + b
    log_pmf = log_choices
    for trial in range(levels):
        favourable = torch.where(counts > trial, a + trial, b + (levels - 1 - trial))
        log_pmf = log_pmf + (favourable / (sum_of_both + trial)).log()
    return log_pmf
