"""Plug-ins from a few lines of source, each broken in one way."""

import pytest

from collapsebench.core import registry
from collapsebench.core.method import METHODS
from collapsebench.core.registry import load_file
from collapsebench.core.task import TASKS

METHOD = """
import itertools
import numpy
import torch

from collapsebench import Corpus, Decoding, Method, MethodCard, method

CALLS = itertools.count()


@method("{name}")
class Some(Method):
    '''What it does.'''

    card = MethodCard(title="Some"{card})

    def curate(self, arrivals, ctx):
{body}
{hook}
"""

TASK = """
from dataclasses import replace

import torch

from collapsebench import Corpus, FitReport, Metric, Sites, Task, TaskCard, task
from collapsebench.testing import Toy
from collapsebench.testing.toy import EditableMean, SteppedMean


class Own({base}):
    pass
{learner}

@task("{name}")
class Some(Toy):
    '''What it is.'''

    def learner(self, rng):
        return Own()
{body}
"""


def indented(text, by):
    return "\n".join(" " * by + line for line in text.strip().splitlines())


@pytest.fixture
def method_class(tmp_path, registries, monkeypatch):
    """The class of a method with this body of `curate`, in this process, where its checks take less time."""
    monkeypatch.setattr(registry, "is_shipped", lambda path: True)

    def make(body, card="", hook="", name="some_method"):
        path = tmp_path / f"{name}.py"
        path.write_text(METHOD.format(name=name, card=card, body=indented(body, 8), hook=indented(hook, 4)))
        load_file(path)
        return METHODS.get(name)

    return make


@pytest.fixture
def task_class(tmp_path, registries):
    """The class of a task with these methods, over a learner with those: the toy task, broken."""

    def make(body="", learner="", stepped=False, name="broken_task"):
        path = tmp_path / f"{name}.py"
        base = "SteppedMean" if stepped else "EditableMean"
        body = f"{body}\nstepped: bool = {stepped}"
        path.write_text(TASK.format(name=name, base=base, body=indented(body, 4), learner=indented(learner, 4)))
        load_file(path)
        return TASKS.get(name)

    return make


@pytest.fixture
def failed():
    """Names of the checks that failed."""
    return lambda results: [result.name for result in results if not result.passed]
