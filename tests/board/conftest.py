import fabricate
import pytest

from collapsebench.board import load_board


@pytest.fixture
def board_of(tmp_path):
    return lambda results: load_board(fabricate.board(tmp_path, results))
