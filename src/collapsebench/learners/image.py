"""A conditional variational autoencoder of small grey-level images (Kingma & Welling, arXiv:1312.6114)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import torch
from torch.nn import functional as F

from ..corpus import Corpus
from ..errors import Diverged, PluginError
from ..learner import Decoding, FitReport, Learner, Sites, Training
from ..lm.train import Optimiser
from ..seeds import generator

SAMPLES = 8
"""Latent samples behind each evidence lower bound outside training."""

CHUNK = 1 << 22
"""Largest number of elements of an intermediate tensor while a corpus is scored or sampled."""


@dataclass(frozen=True)
class VAEShape:
    """The size of a conditional VAE.

    Args:
        pixels: pixels per image.
        levels: brightest grey level; a pixel of value v in [0, 1] is a count of v * levels.
        classes: number of labels.
        latent: dimension of the latent vector.
        width: hidden units of the encoder and of the decoder.
        optimiser: how it is trained.
    """

    pixels: int
    levels: int
    classes: int = 10
    latent: int = 8
    width: int = 64
    optimiser: Optimiser = field(default_factory=Optimiser)


class ConditionalVAE(Learner):
    """p(image | label) with a standard normal latent vector and beta-binomial pixels.

    Reads the columns `image`, float `[n, pixels]` in [0, 1] in steps of 1 / levels, and `label`, int64
    `[n]`. The decoder gives each pixel both shape parameters, so the spread of its grey level is learned.
    The likelihood is discrete: a bound on it is at most 0, and a collapsed model has a large but finite loss.

    Probabilities of an image are evidence lower bounds (ELBO). The one site of an example is its label,
    with p(label | image) ∝ exp(ELBO(image | label)): labels are equally frequent a priori.

    Args:
        shape: its size.
        rng: initial weights.
    """

    def __init__(self, shape: VAEShape, rng: torch.Generator) -> None:
        self.shape = shape
        seed = int(torch.randint(2**62, (1,), generator=rng))
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            self._network = _Network(shape)

    # -- fitting ---------------------------------------------------------------------------------

    def fit(self, corpus: Corpus, training: Training) -> FitReport:
        """Maximise the (row-weighted) ELBO with one latent sample per image and step.

        Raises:
            Diverged: the loss or a weight is not finite.
        """
        shape, steps = self.shape, training.steps_for(len(corpus))
        images, labels = corpus["image"], corpus["label"]
        weights = torch.ones(len(corpus)) if corpus.weights is None else corpus.weights / corpus.weights.mean()
        optimiser = shape.optimiser.build(self._network)
        loss, rows_trained = torch.zeros(()), 0
        for step, rows in enumerate(batches(len(corpus), training.batch, steps, training.rng)):
            noise = torch.randn(1, len(rows), shape.latent, generator=training.rng)
            elbo = self._network.elbo(images[rows], labels[rows], noise)
            loss = -(weights[rows] * elbo).mean() / shape.pixels
            for group in optimiser.param_groups:
                group["lr"] = shape.optimiser.rate(step, steps)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            rows_trained += len(rows)
        if not all(bool(value.isfinite().all()) for value in (loss, *self._network.parameters())):
            raise Diverged(f"The VAE's loss or weights were not finite after {steps} steps.")
        return FitReport(rows_trained, steps)

    def state(self) -> dict[str, torch.Tensor]:
        """The network's weights, float32."""
        return {name: value.detach().clone() for name, value in self._network.state_dict().items()}

    def load(self, state: Mapping[str, torch.Tensor]) -> None:
        """The inverse of `state`."""
        self._network.load_state_dict(dict(state))

    # -- asking ----------------------------------------------------------------------------------

    def sample(self, n: int, rng: torch.Generator, decoding: Decoding, conditions: Corpus | None = None) -> Corpus:
        """An image for each label of `conditions` (n rows): pixels are drawn, not set to their means.

        Temperature divides the log density of the latent vector and the log-probabilities of each pixel.

        Raises:
            PluginError: no conditions.
        """
        if conditions is None:
            raise PluginError("A conditional VAE samples only with conditions.", "Pass a corpus of labels.")
        labels = conditions["label"]
        size = CHUNK // (self.shape.pixels * (self.shape.levels + 1))
        images = [self._draw(chunk, rng, decoding.temperature) for chunk in torch.split(labels, max(1, size))]
        return Corpus({"image": torch.cat(images), "label": labels})

    def elbo(self, corpus: Corpus, rng: torch.Generator) -> torch.Tensor:
        """Evidence lower bound of log p(image | label) with `SAMPLES` latent samples from `rng`, nats, float `[n]`."""
        bounds = [
            self._elbo(images, labels, torch.randn(SAMPLES, len(labels), self.shape.latent, generator=rng))
            for images, labels in self._chunks(corpus)
        ]
        return torch.cat(bounds)

    def log_prob(self, corpus: Corpus) -> torch.Tensor:
        """Evidence lower bound of log p(image | label), nats, float `[n]`; the same latent noise for every row."""
        bounds = [self._elbo(images, labels, self._fixed_noise()) for images, labels in self._chunks(corpus)]
        return torch.cat(bounds)

    def sites(self, corpus: Corpus) -> Sites:
        """The label of each example as its one editable site, with log p(label | image)."""
        log_prob = self._label_log_probs(corpus).gather(1, corpus["label"].unsqueeze(1))
        return Sites(log_prob, torch.ones_like(log_prob, dtype=torch.bool))

    def resample(
        self,
        corpus: Corpus,
        mask: torch.Tensor,
        rng: torch.Generator,
        top_k: int | None = None,
        temperature: float = 1.0,
    ) -> Corpus:
        """The labels under the mask (bool `[n, 1]`) drawn anew from p(label | image)."""
        logits = self._label_log_probs(corpus) / temperature
        if top_k is not None and top_k < self.shape.classes:
            least = logits.topk(top_k, dim=1).values[:, -1:]
            logits = logits.masked_fill(logits < least, -math.inf)
        drawn = torch.multinomial(logits.softmax(1), 1, generator=rng)
        label = corpus["label"]
        return corpus.with_columns(label=torch.where(mask, drawn, label.unsqueeze(1)).squeeze(1))

    # -- inside ----------------------------------------------------------------------------------

    def _draw(self, labels: torch.Tensor, rng: torch.Generator, temperature: float) -> torch.Tensor:
        levels = self.shape.levels
        latent = math.sqrt(temperature) * torch.randn(len(labels), self.shape.latent, generator=rng)
        with torch.no_grad():
            a, b = self._network.decode(latent, labels)
            counts = torch.arange(levels + 1.0)
            log_pmf = beta_binomial_log_pmf(counts, levels, a.unsqueeze(-1), b.unsqueeze(-1))
        pmf = (log_pmf / temperature).softmax(-1).flatten(0, 1)
        drawn = torch.multinomial(pmf, 1, generator=rng)
        return drawn.view(len(labels), self.shape.pixels) / levels

    def _label_log_probs(self, corpus: Corpus) -> torch.Tensor:
        noise = self._fixed_noise()
        scores = [
            torch.stack([self._elbo(images, torch.full_like(labels, c), noise) for c in range(self.shape.classes)], 1)
            for images, labels in self._chunks(corpus)
        ]
        return torch.cat(scores).log_softmax(1)

    def _elbo(self, images: torch.Tensor, labels: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            return self._network.elbo(images, labels, noise)

    def _fixed_noise(self) -> torch.Tensor:
        """Noise `[SAMPLES, 1, latent]`: what a row scores must not depend on its place or its neighbours."""
        return torch.randn(SAMPLES, 1, self.shape.latent, generator=generator(0))

    def _chunks(self, corpus: Corpus) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        size = max(1, CHUNK // (SAMPLES * self.shape.pixels))
        return zip(torch.split(corpus["image"], size), torch.split(corpus["label"], size), strict=True)


class _Network(torch.nn.Module):
    """Encoder and decoder, one hidden layer each, both given the label."""

    def __init__(self, shape: VAEShape) -> None:
        super().__init__()
        self._levels, self._classes = shape.levels, shape.classes
        self.encoder = _perceptron(shape.pixels + shape.classes, shape.width, 2 * shape.latent)
        self.decoder = _perceptron(shape.latent + shape.classes, shape.width, 2 * shape.pixels)

    def elbo(self, images: torch.Tensor, labels: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        """ELBO `[n]` of images `[n, pixels]`, mean over standard normal noise `[samples, n or 1, latent]`."""
        mean, log_std = self._layer(self.encoder, 2 * images - 1, labels).chunk(2, dim=-1)
        variance = (2 * log_std).exp()
        rate = 0.5 * (mean.square() + variance - 1).sum(-1) - log_std.sum(-1)
        a, b = self.decode(mean + log_std.exp() * noise, labels)
        return beta_binomial_log_pmf(images * self._levels, self._levels, a, b).sum(-1).mean(0) - rate

    def decode(self, latent: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Shape parameters `[..., n, pixels]` of the pixels' beta-binomials for latent vectors `[..., n, latent]`."""
        a, b = F.softplus(self._layer(self.decoder, latent, labels)).chunk(2, dim=-1)
        return a + _SMALLEST, b + _SMALLEST

    def _layer(self, perceptron: torch.nn.Module, x: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        one_hot = F.one_hot(labels, self._classes).to(x.dtype).expand(*x.shape[:-1], -1)
        output: torch.Tensor = perceptron(torch.cat([x, one_hot], dim=-1))
        return output


_SMALLEST = 1e-3
"""Least shape parameter: keeps every grey level possible, so that no image has probability 0."""


def _perceptron(inputs: int, width: int, outputs: int) -> torch.nn.Sequential:
    return torch.nn.Sequential(torch.nn.Linear(inputs, width), torch.nn.SiLU(), torch.nn.Linear(width, outputs))


def beta_binomial_log_pmf(counts: torch.Tensor, levels: int, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Log-probability of counts under a binomial of `levels` trials with a Beta(a, b) chance of success.

    All shapes broadcast against each other.
    """
    rest = levels - counts
    choices = math.lgamma(levels + 1) - torch.lgamma(counts + 1) - torch.lgamma(rest + 1)
    return choices + _log_beta(counts + a, rest + b) - _log_beta(a, b)


def _log_beta(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return torch.lgamma(a) + torch.lgamma(b) - torch.lgamma(a + b)


def batches(n: int, size: int, steps: int, rng: torch.Generator) -> Iterator[torch.Tensor]:
    """`steps` index tensors of `size` rows from 0..n-1: shuffled passes, one after the other without a seam."""
    waiting = torch.empty(0, dtype=torch.int64)
    for _ in range(steps):
        while len(waiting) < size:
            waiting = torch.cat([waiting, torch.randperm(n, generator=rng)])
        yield waiting[:size]
        waiting = waiting[size:]
