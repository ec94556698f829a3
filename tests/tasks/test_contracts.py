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
