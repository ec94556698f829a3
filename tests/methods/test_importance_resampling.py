import math
from inspect import getmodule

import pytest
import torch

from collapsebench import Corpus, PluginError
from collapsebench.core.method import METHODS
from collapsebench.core.task import TASKS
from collapsebench.loop.cell import Cell
from collapsebench.loop.protocol import load_protocol


@pytest.fixture
def resample(given):
    """Which half it takes of the rows 0, ..., n - 1 of D_0 and 100, ..., 99 + n, sorted, and the log."""

    def run(n, seed=0, **params):
        real, synthetic = Corpus({"x": torch.arange(n)}), Corpus({"x": torch.arange(100, 100 + n)})
        ctx = given(seed, n=n, candidates=lambda k: Corpus.concat([real, synthetic]), trusted=real)
        out = METHODS.get("importance_resampling")(**params).curate(synthetic, ctx)
        return sorted(out["x"].tolist()), ctx.logged

    return run


def test_weights_by_hand(resample):
    # Each row is one n-gram: a real one has share 1/8 in D_0 and 1/16 in the pool, a synthetic one 0 and 1/16.
    rows, log = resample(8)
    assert rows == list(range(8))
    real, synthetic = math.log(2), math.log(1e-8) - math.log(1 / 16)
    assert log["log_weight_after"] == pytest.approx(real, abs=1e-5)
    assert log["log_weight_before"] == pytest.approx((real + synthetic) / 2, abs=1e-5)


def test_rows_are_drawn_in_proportion_to_their_weight(resample):
    # One real and one synthetic row: (1 + 1/2) / (1/2 + 1/2) against (0 + 1/2) / (1/2 + 1/2).
    drawn = [resample(1, smoothing=0.5, seed=seed)[0] for seed in range(400)]
    assert drawn.count([0]) / 400 == pytest.approx(0.75, abs=0.09)


def test_bigrams_count_too(given):
    real, reversed_ = Corpus({"tokens": torch.tensor([[1, 2, 3]])}), Corpus({"tokens": torch.tensor([[3, 2, 1]])})
    ctx = given(n=1, candidates=lambda k: Corpus.concat([reversed_, real]), trusted=real)
    assert METHODS.get("importance_resampling")().curate(reversed_, ctx)["tokens"].tolist() == [[1, 2, 3]]


def test_padding_counts_once():
    ngrams = getmodule(METHODS.get("importance_resampling")).ngrams
    padded = Corpus({"tokens": torch.tensor([[5, 5, 7, 0, 0, 0], [5, 7, 0, 0, 0, 0]])})
    first, second = ngrams(padded, longest=2, buckets=10_000).tolist()
    a, b, c, none = first[0], first[2], first[3], 10_000  # tokens 5, 7 and 0, and no token
    assert len({a, b, c, none}) == 4
    assert first[:6] == [a, a, b, c, none, none]
    assert second[:6] == [a, b, c, none, none, none]
    assert first[7:9] == second[6:8]  # the pairs 57 and 70
    assert first[9:] == second[8:10] == [none, none]  # no pair within the padding


def test_pairs_reach_across_columns_and_columns_are_told_apart():
    ngrams = getmodule(METHODS.get("importance_resampling")).ngrams
    (place, word, pair), (other_place, other_word, other_pair) = ngrams(
        Corpus({"context": torch.tensor([1, 2]), "token": torch.tensor([2, 1])}), longest=2, buckets=10_000
    ).tolist()
    assert len({place, word, pair, other_place, other_word, other_pair}) == 6


def test_ngrams_spread_over_the_buckets():
    ngrams = getmodule(METHODS.get("importance_resampling")).ngrams
    pairs = torch.cartesian_prod(torch.arange(100), torch.arange(100, 200))
    counts = torch.bincount(ngrams(Corpus({"x": pairs}), longest=2, buckets=1000)[:, 2], minlength=1000)
    assert counts.sum() == 10_000 and counts.max() < 30 and (counts == 0).sum() < 10


def test_what_has_no_tokens_is_out_of_its_scope():
    method, rules = METHODS.get("importance_resampling")(), load_protocol("quick")
    gaussian, categorical = (Cell(rules, TASKS.get(name)(), method, 0) for name in ("gaussian", "categorical"))
    assert gaussian.unsupported() == "needs tokens, which gaussian does not have"
    assert categorical.unsupported() is None
    assert method.track == "anchored"


@pytest.mark.parametrize("bad", [{"ngram": 0}, {"buckets": 0}, {"smoothing": 0.0}, {"candidates": 0.5}])
def test_bad_parameters_are_named(bad):
    with pytest.raises(PluginError, match=next(iter(bad))):
        METHODS.get("importance_resampling")(**bad)
