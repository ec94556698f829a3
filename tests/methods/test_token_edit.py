import dataclasses
from dataclasses import dataclass
from itertools import chain, pairwise

import pytest
import torch

from collapsebench import Corpus, Metric, PluginError, Task, TaskCard
from collapsebench.core.method import METHODS
from collapsebench.core.task import TASKS
from collapsebench.learners.gradient import Optimizer
from collapsebench.learners.lm.causal_lm import CausalLM, LMShape
from collapsebench.learners.lm.tokenizer import symbol_tokenizer
from collapsebench.loop.cell import Cell
from collapsebench.loop.protocol import load_protocol
from collapsebench.testing import Toy, tiny_run


@dataclass(frozen=True)
class Tokens(Toy):
    """The toy's numbers, called tokens."""

    card = dataclasses.replace(Toy.card, modality="tokens")


def test_certain_editable_sites_are_redrawn(curate):
    # M_0 has mean 3 and is certain of that row alone; a row of 1 may not be edited; the best redraw is 3 + 100.
    out = curate("token_edit", n=5, top_k=1, task=Tokens(drift=100))
    assert out.rows == [1, 2, 4, 5, 103]
    assert out.real == [1, 2, 4, 5]
    assert out.log == {"selected": 0.25, "changed": 0.25}
    assert out.costs["scored_tokens"] == 10  # once for the sites, once for the redraw


def test_a_redraw_that_gives_the_same_token_changes_nothing(curate):
    out = curate("token_edit", n=5, top_k=1, task=Tokens(drift=0))  # the best redraw of 3 is 3
    assert out.real == [1, 2, 3, 4, 5]
    assert out.log == {"selected": 0.25, "changed": 0.0}


@pytest.mark.parametrize(("prior", "redrawn"), [("fixed", 102), ("self", 205 / 3 + 100), ("external", 200)])
def test_the_prior_is_the_one_asked_for(curate, prior, redrawn):
    # D_1 = 1 and twice what the prior of generation 1 redraws.
    params = {"schedule": "random", "share": 1.0, "top_k": 1, "prior": prior}
    assert curate("token_edit", n=3, t=2, **params).rows == pytest.approx([1, redrawn, redrawn])


@pytest.mark.parametrize("prior", ["fixed", "external"])
def test_an_external_prior_edits_the_real_set_once_and_others_what_came_of_it(curate, prior):
    # A quarter of 2, 3, 4, 5 per generation: over four generations about 2.7 of them, in one generation one.
    params = {"schedule": "random", "share": 0.25, "top_k": 1, "prior": prior}
    outs = [curate("token_edit", n=5, t=4, seed=seed, **params) for seed in range(10)]
    edits = [5 - len(out.real) for out in outs]
    assert all(out.real[0] == 1 for out in outs)
    assert set(edits) == {1} if prior == "external" else max(edits) >= 2


def test_a_low_threshold_takes_every_editable_site(curate):
    assert curate("token_edit", n=3, threshold=0.3, top_k=1, task=Tokens(drift=100)).rows == [1, 102, 102]  # e^-1 = .37


def test_certainty_is_for_tokens_and_the_schedules_of_the_theory_for_every_site():
    cls, rules = METHODS.get("token_edit"), load_protocol("quick")
    gaussian, categorical = (TASKS.get(name)() for name in ("gaussian", "categorical"))
    assert Cell(rules, gaussian, cls(), 0).unsupported() == "needs tokens, which gaussian does not have"
    assert Cell(rules, categorical, cls(), 0).unsupported() is None
    assert Cell(rules, gaussian, cls(schedule="random"), 0).unsupported() is None


def test_a_random_share_of_the_editable_sites_is_redrawn_certain_or_not(curate):
    outs = [curate("token_edit", n=9, schedule="random", share=0.25, seed=seed) for seed in range(30)]
    assert all(len(out.real) == 7 for out in outs)
    assert {row for out in outs for row in range(1, 10) if row not in out.real} == set(range(2, 10))  # 1 must stay


def test_disjoint_steps_edit_every_site_once_and_then_none():
    method = METHODS.get("token_edit")(schedule="disjoint", share=1 / 3)
    corpora = [corpus["x"] for corpus in tiny_run(method, Toy(drift=100), generations=4, n=9).corpora]
    edited = [(after != before).nonzero().flatten().tolist() for before, after in pairwise(corpora)]
    assert [len(places) for places in edited] == [3, 3, 2, 0]
    assert sorted(chain.from_iterable(edited)) == (corpora[0] != 1).nonzero().flatten().tolist()


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


def test_disjoint_steps_and_an_external_prior_exclude_each_other():
    with pytest.raises(PluginError, match="schedule = disjoint"):
        METHODS.get("token_edit")(prior="external", schedule="disjoint")


# -- texts with prompts and padding ---------------------------------------------------------------

PROMPT, LENGTH = 2, 6


@dataclass(frozen=True)
class Letters(Task):
    """Texts of four to six letters, of which the first two are given."""

    name = "letters"
    card = TaskCard(
        title="Letters",
        modality="tokens",
        primary="none",
        unit="-",
        metrics={"none": Metric("nothing")},
        supports={"sites", "prior"},
    )

    def real(self, n, rng):
        tokens = torch.randint(3, 9, (n, LENGTH), generator=rng)
        lengths = torch.randint(4, LENGTH + 1, (n, 1), generator=rng)
        return Corpus({"tokens": tokens.masked_fill(torch.arange(LENGTH) >= lengths, 0), **prompts(n)})

    def conditions(self, n, rng, first=None):
        return Corpus({"tokens": torch.randint(3, 9, (n, PROMPT), generator=rng), **prompts(n)})

    def learner(self, rng):
        model = LMShape(vocabulary=9, context=LENGTH, width=8, layers=1, heads=1).build(rng)
        return CausalLM(model, symbol_tokenizer("abcdef"), LENGTH, Optimizer())

    def prior(self, rng):
        return self.learner(rng)

    def evaluate(self, learner, start, rng):
        return {"none": 0.0}


def prompts(n):
    return {"prompt_length": torch.full((n,), PROMPT)}


def edited(prior, threshold):
    """D_0 and D_1."""
    method = METHODS.get("token_edit")(prior=prior, threshold=threshold)
    return (corpus["tokens"] for corpus in tiny_run(method, Letters(), generations=1, n=32).corpora)


@pytest.mark.parametrize("prior", ["fixed", "self", "external"])
def test_certain_tokens_after_the_prompt_are_redrawn_and_nothing_else(prior):
    before, after = edited(prior, 0.01)
    assert torch.equal(after[:, :PROMPT], before[:, :PROMPT])
    assert torch.equal(after == 0, before == 0)
    changed = (after != before).sum().item() / (before[:, PROMPT:] != 0).sum().item()
    assert 0.5 < changed < 1


@pytest.mark.parametrize("prior", ["fixed", "external"])
def test_above_the_threshold_there_is_nothing_to_edit(prior):
    before, after = edited(prior, 1.0)
    assert torch.equal(after, before)
