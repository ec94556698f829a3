"""The file itself: a template, its styles and scripts, the boards as tables and what the script draws as JSON."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from importlib import resources
from string import Template
from typing import TYPE_CHECKING, Any

from .figures import figures
from .pieces import place, plain
from .section import board_section

if TYPE_CHECKING:
    from ...board import Board

_SCRIPTS = ("table.js", "chart.js", "board.js")


def page(boards: Sequence[Board]) -> str:
    """One HTML document with all `boards`, the first of them in front; the same boards give the same bytes.

    It loads nothing, and its content security policy lets a browser run and apply only what stands here.
    """
    style, theme = asset("board.css"), asset("theme.js")
    script = '"use strict";\n' + "\n".join(asset(name) for name in _SCRIPTS)
    policy = (
        f"default-src 'none'; img-src data:; style-src {_hash(style)}; script-src {_hash(theme)} {_hash(script)}; "
        "base-uri 'none'; form-action 'none'"
    )
    document = Template(asset("board.html")).substitute(
        policy=policy,
        style=style,
        theme=theme,
        script=script,
        links="\n".join(_link(board) for board in boards),
        boards="\n".join(board_section(board) for board in boards),
        figures=_json([figures(board) for board in boards]),
    )
    return document.encode("utf-8", "replace").decode("utf-8")  # a record may hold half a surrogate pair


def asset(name: str) -> str:
    """The text of a file beside this one."""
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


def _link(board: Board) -> str:
    return f'<li><a href="#{place(board)}">{plain(board.protocol.name)}</a></li>'


def _hash(content: str) -> str:
    """A source expression of a content security policy (CSP 3, section 2.3.1)."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"


def _json(content: Any) -> str:
    """JSON in which nothing ends a script element or starts a comment."""
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
