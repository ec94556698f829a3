"""Board: from records to scores, ranks and costs. Records are its only input; it writes nothing."""

from .cells import Entry, Group, Setting, State
from .load import load_board
from .model import Board

__all__ = ["Board", "Entry", "Group", "Setting", "State", "load_board"]
