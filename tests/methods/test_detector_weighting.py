from collections import Counter
from types import SimpleNamespace

import pytest
import torch

from collapsebench import Corpus, PluginError
from collapsebench.core.features import features
from collapsebench.core.method import METHODS


def resampled(given, real, arrivals, samples=None, seed=0, **params):
    """What becomes of the arrivals, and the context; columns are `x`, those of the newest model's `samples` too."""
    first, newest = Corpus({"x": real}), Corpus({"x": arrivals})
    model = SimpleNamespace(generate=lambda k: Corpus({"x": samples}))
    ctx = given(seed, n=len(first), trusted=first, history=(first, newest), model=model, features=features)
    return METHODS.get("detector_weighting")(**params).curate(newest, ctx), ctx


def mixed(seed=1):
    """D_0 around 0, and as many arrivals: half of them around 0 and half around 3."""
    x = torch.randn(400, 1, generator=torch.Generator().manual_seed(seed))
    return x[:200], torch.cat([x[200:300], 3 + x[300:]])


def test_rows_that_are_like_the_first_real_set_are_drawn_most_and_at_most_three_times(given):
    real, arrivals = mixed()
    out, ctx = resampled(given, real, arrivals)
    counts = Counter(out["x"].flatten().tolist())
    assert counts.total() == 300 and max(counts.values()) == 3  # 1.5 times 200
    assert sum(counts[x] for x in arrivals[:100].flatten().tolist()) > 240
    assert ctx.logged["no_signal"] == 0.0
    assert ctx.logged["detector_auc"] > 0.7
    assert ctx.memory == "accumulate"


def test_without_trust_rows_are_drawn_at_random(given):
    real, arrivals = mixed()
    out, _ = resampled(given, real, arrivals, exponent=0.0)
    counts = Counter(out["x"].flatten().tolist())
    assert 110 < sum(counts[x] for x in arrivals[:100].flatten().tolist()) < 190


def test_a_detector_that_is_not_better_than_chance_leaves_the_arrivals_alone(given):
    x = torch.randn(400, 2, generator=torch.Generator().manual_seed(1))
    out, ctx = resampled(given, x[:200], x[200:])
    assert ctx.logged["no_signal"] == 1.0
    assert ctx.logged["detector_auc"] < 0.5 + 2 * (401 / (12 * 200 * 200)) ** 0.5
    assert torch.equal(out["x"], x[200:])


def test_a_detector_that_is_worse_than_chance_is_not_trusted(given):
    # The arrivals repeat D_0, so that without its own fold a real row is only known from its copy.
    x = torch.randint(0, 9, (300, 12), generator=torch.Generator().manual_seed(1))
    out, ctx = resampled(given, x, x.clone())
    assert ctx.logged["detector_auc"] < 0.4
    assert torch.equal(out["x"], x)


def test_chance_alone_seldom_makes_a_signal(given):
    found = 0
    for seed in range(100):
        x = torch.randn(80, 1, generator=torch.Generator().manual_seed(seed))
        found += resampled(given, x[:40], x[40:], seed=seed)[1].logged["no_signal"] == 0.0
    assert found <= 12  # at two standard errors 2.3 of a hundred, more where the squares fit one outlier


def test_a_loss_of_spread_is_seen(given):
    x = torch.randn(400, 2, generator=torch.Generator().manual_seed(1))
    assert resampled(given, x[:200], 0.2 * x[200:])[1].logged["detector_auc"] > 0.9


def test_texts_are_told_apart_by_their_ngrams(given):
    x = torch.randint(0, 9, (600, 12), generator=torch.Generator().manual_seed(1))
    assert resampled(given, x[:300], x[300:].sort(1).values)[1].logged["detector_auc"] > 0.95


def test_it_can_learn_from_the_newest_models_samples_instead(given):
    # The samples are around 3, and so are half of the arrivals.
    real, arrivals = mixed()
    samples = 3 + torch.randn(200, 1, generator=torch.Generator().manual_seed(5))
    out, ctx = resampled(given, real, arrivals, samples, against="model")
    assert (out["x"] < 1.5).double().mean() > 0.8
    assert ctx.logged["detector_auc"] > 0.95


BAD = [{"exponent": -1.0}, {"upsample": 4.0}, {"repeats": 0}, {"folds": 1}, {"against": "real"}, {"memory": "none"}]


@pytest.mark.parametrize("bad", BAD)
def test_bad_parameters_are_named(bad):
    with pytest.raises(PluginError, match=next(iter(bad))):
        METHODS.get("detector_weighting")(**bad)


def test_every_fold_needs_a_real_example():
    METHODS.get("detector_weighting")(folds=3).check(3)
    with pytest.raises(PluginError, match="folds"):
        METHODS.get("detector_weighting")(folds=3).check(2)


def test_it_is_anchored():
    assert METHODS.get("detector_weighting")().track == "anchored"
