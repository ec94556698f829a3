"""Board: from records to scores, ranks and costs. Records are its only input; it writes nothing."""

from .against import Against, against, copy_of
from .load import load_board
from .model import COSTS, Board, BoardTask, Entry, Standing, State

__all__ = [
    "COSTS",
    "Against",
    "Board",
    "BoardTask",
    "Entry",
    "Standing",
    "State",
    "against",
    "copy_of",
    "load_board",
]
