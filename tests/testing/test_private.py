"""A method cannot be written so that it reads what the harness keeps to itself without `check` saying where."""

import ast

import pytest

from collapsebench.core.method import METHODS
from collapsebench.testing.private import private_reads
from collapsebench.testing.source import hidden_reads


def found(line):
    return list(private_reads(ast.parse(f"import torch\n{line}")))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("x = ctx._access", "reads ctx._access"),
        ("x = synthetic._blocks[0]", "reads synthetic._blocks"),
        ("x = ctx.pool._origin.sum()", "reads ctx.pool._origin"),
        ("x = ctx.__dict__", "reads ctx.__dict__"),
        ("x = ctx.mark.__closure__[0]", "reads ctx.mark.__closure__"),
        ("x = ctx.mark.__self__", "reads ctx.mark.__self__"),
        ("ctx._t = 0", "reads ctx._t"),
        ("x = [c._real for c in ctx.history]", "reads c._real"),
        ("x = getattr(ctx, '_access')", "calls getattr(ctx, '_access')"),
        ("x = getattr(ctx, '_' + 'access')", "calls getattr(ctx, '_' + 'access')"),
        ("x = hasattr(ctx, name)", "calls hasattr(ctx, name)"),
        ("x = operator.attrgetter('n', 'pool._origin')(ctx)", "calls operator.attrgetter('n', 'pool._origin')"),
        ("x = vars(ctx)", "calls vars(ctx)"),
        ("x = dir(ctx)", "calls dir(ctx)"),
        ("x = eval('ctx._access')", "calls eval('ctx._access')"),
        ("x = object.__getattribute__(ctx, 'n')", "reads object.__getattribute__"),
        ("x = sys._getframe(1)", "reads sys._getframe"),
        ("x = sys.modules['collapsebench.loop.desk']", "reads sys.modules"),
        ("x = collapsebench.core.context.desk_of(ctx)", "reads collapsebench.core"),
        ("import gc", "imports gc"),
        ("from inspect import stack", "imports inspect.stack"),
        ("from importlib import import_module", "imports importlib.import_module"),
        ("x = __import__('collapsebench.core.context')", "calls __import__('collapsebench.core.context')"),
        ("from collapsebench.core.context import desk_of", "imports collapsebench.core.context.desk_of"),
        ("from collapsebench import loop", "imports collapsebench.loop"),
        ("import collapsebench.loop.desk", "imports collapsebench.loop.desk"),
        ("import collapsebench as bench", "imports collapsebench as bench"),
        ("from somewhere import _table", "imports somewhere._table"),
        ("import os, ctypes", "imports ctypes"),
    ],
)
def test_what_pries_is_named_with_its_line(line, said):
    assert f"Line 2: {said}." in found(line)


@pytest.mark.parametrize(
    "line",
    [
        "x = ctx.pool.sample(ctx.n, ctx.rng)",
        "x = self._share",
        "x = cls._table",
        "super().__init__()",
        "super()._check(n)",
        "x = type(self).__name__",
        "x = getattr(torch, 'float64')",
        "x = getattr(self, name)",
        "x = vars(self)",
        "_private = 1",
        "def _helper(x): return x",
        "from collections import abc",
        "import collapsebench",
        "import numpy as np",
        "from __future__ import annotations",
        "from collapsebench import Corpus, Method",
        "from collapsebench.learners import GaussianLearner",
    ],
)
def test_what_is_the_methods_own_or_public_passes(line):
    assert found(line) == []


def test_no_shipped_method_reads_what_is_hidden():
    assert {name: said for name in METHODS.names() if (said := list(hidden_reads(METHODS.get(name))))} == {}
