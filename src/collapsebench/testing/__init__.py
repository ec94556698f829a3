"""Conformance kit: what every plug-in must do, each as a small named check.

`collapsebench check` prints the results as a table; a plug-in author's own tests use

    from collapsebench.testing import check_method, check_task

    def test_my_method():
        check_method(MyMethod)

and follow it by hand on the toy task, with

    from collapsebench.testing import Toy, tiny_run

    def test_it_keeps_the_real_rows():
        run = tiny_run(MyMethod(), Toy(drift=100), n=4)
        assert sorted(run.corpora[1]["x"].tolist()) == [1, 2, 3, 4]
"""

from __future__ import annotations

from collections.abc import Sequence

from ..core.method import Method
from ..core.task import Task
from .checks import CheckResult as CheckResult
from .checks import Outcome as Outcome
from .method import method_results as method_results
from .task import task_results as task_results
from .tiny import TinyRun as TinyRun
from .tiny import tiny_run as tiny_run
from .toy import Toy as Toy


def check_method(method: type[Method], tasks: Sequence[str] | None = None) -> None:
    """Assert that a method keeps its contract with its defaults, on these tasks or the core ones, at tiny sizes.

    Raises:
        AssertionError: naming every check that failed and why.
    """
    _assert_passed(f"Method '{method.name}'", method_results(method, tasks))


def check_task(task: type[Task]) -> None:
    """Assert that a task and its learner keep their contract at default sizes, or smaller ones for a core task.

    Raises:
        AssertionError: naming every check that failed and why.
    """
    _assert_passed(f"Task '{task.name}'", task_results(task))


def _assert_passed(subject: str, results: Sequence[CheckResult]) -> None:
    if failed := [f"- {result.name} ({result.sentence}) {result.detail}" for result in results if not result.passed]:
        raise AssertionError("\n".join((f"{subject} breaks its contract:", *failed)))
