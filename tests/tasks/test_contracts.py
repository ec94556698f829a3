"""Every built-in task and its learner keep the contract that `collapsebench check` asks of a stranger's."""

import pytest

from collapsebench.core.corpus import real_share
from collapsebench.core.method import METHODS
from collapsebench.core.task import TASKS
from collapsebench.testing import task_results, tiny, tiny_run

DOWNLOADED = {"babistories", "mnist", "mnist_labels", "sft", "wikitext"}
"""Their own tests put them through the same checks, on small files."""


@pytest.mark.parametrize("name", sorted(set(TASKS.names()) - DOWNLOADED))
def test_a_task_keeps_its_contract(name):
    for result in task_results(TASKS.get(name)):
        assert result.passed, f"{name}: {result.name}: {result.sentence} {result.detail}"


@pytest.mark.parametrize("name", TASKS.names())
def test_a_task_of_text_or_images_says_how_diverse_its_samples_are(name):
    card = TASKS.get(name).card
    assert card.suite != "own"
    samples_are_judged = card.suite in ("language", "images")
    assert samples_are_judged == ("diversity_ratio" in card.metrics) == ("diversity_ratio" in card.shown)


@pytest.mark.parametrize("name", sorted(set(TASKS.names()) - DOWNLOADED))
def test_a_model_outside_the_lineage_generates_rows_like_real_ones(name):
    """Fitted on half as many rows and sampled at T = .8."""
    sizes = dict(tiny._SIZES.get(name, {"n": 32}))
    task = TASKS.get(name)(**sizes.pop("params", {}))
    run = tiny_run(METHODS.get("take_newest")(), task, 1, world="purify-outside", **sizes)
    assert run.history[1].schema == run.history[0].schema
    assert real_share(run.history[1]) == 0.5
