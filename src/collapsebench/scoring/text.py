"""Diversity and concentration of token rows."""

from __future__ import annotations

import torch


def ngram_counts(tokens: torch.Tensor, n: int, pad: int) -> torch.Tensor:
    """How often each distinct n-gram occurs within rows, int64, most frequent first.

    Args:
        tokens: int64 `[rows, L]`.
        n: tokens per n-gram, at most L.
        pad: n-grams that contain this token do not count.
    """
    grams = tokens.unfold(1, n, 1).reshape(-1, n)
    grams = grams[(grams != pad).all(1)]
    _, counts = torch.unique(grams, dim=0, return_counts=True)
    ordered: torch.Tensor = counts.sort(descending=True).values
    return ordered


def distinct(tokens: torch.Tensor, n: int, pad: int) -> float:
    """Distinct-n: distinct n-grams as a share of all n-grams (Li et al., arXiv:1510.03055); 0 if there are none."""
    counts = ngram_counts(tokens, n, pad)
    return len(counts) / max(1, int(counts.sum()))


def concentration(tokens: torch.Tensor, n: int, pad: int, top: int) -> float:
    """Share of all n-grams that belongs to the `top` most frequent; 0 if there are none.

    Synthetic text concentrates on fewer n-grams (Zhu et al., arXiv:2412.14689).
    """
    counts = ngram_counts(tokens, n, pad)
    return int(counts[:top].sum()) / max(1, int(counts.sum()))
