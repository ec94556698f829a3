import math

import pytest
import torch

from collapsebench import Corpus, Decoding, FitConfig, PluginError
from collapsebench.core.task import TASKS


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def categorical(**sizes):
    return TASKS.get("categorical")(**sizes)


def fitted(task, corpus):
    learner = task.learner(rng())
    learner.fit(corpus, FitConfig(rng()))
    return learner


def test_the_law_by_hand():
    task = categorical(contexts=2, tokens=4, support=3, exponent=1.0)
    for row in task.law:
        assert sorted(row.tolist(), reverse=True) == pytest.approx([6 / 11, 3 / 11, 2 / 11, 0.0])
    assert torch.equal(task.law, categorical(contexts=2, tokens=4, support=3).law)


def test_metrics_of_a_model_that_lost_all_but_one_token():
    task = categorical(contexts=1, tokens=4, support=3)
    best = task.law.argmax(1)
    metrics = task.evaluate(fitted(task, Corpus({"context": torch.zeros(1).long(), "token": best})), None, rng())
    assert metrics["l2"] == pytest.approx((25 + 9 + 4) / 121)
    assert metrics["entropy"] == 0.0
    assert metrics["support_lost"] == pytest.approx(2 / 3)
    assert metrics["tail_mass"] == 0.0


def test_samples_are_balanced():
    task = categorical(contexts=4, tokens=5, support=5)
    assert torch.bincount(task.real(12, rng())["context"]).tolist() == [3] * 4
    counts = torch.bincount(task.conditions(14, rng())["context"], minlength=4).tolist()
    assert sorted(counts) == [3, 3, 4, 4]


def test_real_rows_follow_the_law_and_pass_the_verifier():
    task = categorical(contexts=3, tokens=6, support=4)
    real = task.real(60_000, rng())
    assert task.verify(real).all()
    torch.testing.assert_close(fitted(task, real).tables, task.law, rtol=0, atol=0.02)


def test_smoothing_leaks_impossible_tokens_that_the_verifier_rejects():
    plain, smooth = (categorical(contexts=2, tokens=6, support=3, smoothing=s) for s in (0.0, 5.0))
    shares = []
    for task in (plain, smooth):
        learner = fitted(task, task.real(20, rng()))
        drawn = learner.sample(1000, rng(1), Decoding(), task.conditions(1000, rng(2)))
        shares.append(task.verify(drawn).double().mean().item())
    assert shares[0] == 1.0
    assert shares[1] == pytest.approx(1 - 5 / 15 * 0.5, abs=0.05)


def test_reward_is_for_the_rare_half():
    task = categorical(contexts=1, tokens=4, support=4, rare_reward=2.0)
    tokens = task.law[0].argsort(descending=True)
    rows = Corpus({"context": torch.zeros(4).long(), "token": tokens})
    assert task.reward(rows).tolist() == [0.0, 0.0, 2.0, 2.0]


@pytest.mark.parametrize("bad", [{"contexts": 0}, {"support": 61}, {"smoothing": -1.0}])
def test_bad_sizes_are_named(bad):
    with pytest.raises(PluginError, match=next(iter(bad))):
        categorical(**bad)


def test_theory_by_hand():
    task = categorical(contexts=2, tokens=2, support=2, exponent=0.0)  # 1 − ‖P*‖² = ½
    assert task.theory("frozen", 4, 2)["l2"] == pytest.approx([0.25] * 3)
    assert task.theory("replace", 4, 2)["l2"] == pytest.approx([0.25, 0.375, 0.4375])
    assert task.theory("first_teacher", 4, 2)["l2"] == pytest.approx([0.25, 0.375, 0.375])
    assert task.theory("accumulate", 4, 1)["l2"] == pytest.approx([0.25, 0.5 - 0.5 * 0.5 * 7 / 8])
    # Two rows show both tokens with probability ½; so do the next two, and a pool forgets none.
    assert task.theory("replace", 4, 2)["support_lost"] == pytest.approx([0.25, 0.375, 0.4375])
    assert task.theory("accumulate", 4, 2)["support_lost"] == pytest.approx([0.25] * 3)
    # Four rows are 2 : 2 or 3 : 1 with probability ¼ each, else 4 : 0.
    entropies = [math.log(2) / 2, (math.log(2) + 0.75 * math.log(4 / 3) + 0.25 * math.log(4)) / 4]
    assert task.theory("accumulate", 4, 1)["entropy"] == pytest.approx(entropies)
    assert task.theory("replace", 4, 1)["tail_mass"] == [0.5, 0.5]
    assert task.theory("token_edit", 4, 2) == task.theory("replace", 5, 2) == {}
    assert list(task.theory("frozen", 5, 2)) == ["l2"]
