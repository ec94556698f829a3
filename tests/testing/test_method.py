"""The contract of a method: each broken one is blamed on the one check that is about it."""

import pytest

from collapsebench.testing import check_method, method_results


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
def test_a_broken_method_fails_the_check_that_is_about_it(failed, method_class, check, body):
    assert failed(method_results(method_class(body), ["gaussian"])) == [check]


def test_every_undeclared_access_is_named_at_once(failed, method_class):
    results = method_results(method_class("ctx.verify(synthetic)\nreturn ctx.history[0]"), ["gaussian"])
    assert failed(results) == ["declared_access"]
    [result] = [result for result in results if not result.passed]
    assert result.detail == "Add to the card: access={'history', 'verifier'}."


def test_an_access_that_is_never_used_is_a_warning(failed, method_class):
    results = method_results(method_class("return synthetic", card=", access={'fresh'}"), ["gaussian"])
    assert failed(results) == []
    [warning] = [result for result in results if result.outcome == "warning"]
    assert warning.name == "used_access" and "fresh" in warning.detail


def test_a_capability_that_is_not_in_needs_fails_on_the_task_without_it(failed, method_class):
    body = "ctx.model.sites(synthetic)\nreturn synthetic"
    results = method_results(method_class(body), ["gaussian"])
    assert failed(results) == ["runs"]
    detail = next(result.detail for result in results if not result.passed)
    assert "On toy: Generation 1: Mean has no 'sites'. Declare the capability in the method's `needs`" in detail
    declared = method_class(body, card=", needs={'sites'}", name="declared")
    assert failed(method_results(declared, ["gaussian"])) == []


@pytest.mark.parametrize("card", [", needs={'sites', 'log_prob'}", ", access={'reward'}"])
def test_what_would_keep_tasks_out_of_the_score_has_to_be_used(failed, method_class, card):
    results = method_results(method_class("return synthetic", card=card), ["gaussian"])
    assert failed(results) == ["used_needs"]
    body = "ctx.model.sites(synthetic)\nctx.reward(synthetic)\nreturn synthetic"
    card = ", needs={'sites', 'log_prob'}, access={'reward'}"
    assert failed(method_results(method_class(body, card=card, name="used"), ["gaussian"])) == []


def test_a_method_that_supports_no_task_does_not_pass(failed, method_class):
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
def test_a_broken_hook_fails_the_check_that_is_about_it(failed, method_class, check, card, hook):
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
