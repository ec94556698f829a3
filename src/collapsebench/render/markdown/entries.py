"""Who entered: a line on each method and reference."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...board.against import copy_of
from .text import anchor, bullets, code, plain

if TYPE_CHECKING:
    from ...board import Board, Entry


def descriptions(board: Board, entries: Sequence[Entry]) -> str:
    """One item for each entry: title, description, paper and parameters."""
    return bullets([_description(board, entry) for entry in entries])


def _description(board: Board, entry: Entry) -> str:
    name = f"*{plain(entry.label)}*" if entry.reference else f"**{plain(entry.label)}**"
    facts = [f"{plain(entry.title)}.", plain(entry.description), _paper(entry.paper)]
    facts.append("; ".join(code(f"{key} = {value}") for key, value in entry.params.items()))
    if original := copy_of(board, entry):
        facts.append(f"Here a copy of *{plain(original)}*: the same loss on every task and seed, to the last bit.")
    return f'<a id="{anchor(entry)}"></a>{name} ({entry.badge}): {" ".join(filter(None, facts))}'


def _paper(paper: str) -> str:
    return re.sub(r"arXiv:(\d{4}\.\d{4,5})", r"[\g<0>](https://arxiv.org/abs/\1)", plain(paper))
