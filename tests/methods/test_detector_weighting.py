from collections import Counter

import pytest
import torch

from collapsebench import Corpus, PluginError
from collapsebench.core.method import METHODS

REAL, SYNTHETIC = torch.arange(8.0), torch.arange(100.0, 108.0)


def resampled(given, real, synthetic, **params):
    """What becomes of D_0 and S_1, and the log."""
    history = tuple(Corpus({name: column}).with_origin(t) for t, (name, column) in enumerate((real, synthetic)))
    ctx = given(n=8, history=history)
    return METHODS.get("detector_weighting")(**params).curate(history[1], ctx), ctx.logged


def test_where_real_is_plain_to_see_only_real_rows_are_drawn_each_three_times(given):
    out, logged = resampled(given, ("x", REAL), ("x", SYNTHETIC))
    assert Counter(out["x"].tolist()) == dict.fromkeys(range(8), 3)  # 1.5 times 16 rows
    assert logged == {"detector_accuracy": 1.0, "detector_auc": 1.0}


def test_without_trust_rows_are_drawn_at_random_and_at_most_three_times(given):
    out, _ = resampled(given, ("x", REAL), ("x", SYNTHETIC), exponent=0.0)
    counts = Counter(out["x"].tolist())
    assert counts.total() == 24 and max(counts.values()) <= 3
    assert sum(counts[float(x)] for x in SYNTHETIC) > 4


def test_a_loss_of_spread_is_seen(given):
    x = torch.randn(400, 2, generator=torch.Generator().manual_seed(1))
    _, logged = resampled(given, ("x", x[:200]), ("x", 0.2 * x[200:]))
    assert logged["detector_auc"] > 0.9


def test_a_detector_that_is_worse_than_chance_is_not_trusted(given):
    # S_1 repeats D_0, so without its own fold a real row is only known from its synthetic copy.
    x = torch.randint(0, 9, (300, 12), generator=torch.Generator().manual_seed(1))
    out, logged = resampled(given, ("tokens", x), ("tokens", x.clone()))
    assert logged["detector_auc"] < 0.4
    real = torch.as_tensor(out.table.labels)
    assert real.float().mean() == pytest.approx(0.5, abs=0.05)


def test_texts_are_told_apart_by_their_ngrams(given):
    x = torch.randint(0, 9, (600, 12), generator=torch.Generator().manual_seed(1))
    _, logged = resampled(given, ("tokens", x[:300]), ("tokens", x[300:].sort(1).values))
    assert logged["detector_auc"] > 0.95


@pytest.mark.parametrize("bad", [{"exponent": -1.0}, {"upsample": 4.0}, {"repeats": 0}, {"folds": 1}, {"buckets": 0}])
def test_bad_parameters_are_named(bad):
    with pytest.raises(PluginError, match=next(iter(bad))):
        METHODS.get("detector_weighting")(**bad)


def test_every_fold_needs_a_real_example():
    METHODS.get("detector_weighting")(folds=3).check(3)
    with pytest.raises(PluginError, match="folds"):
        METHODS.get("detector_weighting")(folds=3).check(2)


def test_it_is_anchored():
    assert METHODS.get("detector_weighting")().track == "anchored"
