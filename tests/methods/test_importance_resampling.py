import math
from inspect import getmodule

import pytest
import torch

from collapsebench import Corpus, PluginError
from collapsebench.registry import METHODS, TASKS


def test_weights_by_hand(curate):
    # Each row is one n-gram: a real one has share 1/8 in D_0 and 1/16 in the pool, a synthetic one 0 and 1/16.
    out = curate("importance_resampling", n=8)
    assert out.rows == list(range(8))
    real, synthetic = math.log(2), math.log(1e-8) - math.log(1 / 16)
    assert out.log["log_weight_after"] == pytest.approx(real, abs=1e-5)
    assert out.log["log_weight_before"] == pytest.approx((real + synthetic) / 2, abs=1e-5)


def test_rows_are_drawn_in_proportion_to_their_weight(curate):
    # One real and one synthetic row: (1 + 1/2) / (1/2 + 1/2) against (0 + 1/2) / (1/2 + 1/2).
    drawn = [curate("importance_resampling", n=1, smoothing=0.5, seed=seed).rows for seed in range(400)]
    assert drawn.count([0]) / 400 == pytest.approx(0.75, abs=0.09)


def test_bigrams_count_too(given):
    real, reversed_ = Corpus({"tokens": torch.tensor([[1, 2, 3]])}), Corpus({"tokens": torch.tensor([[3, 2, 1]])})
    ctx = given(n=1, pool=Corpus.concat([reversed_, real]), history=(real, reversed_))
    assert METHODS.get("importance_resampling")().curate(reversed_, ctx)["tokens"].tolist() == [[1, 2, 3]]


def test_padding_counts_once():
    ngrams = getmodule(METHODS.get("importance_resampling")).ngrams
    padded = Corpus({"tokens": torch.tensor([[5, 5, 7, 0, 0, 0], [5, 7, 0, 0, 0, 0]]), "words": torch.tensor([5, 5])})
    first, second = ngrams(padded, longest=2, buckets=10_000)
    a, b, c, d = *first[[0, 2, 3]].tolist(), 10_000  # tokens 5, 7 and 0, and none
    assert first.tolist()[:6] == [a, a, b, c, d, d]
    assert second.tolist()[:6] == [a, b, c, d, d, d]
    assert first.tolist()[7:9] == second.tolist()[6:8]  # the pairs 57 and 70
    assert first.tolist()[9:11] == [d, d]  # no pair within the padding
    assert first[11] == second[11] != a  # another column, another n-gram
    assert len({a, b, c, d}) == 4


def test_ngrams_spread_over_the_buckets():
    ngrams = getmodule(METHODS.get("importance_resampling")).ngrams
    pairs = torch.cartesian_prod(torch.arange(100), torch.arange(100, 200))
    counts = torch.bincount(ngrams(Corpus({"x": pairs}), longest=2, buckets=1000)[:, 2], minlength=1000)
    assert counts.sum() == 10_000 and counts.max() < 30 and (counts == 0).sum() < 10


def test_what_has_no_tokens_is_skipped():
    method = METHODS.get("importance_resampling")()
    assert "no tokens" in method.skip(TASKS.get("gaussian").card)
    assert method.skip(TASKS.get("categorical").card) is None
    assert method.track == "anchored"


@pytest.mark.parametrize("bad", [{"ngram": 0}, {"buckets": 0}, {"smoothing": 0.0}])
def test_bad_parameters_are_named(bad):
    with pytest.raises(PluginError, match=next(iter(bad))):
        METHODS.get("importance_resampling")(**bad)
