"""One board as a section of the page, complete without a script."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...core.method import TRACKS
from ..numbers import MISSING, OUTSIDE
from ..words import SEES, lineage_length, plural, scored_window
from .costs import costs_section
from .entries import entries_section
from .incomplete import ended_section, incomplete_section
from .pieces import element, folded, place, plain
from .scores import scores_section
from .tasks import measured_table, task_section

if TYPE_CHECKING:
    from ...board import Board


def board_section(board: Board) -> str:
    """Facts, how to read them, scores, costs, tasks, what is incomplete, and who entered."""
    tracks = [track for track in TRACKS if board.competitors(track)]
    entries = [entry for track in tracks for entry in board.competitors(track)]
    everyone = (*entries, *board.references)
    order = [entry.label for entry in board.entries]
    tasks = [task_section(board, task, entries, order) for task in board.tasks if task.primary]
    seen = "".join(f"<dt>{track}</dt><dd>sees {SEES[track]}</dd>" for track in tracks)
    parts = {
        "Scores": scores_section(board, tracks, order)
        + folded("What a method of each track may see", element("dl", seen, "facts")),
        "Costs": costs_section(board, tracks, order),
        "Tasks": "\n".join([measured_table(board), *tasks]),
        "Incomplete": incomplete_section(board, everyone, order),
        "Diverged": ended_section(board, everyone),
        "Entries": entries_section(board, everyone),
    }
    sections = "\n".join(_section(board, title, content) for title, content in parts.items() if content)
    identity, version = place(board), board.protocol.version
    links = "".join(
        f'<li><a href="#{place(board, title.lower())}">{title}</a></li>' for title, content in parts.items() if content
    )
    return (
        f'<section class="board" id="{identity}" aria-labelledby="{identity}-title">\n'
        f'<h2 id="{identity}-title">{plain(board.protocol.name)} <small>version {version}</small></h2>\n'
        f"{element('p', plain(board.protocol.description), 'lead')}\n{_facts(board)}\n"
        f'{_how_to_read(board)}\n<nav class="parts" aria-label="Parts of this board"><ul>{links}</ul></nav>\n'
        f'<div class="controls"></div>\n{sections}\n</section>'
    )


def _section(board: Board, title: str, content: str) -> str:
    identity = place(board, title.lower())
    return (
        f'<section id="{identity}" aria-labelledby="{identity}-title">\n<h3 id="{identity}-title">{title}</h3>\n'
        f"{content}\n</section>"
    )


def _facts(board: Board) -> str:
    rules = board.protocol
    methods = sum(not entry.reference for entry in board.entries)
    facts = {
        "entries": f"{plural(methods, 'method')}, {plural(len(board.references), 'reference')}",
        "tasks": f"{len(board.counting)} scored of {len(board.tasks)}",
        "length": f"{lineage_length(board)}, {plural(rules.seeds, 'seed')}",
        "scored": scored_window(board).removeprefix("as a "),
        "newest record": plain(board.newest),
        "protocol digest": element("code", plain(rules.digest[:12])),
    }
    items = (f"<div><dt>{name}</dt><dd>{fact}</dd></div>" for name, fact in facts.items() if fact)
    return element("dl", "".join(items), "strip")


def _how_to_read(board: Board) -> str:
    lines = (
        "<b>R</b>, the recovered gap of the held-out real loss: 0 is as bad as training on synthetic data alone "
        "(<em>replace</em>), 1 as good as never using it (<em>frozen</em>).",
        "<b>Overall R</b>: interquartile mean over (task, seed). Drawn beside it: thick, its 95 % interval for new "
        "seeds; thin, for new tasks like these. ± is a half-width over seeds.",
        "<b>Rank</b> is within a track. Entries share it unless a paired t-test, after Holm over all pairs of the "
        "track, puts one behind the first. References, in italics, are never ranked.",
        "<b>Against frozen</b>: better, level or worse by the same test, and how often the loss is lower than "
        "<em>frozen</em>’s: the probability of improvement.",
        f"<b>{OUTSIDE}</b>: the task lacks what the method needs, and has no weight in its score. {MISSING}: missing. "
        "A task counts only where <em>replace</em> clearly collapses.",
    )
    items = "".join(f"<li>{line}</li>" for line in lines)
    return f'<details class="how" open><summary>How to read this</summary><ul>{items}</ul></details>'
