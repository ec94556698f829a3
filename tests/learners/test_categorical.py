import math

import pytest
import torch

from collapsebench import Corpus, Decoding, Diverged, FitConfig, PluginError
from collapsebench.core.corpus import of_origin, real_share
from collapsebench.learners.categorical import CategoricalLearner, decoded, draw_outcomes


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def corpus(pairs, weights=None):
    context, token = torch.tensor(pairs).T
    return Corpus({"context": context, "token": token}, weights)


def fitted(pairs, weights=None, smoothing=0.0):
    learner = CategoricalLearner(2, 3, smoothing)
    learner.fit(corpus(pairs, weights), FitConfig(rng()))
    return learner


PAIRS = [(0, 0), (0, 0), (0, 2), (0, 1)]


def test_proportions_by_hand_and_uniform_without_rows():
    tables = fitted(PAIRS).tables
    assert tables[0].tolist() == [0.5, 0.25, 0.25]
    assert tables[1].tolist() == pytest.approx([1 / 3] * 3)


def test_weights_and_smoothing_by_hand():
    assert fitted(PAIRS, torch.tensor([1.0, 0.0, 2.0, 1.0])).tables[0].tolist() == [0.25, 0.25, 0.5]
    assert fitted(PAIRS, smoothing=3.0).tables[0].tolist() == pytest.approx([3 / 7, 2 / 7, 2 / 7])
    assert fitted(PAIRS, smoothing=3.0).tables[1].tolist() == pytest.approx([1 / 3] * 3)


def test_weights_that_are_not_finite_are_refused():
    with pytest.raises(Diverged):
        fitted(PAIRS, torch.tensor([1.0, math.inf, 1.0, 1.0]))


def test_extended_and_state_are_exact():
    more = [(1, 2), (0, 1)]
    learner = fitted(PAIRS)
    extended = learner.extended(corpus(more))
    assert torch.equal(extended.tables, fitted(PAIRS + more).tables)
    assert torch.equal(learner.tables, fitted(PAIRS).tables)
    copy = CategoricalLearner(2, 3)
    copy.load(extended.state())
    assert torch.equal(copy.tables, extended.tables)


def test_log_prob_and_sites_by_hand():
    learner = fitted(PAIRS)
    rows = corpus([(0, 0), (1, 1)])
    assert learner.log_prob(rows).tolist() == pytest.approx([math.log(0.5), math.log(1 / 3)])
    log_prob, editable = learner.sites(rows)
    assert log_prob.shape == editable.shape == (2, 1)
    assert editable.all()


def test_draws_follow_the_table_of_their_context():
    tables = torch.tensor([[0.0, 0.3, 0.7, 0.0], [1.0, 0.0, 0.0, 0.0], [0.25, 0.25, 0.0, 0.5]]).double()
    contexts = torch.arange(3).repeat(20_000)
    tokens = draw_outcomes(tables, contexts, rng())
    counts = torch.bincount(contexts * 4 + tokens, minlength=12).view(3, 4)
    assert torch.equal(counts == 0, tables == 0)
    torch.testing.assert_close(counts / 20_000, tables.float(), rtol=0, atol=0.015)


def test_sample_fills_in_the_conditions():
    learner = fitted(PAIRS)
    conditions = Corpus({"context": torch.tensor([1, 0, 1])})
    drawn = learner.sample(3, rng(), Decoding(top_k=1), conditions)
    assert drawn["context"].tolist() == [1, 0, 1]
    assert drawn["token"][1].item() == 0
    with pytest.raises(PluginError, match="conditions"):
        learner.sample(3, rng(), Decoding())


@pytest.mark.parametrize(
    ("decoding", "expected"),
    [
        (Decoding(), [0.5, 0.3, 0.2, 0.0]),
        (Decoding(temperature=0.5), [25 / 38, 9 / 38, 4 / 38, 0.0]),
        (Decoding(top_k=2), [5 / 8, 3 / 8, 0.0, 0.0]),
        (Decoding(top_k=9), [0.5, 0.3, 0.2, 0.0]),
        (Decoding(top_p=0.5), [1.0, 0.0, 0.0, 0.0]),
        (Decoding(top_p=0.51), [5 / 8, 3 / 8, 0.0, 0.0]),
        (Decoding(top_k=2, top_p=0.6), [1.0, 0.0, 0.0, 0.0]),
    ],
)
def test_decoding_by_hand(decoding, expected):
    table = torch.tensor([[0.5, 0.3, 0.2, 0.0]], dtype=torch.float64)
    assert decoded(table, decoding)[0].tolist() == pytest.approx(expected)


def test_resample_changes_only_masked_tokens():
    learner = fitted(PAIRS)
    rows = of_origin(corpus([(0, 1), (0, 1)]), 0)
    edited = learner.resample(rows, torch.tensor([[True], [False]]), rng(), Decoding(top_k=1))
    assert edited["token"].tolist() == [0, 1]
    assert real_share(edited) == 0.5
