"""What a page is made of: a board, and what lies beside its records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from .curves import Curves, curves

if TYPE_CHECKING:
    from ..board import Board
    from ..board.load import Aside
    from ..results.signature import Note
    from .samples import Texts


@dataclass(frozen=True, eq=False)  # two views are never compared, and each is asked once for its files
class View:
    """A board, and what lies beside its records.

    Args:
        board: what follows from the records.
        verified: by label of the entries of whose records a maintainer ran a sample again, the note on that.
        sheets: files of the sheets of pictures, by setting and label.
        texts: sheets of texts, by setting and label.
        aside: the files of the board that are not shown.
    """

    board: Board
    verified: Mapping[str, Note] = field(default_factory=dict)
    sheets: Mapping[tuple[str, str], Path] = field(default_factory=dict)
    texts: Mapping[tuple[str, str], Texts] = field(default_factory=dict)
    aside: tuple[Aside, ...] = ()

    @cached_property
    def curves(self) -> Mapping[str, Curves]:
        """The curves of every setting."""
        return {setting.name: curves(self.board, setting) for setting in self.board.settings}
