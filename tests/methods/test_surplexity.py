import math
from types import SimpleNamespace

import pytest
import torch

from collapsebench import Corpus, PluginError, Sites
from collapsebench.core.method import METHODS


def test_the_most_surprising_candidates_are_kept(curate):
    out = curate("surplexity", n=4)  # 100..107; the larger, the more surprising
    assert out.rows == [104, 105, 106, 107]
    assert out.log == {"surprise_before": 103.5, "surprise_after": 105.5}
    assert out.costs.synthetic_examples == 4  # those beyond S_t
    assert out.costs.scored_tokens == 8


def test_one_times_n_candidates_are_the_synthetic_set(curate):
    assert curate("surplexity", n=4, candidates=1.0).rows == [100, 101, 102, 103]


def test_texts_are_compared_per_token(given):
    # The first token never counts. NLL per token: 1, 2 (one token, the rest is padding), 1.5.
    log_prob = torch.tensor([[-9.0, -1.0, -1.0], [-9.0, -2.0, 0.0], [0.0, -1.0, -2.0]])
    counted = torch.tensor([[False, True, True], [False, True, False], [False, True, True]])
    texts = Corpus({"tokens": torch.tensor([[1, 2, 3], [4, 5, 0], [6, 7, 8]])})
    ctx = given(n=2, model=SimpleNamespace(sites=lambda corpus: Sites(log_prob, counted)))
    kept = METHODS.get("surplexity")(candidates=1.0).curate(texts, ctx)
    assert kept["tokens"].tolist() == [[4, 5, 0], [6, 7, 8]]
    assert ctx.logged == {"surprise_before": 1.5, "surprise_after": 1.75}


@pytest.mark.parametrize("candidates", [0.5, math.nan])
def test_candidates_must_be_at_least_n(candidates):
    with pytest.raises(PluginError, match="candidates"):
        METHODS.get("surplexity")(candidates=candidates)


def test_it_is_blind():
    assert METHODS.get("surplexity")().track == "blind"
