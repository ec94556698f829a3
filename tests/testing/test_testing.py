"""The conformance kit finds each broken contract, and blames the one check that is about it."""

import random

import numpy as np
import pytest
import torch

from collapsebench.core.registry import METHODS, TASKS, load_file
from collapsebench.testing import check_method, check_task, method_results, task_results
from collapsebench.testing.random_state import fixed_random_state, global_random_state

METHOD = """
import itertools
from dataclasses import dataclass

import numpy
import torch

from collapsebench import Corpus, Decoding, Method, MethodCard, method

CALLS = itertools.count()


@method("{name}")
@dataclass(frozen=True)
class Some(Method):
    '''What it does.'''

    card = MethodCard(title="Some"{card})

    def curate(self, synthetic, ctx):
{body}
{hook}
"""

TASK = """
from dataclasses import dataclass

import torch

from collapsebench import Corpus, FitReport, TaskCard, task
from collapsebench.testing.bare import Bare, Normal


class Own(Normal):
    pass
{learner}

@task("{name}")
@dataclass(frozen=True)
class Some(Bare):
    '''What it is.'''

    card = TaskCard(
        title="Some", modality="vector", primary="error", unit="squared distance", metrics={{"error": "..."}}{card}
    )

    def learner(self, rng):
        return Own()
{body}
"""


def indented(text, by):
    return "\n".join(" " * by + line for line in text.strip().splitlines())


@pytest.fixture
def method_class(tmp_path, registries):
    """The class of a method with this body of `curate`."""

    def make(body, card="", hook="", name="some_method"):
        path = tmp_path / f"{name}.py"
        path.write_text(METHOD.format(name=name, card=card, body=indented(body, 8), hook=indented(hook, 4)))
        load_file(path)
        return METHODS.get(name)

    return make


@pytest.fixture
def task_class(tmp_path, registries):
    """The class of a task with these methods, over a learner with those."""

    def make(body="", learner="", card="", name="some_task"):
        path = tmp_path / f"{name}.py"
        parts = {"body": indented(body, 4), "learner": indented(learner, 4), "card": card}
        path.write_text(TASK.format(name=name, **parts))
        load_file(path)
        return TASKS.get(name)

    return make


def failed(results):
    return [result.name for result in results if not result.passed]


def test_a_method_that_returns_its_input_passes_every_check_that_applies(method_class):
    results = method_results(method_class("return synthetic"), ["gaussian"])
    outcomes = {result.name: result.outcome for result in results}
    assert outcomes.pop("loss_weights") == "skipped"
    assert set(outcomes.values()) == {"passed"}
    assert all(result.sentence.endswith(".") for result in results)


BAD_METHODS = {
    "raises": ("runs", "raise RuntimeError('no luck')"),
    "returns nothing": ("valid_corpora", "return None"),
    "empty": ("valid_corpora", "return synthetic.select(torch.zeros(len(synthetic), dtype=torch.bool))"),
    "another shape": ("valid_corpora", "return Corpus({'y': torch.zeros(3)})"),
    "NaN weights": ("valid_corpora", "return synthetic.with_weights(torch.full((len(synthetic),), torch.nan))"),
    "NaN values": ("valid_corpora", "return Corpus({k: v * torch.nan for k, v in synthetic.columns.items()})"),
    "writes into S_t": ("inputs_unchanged", "synthetic['x'].mul_(2)\nreturn synthetic"),
    "writes through numpy": ("inputs_unchanged", "synthetic['x'].numpy()[:] = 0\nreturn synthetic"),
    "global torch": ("global_random_state_untouched", "return synthetic.select(torch.randperm(len(synthetic))[:9])"),
    "global numpy": (
        "global_random_state_untouched",
        "return synthetic.select(torch.from_numpy(numpy.random.permutation(len(synthetic))[:9]))",
    ),
    "remembers calls": ("deterministic", "return synthetic.select(torch.arange(3 + next(CALLS) % 5))"),
}


@pytest.mark.parametrize(("check", "body"), BAD_METHODS.values(), ids=BAD_METHODS)
def test_a_broken_method_fails_the_check_that_is_about_it(method_class, check, body):
    assert failed(method_results(method_class(body), ["gaussian"])) == [check]


def test_every_undeclared_access_is_named_at_once(method_class):
    results = method_results(method_class("ctx.verify(synthetic)\nreturn ctx.history[0]"), ["gaussian"])
    assert failed(results) == ["declared_access"]
    [result] = [result for result in results if not result.passed]
    assert result.detail == "Add to the card: access={'history', 'verifier'}."


def test_an_access_that_is_never_used_is_a_warning(method_class):
    results = method_results(method_class("return synthetic", card=", access={'fresh'}"), ["gaussian"])
    assert failed(results) == []
    [warning] = [result for result in results if result.outcome == "warning"]
    assert warning.name == "used_access" and "fresh" in warning.detail


def test_a_capability_that_is_not_in_needs_fails_on_the_task_without_it(method_class):
    body = "ctx.model.sites(synthetic)\nreturn synthetic"
    results = method_results(method_class(body), ["gaussian"])
    assert failed(results) == ["runs"]
    assert "bare" in next(result.detail for result in results if not result.passed)
    declared = method_class(body, card=", needs={'sites'}", name="declared")
    assert failed(method_results(declared, ["gaussian"])) == []


@pytest.mark.parametrize("card", [", needs={'sites', 'log_prob'}", ", access={'reward'}"])
def test_what_would_keep_tasks_out_of_the_score_has_to_be_used(method_class, card):
    results = method_results(method_class("return synthetic", card=card), ["gaussian"])
    assert failed(results) == ["used_needs"]
    body = "ctx.model.sites(synthetic)\nctx.reward(synthetic)\nreturn synthetic"
    card = ", needs={'sites', 'log_prob'}, access={'reward'}"
    assert failed(method_results(method_class(body, card=card, name="used"), ["gaussian"])) == []


def test_a_method_that_supports_no_task_does_not_pass(method_class):
    results = method_results(method_class("return synthetic", card=", needs={'site_weights'}"), ["gaussian"])
    assert failed(results) == ["runs"]


@pytest.mark.parametrize(
    ("check", "card", "hook"),
    [
        ("decoding", "", "def decoding(self, t):\n    return Decoding(temperature=0.9)"),
        ("loss_weights", ", needs={'site_weights'}", "def site_weights(self, log_probs):\n    return log_probs"),
        ("loss_weights", "", "def site_weights(self, log_probs):\n    return log_probs.exp()"),
    ],
)
def test_a_broken_hook_fails_the_check_that_is_about_it(method_class, check, card, hook):
    results = method_results(method_class("return synthetic", card, hook), [])
    assert failed(results)[0] == check


def test_pickle_and_submodules_are_found_in_the_source(method_class):
    body = "import pickle\nfrom collapsebench.core.corpus import REAL\nreturn synthetic"
    results = {result.name: result for result in method_results(method_class(body), [])}
    assert results["no_pickle"].outcome == "failed" and "imports pickle" in results["no_pickle"].detail
    assert results["public_imports"].outcome == "warning"


def test_check_method_asserts(method_class):
    check_method(method_class("return synthetic"), ["gaussian"])
    with pytest.raises(AssertionError, match=r"Method 'raises' breaks its contract:\n- runs .*no luck"):
        check_method(method_class("raise ValueError('no luck')", name="raises"), ["gaussian"])


def test_a_plain_task_passes_every_check_that_applies(task_class):
    results = task_results(task_class())
    assert failed(results) == []
    assert {"real_data", "state", "row_weights", "resumable"} <= {r.name for r in results if r.outcome == "passed"}


SAMPLE = "def sample(self, n, rng, decoding, conditions=None):\n    "
EVALUATE = "def evaluate(self, learner, start, rng):\n    "
PICTURES = "def pictures(self, corpus):\n    "
SHARE_OF_ROWS = "    self._mean, self._std = corpus['x'].mean().reshape(1), corpus['x'].std().reshape(1)\n"
BAD_TASKS = {
    "one row too many": ("real_data", {"body": "def real(self, n, rng):\n    return super().real(n + 1, rng)"}),
    "always the same rows": (
        "real_data",
        {"body": "def real(self, n, rng):\n    return super().real(n, torch.Generator().manual_seed(1))"},
    ),
    "repeats": (
        "population",
        {
            "body": "def real(self, n, rng):\n    return Corpus({'x': torch.randint(9, (n,), generator=rng).float()})",
            "card": ", population=64",
        },
    ),
    "says nothing of its cost": (
        "fit",
        {"learner": "def fit(self, corpus, training):\n    super().fit(corpus, training)"},
    ),
    "too few samples": ("sample", {"learner": SAMPLE + "return super().sample(n - 1, rng, decoding)"}),
    "unknown metric": ("metrics", {"body": EVALUATE + "return {'error': 0.1, 'other': 1.0}"}),
    "changes the model": (
        "metrics",
        {"body": EVALUATE + "learner._mean = learner._mean + 1\n    return {'error': 0.5}"},
    ),
    "loses its state": ("state", {"learner": "def load(self, state):\n    self._mean = state['mean']"}),
    "ignores row weights": (
        "row_weights",
        {"learner": "def fit(self, corpus, training):\n" + SHARE_OF_ROWS + "    return FitReport(len(corpus))"},
    ),
    "extends nothing": ("extended", {"learner": "def extended(self, added):\n    return self"}),
    "verifies in floats": (
        "verifier",
        {"body": "def verify(self, corpus):\n    return corpus['x']", "card": ", supports={'verifier'}"},
    ),
    "rewards the whole": (
        "reward",
        {"body": "def reward(self, corpus):\n    return corpus['x'].sum()", "card": ", supports={'reward'}"},
    ),
    "pictures in floats": ("pictures", {"body": PICTURES + "return corpus['x'].view(-1, 1, 1)"}),
    "pictures as bright as the brightest": (
        "pictures",
        {"body": PICTURES + "x = corpus['x'].view(-1, 1, 1).abs()\n    return (255 * x / x.max()).to(torch.uint8)"},
    ),
    "has no such verifier": ("verifier", {"card": ", supports={'verifier'}"}),
    "ignores the temperature": ("decoding", {"card": ", supports={'temperature'}"}),
    "writes into D_0": (
        "inputs_unchanged",
        {"body": EVALUATE + "start.corpus['x'].add_(1)\n    return {'error': 0.5}"},
    ),
    "global random": (
        "global_random_state_untouched",
        {"body": EVALUATE + "torch.rand(1)\n    return {'error': 0.5}"},
    ),
    "theory of another length": ("theory", {"body": "def theory(self, method, n, generations):\n    return [1.0]"}),
    "a modality of its own": (
        "declaration",
        {"card": "", "body": "card = TaskCard('T', 'sound', 'e', 'u', {'e': '.'})"},
    ),
}


@pytest.mark.parametrize(("check", "parts"), BAD_TASKS.values(), ids=BAD_TASKS)
def test_a_broken_task_fails_the_check_that_is_about_it(task_class, check, parts):
    assert failed(task_results(task_class(**parts))) == [check]


def test_resampling_must_leave_other_sites_alone(task_class):
    learner = """
def log_prob(self, corpus):
    return -corpus["x"].square()

def sites(self, corpus):
    from collapsebench import Sites
    return Sites(-corpus["x"].square()[:, None], torch.ones(len(corpus), 1, dtype=torch.bool))

def resample(self, corpus, mask, rng, top_k=None, temperature=1.0):
    drawn = self.sample(len(corpus), rng, None)["x"]
    return corpus.with_columns(x={kept})
"""
    card = ", supports={'sites', 'log_prob'}"
    right = task_class(learner=learner.replace("{kept}", "torch.where(mask[:, 0], drawn, corpus['x'])"), card=card)
    assert failed(task_results(right)) == []
    wrong = task_class(learner=learner.replace("{kept}", "drawn"), card=card, name="wrong")
    assert failed(task_results(wrong)) == ["resample"]


def test_check_task_asserts(task_class):
    check_task(task_class())
    with pytest.raises(AssertionError, match=r"Task 'wrong' breaks its contract:\n- theory "):
        check_task(task_class("def theory(self, method, n, generations):\n    return [1.0]", name="wrong"))


def test_checks_leave_the_callers_random_state_alone():
    before = global_random_state()
    with fixed_random_state():
        torch.rand(1), np.random.rand(), random.random()
        assert global_random_state() != before
    assert global_random_state() == before
