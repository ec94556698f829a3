import pytest
import torch

from collapsebench import Corpus, PluginError
from collapsebench.core.method import METHODS


def test_certain_editable_sites_are_redrawn(curate):
    # The model is certain of even rows; row 0 may not be edited; M_0 adds 1000.
    out = curate("token_edit", n=5)
    assert out.rows == [0, 1, 3, 1002, 1004]
    assert out.real == [0, 1, 3]
    assert out.log == {"sites_selected": 0.5, "sites_changed": 0.5}
    assert out.costs.scored_tokens == 10  # once for the sites, once for the redraw


@pytest.mark.parametrize(("prior", "step"), [("fixed", 1000), ("self", 2000), ("external", 3000)])
def test_the_prior_is_the_one_asked_for(curate, prior, step):
    assert curate("token_edit", n=3, prior=prior).rows == [0, 1, 2 + step]


def test_a_low_threshold_takes_every_editable_site(curate):
    assert curate("token_edit", n=3, threshold=0.5).rows == [0, 1001, 1002]


def test_a_random_share_of_the_editable_sites_is_redrawn_certain_or_not(curate):
    outs = [curate("token_edit", n=9, schedule="random", share=0.25, seed=seed).rows for seed in range(30)]
    assert all(sum(row >= 1000 for row in rows) == 2 for rows in outs)
    assert {row - 1000 for rows in outs for row in rows if row >= 1000} == set(range(1, 9))  # row 0 must stay


def test_disjoint_steps_edit_every_site_once_and_then_none(curate):
    edited = [
        [row - 1000 for row in curate("token_edit", n=9, schedule="disjoint", share=1 / 3, t=t).rows if row >= 1000]
        for t in (1, 2, 3, 4)
    ]
    assert edited == [[1, 4, 7], [2, 5, 8], [3, 6], []]


def test_it_edits_the_corpus_of_the_generation_before(curate):
    before = Corpus({"x": torch.tensor([10, 11])}).with_origin(0)
    assert curate("token_edit", n=2, previous=before).rows == [11, 1010]


def test_access_and_track_follow_the_prior():
    cls = METHODS.get("token_edit")
    assert cls().access() == {"history"}
    assert cls(prior="external").access() == {"history", "prior"}
    assert (cls().track, cls(prior="external").track) == ("anchored", "assisted")


@pytest.mark.parametrize(
    "bad",
    [{"threshold": 0.0}, {"top_k": 0}, {"temperature": 0.0}, {"prior": "own"}, {"schedule": "once"}, {"share": 0.0}],
)
def test_bad_parameters_are_named(bad):
    with pytest.raises(PluginError, match=next(iter(bad))):
        METHODS.get("token_edit")(**bad)
