"""Every built-in task and its learner keep the contract that `collapsebench check` asks of a stranger's."""

import pytest

from collapsebench.registry import TASKS
from collapsebench.testing import task_results


GENERATED = [name for name in TASKS.names() if not TASKS.get(name).card.data]
"""Tasks on real text go through the same checks in their own tests, on small files."""


@pytest.mark.parametrize("name", GENERATED)
def test_a_task_keeps_its_contract(name):
    for result in task_results(TASKS.get(name)):
        assert result.passed, f"{name}: {result.name}: {result.sentence} {result.detail}"
