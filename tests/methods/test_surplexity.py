import math
from types import SimpleNamespace

import pytest
import torch

from collapsebench import Corpus, PluginError, Sites
from collapsebench.core.method import METHODS
from collapsebench.testing import Toy


def test_the_most_surprising_candidates_are_kept(curate):
    # M_0 has mean 2.5; the candidates 2, 3, 4 and 5, each twice, surprise it by 1/4, 1/4, 9/4 and 25/4.
    out = curate("surplexity", n=4, temperature=1.0, memory="replace", task=Toy())
    assert out.rows == [4, 4, 5, 5]
    assert out.log == {"surprise_before": 2.25, "surprise_after": 4.25}
    assert out.costs["synthetic_examples"] == 8  # S_t and as many again
    assert out.costs["scored_tokens"] == 8


def test_every_candidate_is_drawn_at_the_temperature(curate):
    # Half as far from the middle, 3.5: 2.75, 3.25, 3.75, 4.25, each twice. M_0 has mean 2.5.
    out = curate("surplexity", n=4, temperature=0.5, memory="replace", task=Toy())
    assert out.rows == [3.75, 3.75, 4.25, 4.25]
    assert METHODS.get("surplexity")(temperature=0.5).needs() == {"log_prob", "temperature"}
    assert METHODS.get("surplexity")(temperature=1.0).needs() == {"log_prob"}


def test_one_times_n_candidates_are_the_synthetic_set(curate):
    assert curate("surplexity", n=4, candidates=1.0, temperature=1.0, memory="replace").rows == [101, 102, 103, 104]


def test_texts_are_compared_per_token(given):
    # The first token never counts. NLL per token: 1, 2 (one token, the rest is padding), 1.5.
    log_prob = torch.tensor([[-9.0, -1.0, -1.0], [-9.0, -2.0, 0.0], [0.0, -1.0, -2.0]])
    counted = torch.tensor([[False, True, True], [False, True, False], [False, True, True]])
    texts = Corpus({"tokens": torch.tensor([[1, 2, 3], [4, 5, 0], [6, 7, 8]])})
    model = SimpleNamespace(sites=lambda corpus: Sites(log_prob, counted))
    ctx = given(t=1, n=2, candidates=lambda k, decoding: texts, model=model)
    kept = METHODS.get("surplexity")(candidates=1.5).curate(texts, ctx)
    assert kept["tokens"].tolist() == [[4, 5, 0], [6, 7, 8]]
    assert ctx.logged == {"surprise_before": 1.5, "surprise_after": 1.75}
    assert ctx.memory == "accumulate"


@pytest.mark.parametrize("bad", [{"candidates": 0.5}, {"candidates": math.nan}, {"temperature": 0.0}])
def test_bad_parameters_are_named(bad):
    with pytest.raises(PluginError, match=next(iter(bad))):
        METHODS.get("surplexity")(**bad)


def test_on_a_polluted_stream_it_keeps_a_half_of_what_arrived(curate):
    out = curate("surplexity", n=4, worlds={"purify": {"k": 6, "alpha": 0.5}}, memory="replace")
    assert len(out.rows) == 3
    assert min(out.rows) > 90  # M_0 has mean 2.5: the model's own rows, around 102.5, surprise it most here


def test_it_is_blind():
    assert METHODS.get("surplexity")().track == "blind"
