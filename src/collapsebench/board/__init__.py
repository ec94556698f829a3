"""Board: from record files to scores, ranks and leaderboard pages. Records are its only input."""

from ..render.files import stale_pages, summary_table, write_board
from ..render.samples import Sheet, write_sheets
from .against import Against, against, copy_of
from .load import load_board
from .model import COSTS, Board, BoardTask, Entry, Standing, State

__all__ = [
    "COSTS",
    "Against",
    "Board",
    "BoardTask",
    "Entry",
    "Sheet",
    "Standing",
    "State",
    "against",
    "copy_of",
    "load_board",
    "stale_pages",
    "summary_table",
    "write_board",
    "write_sheets",
]
