"""Who entered: a line on each method and reference."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from .text import anchor, bullets, plain

if TYPE_CHECKING:
    from ...board import Entry


def descriptions(entries: Sequence[Entry]) -> str:
    """One item for each entry: title, description, paper and parameters."""
    return bullets([_description(entry) for entry in entries])


def _description(entry: Entry) -> str:
    name = f"*{plain(entry.label)}*" if entry.reference else f"**{plain(entry.label)}**"
    facts = [f"{plain(entry.title)}.", plain(entry.description), _paper(entry.paper)]
    if entry.params:
        facts.append("; ".join(f"`{key} = {value}`" for key, value in entry.params.items()))
    return f'<a id="{anchor(entry)}"></a>{name}: {" ".join(filter(None, facts))}'


def _paper(paper: str) -> str:
    return re.sub(r"arXiv:(\d{4}\.\d{4,5})", r"[\g<0>](https://arxiv.org/abs/\1)", plain(paper))
