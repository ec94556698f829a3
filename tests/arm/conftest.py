"""Methods of the arm, from their text."""

import itertools
import os
import textwrap

import pytest

from collapsebench.arm import sandbox
from collapsebench.core.method import METHODS
from collapsebench.core.registry import load_file
from collapsebench.loop.plugins import make_method

_NUMBERS = itertools.count()

_METHOD = """
import torch
from collapsebench import Corpus, Method, MethodCard, PluginError, method
{before}
@method("{name}")
class Guest(Method):
    \"\"\"A guest.\"\"\"
    share: float = 0.5
    card = MethodCard(title="Guest", access={access!r}, needs={needs!r})

    def curate(self, arrivals, ctx):
{curate}
"""


@pytest.fixture
def guest(tmp_path, registries):
    """Writes a method and makes it, by what its `curate` does; `after` is more of the class."""

    def write(curate, before="", after="", access=(), needs=(), **params):
        name = f"guest_{next(_NUMBERS)}"
        text = _METHOD.format(
            name=name,
            before=textwrap.dedent(before),
            access=set(access),
            needs=set(needs),
            curate=textwrap.indent(textwrap.dedent(curate), " " * 8),
        )
        path = tmp_path / f"{name}.py"
        path.write_text(text + textwrap.indent(textwrap.dedent(after), " " * 4))
        assert load_file(path) is None
        assert name in METHODS.names()
        return make_method(name, params)

    return write


@pytest.fixture
def sandboxed():
    """For what only a sandbox prevents."""
    if not sandbox.available():  # raises where the environment requires one
        assert os.environ.get(sandbox.REQUIRED) != "required"
        pytest.skip("there is no sandbox here")
