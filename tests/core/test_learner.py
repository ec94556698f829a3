import math

import pytest
import torch

from collapsebench import Corpus, Decoding, FitConfig, PluginError
from collapsebench.core.seeds import generator
from collapsebench.testing.toy import Mean

ROWS = Corpus({"x": torch.tensor([1.0])})


def test_the_default_decoding_is_the_models_own_distribution():
    assert Decoding() == Decoding(temperature=1.0, top_k=None, top_p=None)
    assert Decoding().features == frozenset()


def test_a_decoding_names_the_features_that_a_learner_must_have():
    assert Decoding(temperature=0.5).features == {"temperature"}
    assert Decoding(top_k=3, top_p=0.9).features == {"top_k", "top_p"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"temperature": 0},
        {"temperature": math.nan},
        {"temperature": math.inf},
        {"top_k": 0},
        {"top_p": 0.0},
        {"top_p": 2},
    ],
)
def test_impossible_decodings_are_refused(wrong):
    with pytest.raises(PluginError, match=f"Parameter {next(iter(wrong))}=.* of Decoding: Input should be"):
        Decoding(**wrong)


@pytest.mark.parametrize(("rows", "steps"), [(10, 5), (1000, 5)])
def test_a_step_budget_does_not_depend_on_the_corpus(rows, steps):
    assert FitConfig(generator(0), steps=5).steps_for(rows) == steps


@pytest.mark.parametrize(("rows", "steps"), [(64, 6), (32, 3), (1, 1)])
def test_an_epoch_budget_counts_passes_over_the_corpus(rows, steps):
    assert FitConfig(generator(0), epochs=3, batch=32).steps_for(rows) == steps


def test_an_epoch_budget_never_rounds_to_no_step():
    assert FitConfig(generator(0), epochs=0.1, batch=32).steps_for(10) == 1


@pytest.mark.parametrize("capability", ["log_prob", "sites", "resample"])
def test_a_capability_that_a_learner_lacks_is_named(capability):
    more = {"resample": (torch.ones(1, 1, dtype=torch.bool), generator(0), Decoding())}.get(capability, ())
    with pytest.raises(PluginError, match=f"Mean has no '{capability}'") as error:
        getattr(Mean(), capability)(ROWS, *more)
    assert "needs" in error.value.hint


def test_by_default_a_row_counts_as_one_token_and_extension_is_not_known():
    assert Mean().tokens(Corpus({"x": torch.zeros(7)})) == 7
    assert Mean().extended(ROWS) is None
