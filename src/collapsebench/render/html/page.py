"""The file itself: a template, its styles and scripts, the boards as tables and what the script draws as JSON."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from importlib import resources
from string import Template
from typing import Any

from ..document import Document
from .blocks import Writer, plain
from .figures import figures

_SCRIPTS = ("table.js", "chart.js", "board.js")


def page(documents: Sequence[Document]) -> str:
    """One HTML document with all boards, the first of them in front; the same documents give the same bytes.

    It loads nothing, and its content security policy lets a browser run and apply only what stands here.
    """
    writers = [Writer(document) for document in documents]
    style, theme = asset("board.css"), asset("theme.js")
    script = '"use strict";\n' + "\n".join(asset(name) for name in _SCRIPTS)
    policy = (
        f"default-src 'none'; img-src data:; style-src {_hash(style)}; script-src {_hash(theme)} {_hash(script)}; "
        "base-uri 'none'; form-action 'none'"
    )
    text = Template(asset("board.html")).substitute(
        policy=policy,
        style=style,
        theme=theme,
        script=script,
        links="\n".join(
            f'<li><a href="#{writer.place()}">{plain(writer.board.protocol.name)}</a></li>' for writer in writers
        ),
        boards="\n".join(writer.section() for writer in writers),
        figures=_json([figures(writer) for writer in writers]),
    )
    return text.encode("utf-8", "replace").decode("utf-8")  # a record may hold half a surrogate pair


def asset(name: str) -> str:
    """The text of a file beside this one."""
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


def _hash(content: str) -> str:
    """A source expression of a content security policy (CSP 3, section 2.3.1)."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"


def _json(content: Any) -> str:
    """JSON in which nothing ends a script element or starts a comment."""
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
