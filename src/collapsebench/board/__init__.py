"""Board: from records to scores, ranks and costs. Records are its only input; it writes nothing."""

from .cells import BoardTask, Entry, State
from .load import load_board
from .model import Board

__all__ = ["Board", "BoardTask", "Entry", "State", "load_board"]
