"""The fabricated boards of `tests/board`, for what is drawn from them."""

import importlib.util
from pathlib import Path

import pytest

_SPEC = importlib.util.spec_from_file_location("fabricated_boards", Path(__file__).parents[1] / "board" / "conftest.py")
_BOARDS = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(_BOARDS)


@pytest.fixture(scope="session")
def fabricate():
    """What the tests of boards build theirs from."""
    return _BOARDS.Fabricate
