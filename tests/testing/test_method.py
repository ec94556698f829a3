"""The contract of a method: each broken one is blamed on the one check that is about it."""

import re

import pytest

from collapsebench.testing import check_method, method_results


def test_a_method_that_returns_its_input_passes_every_check_that_applies(method_class):
    results = method_results(method_class("return arrivals"), ["gaussian"])
    outcomes = {result.name: result.outcome for result in results}
    assert outcomes.pop("loss_weights") == "skipped"
    assert set(outcomes.values()) == {"passed"}
    assert all(result.sentence.endswith(".") for result in results)


BAD_METHODS = {
    "raises": ("runs", "raise RuntimeError('no luck')"),
    "returns nothing": ("valid_corpora", "return None"),
    "empty": ("valid_corpora", "return arrivals.select(torch.zeros(len(arrivals), dtype=torch.bool))"),
    "another shape": ("valid_corpora", "return Corpus({'y': torch.zeros(3)})"),
    "NaN weights": ("valid_corpora", "return arrivals.with_weights(torch.full((len(arrivals),), torch.nan))"),
    "NaN values": ("valid_corpora", "return Corpus({k: v * torch.nan for k, v in arrivals.columns.items()})"),
    "writes into S_t": ("inputs_unchanged", "arrivals['x'].mul_(2)\nreturn arrivals"),
    "writes through numpy": ("inputs_unchanged", "arrivals['x'].numpy()[:] = 0\nreturn arrivals"),
    "global torch": ("global_random_state_untouched", "return arrivals.select(torch.randperm(len(arrivals))[:9])"),
    "global numpy": (
        "global_random_state_untouched",
        "return arrivals.select(torch.from_numpy(numpy.random.permutation(len(arrivals))[:9]))",
    ),
    "remembers calls": ("deterministic", "return arrivals.select(torch.arange(3 + next(CALLS) % 5))"),
}


@pytest.mark.parametrize(("check", "body"), BAD_METHODS.values(), ids=BAD_METHODS)
def test_a_broken_method_fails_the_check_that_is_about_it(failed, method_class, check, body):
    assert failed(method_results(method_class(body), ["gaussian"])) == [check]


def test_every_undeclared_access_is_named_at_once(failed, method_class):
    results = method_results(method_class("ctx.verify(arrivals)\nreturn ctx.history[0]"), ["gaussian"])
    assert failed(results) == ["declared_access"]
    [result] = [result for result in results if not result.passed]
    assert result.detail == "Add to the card: access={'history', 'verifier'}."


def test_an_access_that_is_never_used_is_a_warning(failed, method_class):
    results = method_results(method_class("return arrivals", card=", access={'fresh'}"), ["gaussian"])
    assert failed(results) == []
    [warning] = [result for result in results if result.outcome == "warning"]
    assert warning.name == "used_access" and "fresh" in warning.detail


def test_a_capability_that_is_not_in_needs_fails_on_the_task_without_it(failed, method_class):
    body = "ctx.model.sites(arrivals)\nreturn arrivals"
    results = method_results(method_class(body), ["gaussian"])
    assert failed(results) == ["runs"]
    detail = next(result.detail for result in results if not result.passed)
    assert (
        "On toy/preserve: Generation 1: Mean has no 'sites'. Declare the capability in the method's `needs`" in detail
    )
    declared = method_class(body, card=", needs={'sites'}", name="declared")
    assert failed(method_results(declared, ["gaussian"])) == []


@pytest.mark.parametrize("card", [", needs={'sites', 'log_prob'}", ", access={'reward'}"])
def test_what_would_keep_tasks_out_of_the_score_has_to_be_used(failed, method_class, card):
    results = method_results(method_class("return arrivals", card=card), ["gaussian"])
    assert failed(results) == ["used_needs"]
    body = "ctx.model.sites(arrivals)\nctx.reward(arrivals)\nreturn arrivals"
    card = ", needs={'sites', 'log_prob'}, access={'reward'}"
    assert failed(method_results(method_class(body, card=card, name="used"), ["gaussian"])) == []


def test_a_method_that_supports_no_task_does_not_pass(failed, method_class):
    results = method_results(method_class("return arrivals", card=", needs={'image'}"), ["gaussian"])
    assert failed(results) == ["runs"]
    [detail] = [result.detail for result in results if result.name == "runs"]
    said = [f"{name}: needs image, which {name} does not have" for name in ("toy", "gaussian")]
    assert detail == f"It supports none of them: {'; '.join(said)}."


@pytest.mark.parametrize(
    ("check", "card", "hook"),
    [
        ("decoding", "", "def decoding(self, t):\n    return Decoding(temperature=0.9)"),
        ("loss_weights", ", needs={'site_weights'}", "def site_weights(self, log_probs):\n    return log_probs"),
        ("loss_weights", "", "def site_weights(self, log_probs):\n    return log_probs.exp()"),
    ],
)
def test_a_broken_hook_fails_the_check_that_is_about_it(failed, method_class, check, card, hook):
    results = method_results(method_class("return arrivals", card, hook), [])
    assert failed(results)[0] == check


def test_pickle_and_submodules_are_found_in_the_source(method_class):
    body = "import pickle\nfrom collapsebench.core.corpus import REAL\nreturn arrivals"
    results = {result.name: result for result in method_results(method_class(body), [])}
    assert results["no_pickle"].outcome == "failed" and "imports pickle" in results["no_pickle"].detail
    assert results["public_imports"].outcome == "warning"


@pytest.mark.parametrize(
    ("question", "worlds"),
    [("preserve", {"preserve"}), ("purify", {"purify", "purify-outside"}), ("grow", {"grow"})],
)
def test_a_method_is_tried_in_each_world_of_its_questions(method_class, question, worlds):
    hook = f"def questions(self):\n    return frozenset({{{question!r}}})"
    results = {
        result.name: result for result in method_results(method_class("raise OSError('no luck')", hook=hook), [])
    }
    assert set(re.findall(r"On toy/([a-z-]+): Generation 1: OSError: no luck", results["runs"].detail)) == worlds


ONLY_IN_GROW = {
    "raises": ("runs", "raise RuntimeError('no luck')"),
    "returns nothing": ("valid_corpora", "return None"),
    "writes into what arrived": ("inputs_unchanged", "arrivals['x'].numpy()[:] = 0"),
    "global torch": ("global_random_state_untouched", "torch.rand(1)"),
    "remembers calls": ("deterministic", "return arrivals.select(torch.arange(3 + next(CALLS) % 5))"),
    "undeclared access": ("declared_access", "ctx.trusted"),
}


@pytest.mark.parametrize(("check", "body"), ONLY_IN_GROW.values(), ids=ONLY_IN_GROW)
def test_what_goes_wrong_only_where_much_arrives_is_found_there(failed, method_class, check, body):
    results = method_results(method_class(f"if len(arrivals) > ctx.n:\n    {body}\nreturn arrivals"), [])
    assert failed(results) == [check]
    [detail] = [result.detail for result in results if not result.passed]
    assert "toy/grow" in detail or check == "declared_access"
    assert "toy/preserve" not in detail and "toy/purify" not in detail


def test_check_method_asserts(method_class):
    check_method(method_class("return arrivals"), ["gaussian"])
    with pytest.raises(AssertionError, match=r"Method 'raises' breaks its contract:\n- runs .*no luck"):
        check_method(method_class("raise ValueError('no luck')", name="raises"), ["gaussian"])
