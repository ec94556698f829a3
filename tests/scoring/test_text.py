import pytest
import torch

from collapsebench.scoring.text import concentration, distinct, ngram_counts

ROWS = torch.tensor([[3, 4, 3, 4], [3, 4, 5, 0]])
"""Bigrams: 34 43 34, and 34 45 (the third holds padding)."""


def test_bigrams_by_hand() -> None:
    assert ngram_counts(ROWS, 2, pad=0).tolist() == [3, 1, 1]
    assert distinct(ROWS, 2, pad=0) == pytest.approx(3 / 5)
    assert concentration(ROWS, 2, pad=0, top=1) == pytest.approx(3 / 5)


def test_rows_of_padding_have_none() -> None:
    nothing = torch.zeros(2, 4, dtype=torch.int64)
    assert (distinct(nothing, 1, pad=0), concentration(nothing, 1, pad=0, top=5)) == (0.0, 0.0)
