"""Features: numbers that describe the rows of any corpus."""

from __future__ import annotations

import torch

from .corpus import Corpus

BUCKETS = 512
"""Hash buckets for unigrams of integer columns, and as many for bigrams."""


def features(corpus: Corpus, buckets: int = BUCKETS) -> torch.Tensor:
    """Float columns, standardised over the corpus, and how often each 1- and 2-gram of the integers occurs.

    Columns come in the order of their names. N-grams run over the integer columns side by side and share `buckets`
    hash buckets for unigrams and as many for bigrams. Float64 `[n, f]`.
    """
    columns = [column.reshape(len(corpus), -1) for _, column in sorted(corpus.columns.items())]
    parts = [_standardised(column.double()) for column in columns if column.is_floating_point()]
    if tokens := [column.long() for column in columns if not column.is_floating_point()]:
        parts.append(_counts(grams(torch.cat(tokens, 1), buckets), 2 * buckets))
    return torch.cat(parts, 1)


def grams(tokens: torch.Tensor, buckets: int) -> torch.Tensor:
    """The bucket of each unigram, then `buckets` + that of each bigram, int64 `[n, 2 k - 1]`, of tokens `[n, k]`."""
    pairs = tokens[:, :-1] * 1_000_003 + tokens[:, 1:]
    return torch.cat([tokens % buckets, pairs % buckets + buckets], 1)


def _counts(found: torch.Tensor, width: int) -> torch.Tensor:
    counts = torch.zeros(len(found), width, dtype=torch.float64)
    return counts.scatter_add_(1, found, torch.ones(found.shape, dtype=torch.float64))


def _standardised(values: torch.Tensor) -> torch.Tensor:
    centred = values - values.mean(0)
    return centred / centred.square().mean(0).sqrt().clamp(min=1e-12)
