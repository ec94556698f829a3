"""Board: from record files to scores, ranks and leaderboard pages. Records are its only input."""

from .load import load_board
from .model import COSTS, Board, BoardTask, Entry, Standing, State
from .pages import stale_pages, summary_table, write_board
from .sheets import Sheet, write_sheets

__all__ = [
    "COSTS",
    "Board",
    "BoardTask",
    "Entry",
    "Sheet",
    "Standing",
    "State",
    "load_board",
    "stale_pages",
    "summary_table",
    "write_board",
    "write_sheets",
]
