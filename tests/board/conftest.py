import fabricate
import pytest

from collapsebench.board import load_board


@pytest.fixture
def board_of(tmp_path_factory):
    return lambda results: load_board(fabricate.board(tmp_path_factory.mktemp("board"), results))
