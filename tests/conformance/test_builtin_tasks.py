"""Every built-in task and its learner keep the contract that `collapsebench check` asks of a stranger's."""

import pytest

from collapsebench.registry import TASKS
from collapsebench.testing import task_results


@pytest.mark.parametrize("name", TASKS.names())
def test_a_task_keeps_its_contract(name):
    for result in task_results(TASKS.get(name)):
        assert result.passed, f"{name}: {result.name}: {result.sentence} {result.detail}"
