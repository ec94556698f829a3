"""Every built-in task and its learner keep the contract that `collapsebench check` asks of a stranger's."""

import pytest

from collapsebench.core.task import TASKS
from collapsebench.testing import task_results

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
    samples_are_judged = card.suite == "language" or card.modality == "image"
    assert samples_are_judged == ("diversity_ratio" in card.metrics) == ("diversity_ratio" in card.shown)
