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
    words = getmodule(METHODS.get("importance_resampling")).words
    padded = Corpus({"tokens": torch.tensor([[5, 5, 7, 0, 0, 0], [5, 0, 0, 0, 0, 0]]), "given": torch.tensor([2, 1])})
    assert words(padded) == [" tokens5 tokens5 tokens7 tokens0 given2", " tokens5 tokens0 given1"]


def test_what_has_no_tokens_is_skipped():
    method = METHODS.get("importance_resampling")()
    assert "no tokens" in method.skip(TASKS.get("gaussian").card)
    assert method.skip(TASKS.get("categorical").card) is None
    assert method.track == "anchored"


@pytest.mark.parametrize("bad", [{"ngram": 0}, {"buckets": 0}, {"smoothing": 0.0}])
def test_bad_parameters_are_named(bad):
    with pytest.raises(PluginError, match=next(iter(bad))):
        METHODS.get("importance_resampling")(**bad)
