"""Source: what of a plug-in travels to the arm: just what its digest counts, so that nothing else can be read there."""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterator, Mapping
from importlib.util import decode_source
from pathlib import Path
from typing import Any

import torch

from ..core.errors import PluginError

_MOST_FILE = 64 * 2**20
"""Bytes of the largest data file of a plug-in."""


def source_of(path: Path, files: tuple[str, ...] = ()) -> Mapping[str, Any]:
    """A plug-in file, the modules beside it that it imports, and its data files, as they travel.

    Args:
        path: of the file.
        files: names of data files beside it.

    Raises:
        PluginError: a file is not there, is a link, is too large, or is no Python.
    """
    texts: dict[str, str] = {}
    queue = [path]
    while queue:
        here = queue.pop()
        if here.name not in texts:
            text = _text(here)
            texts[here.name] = counted(text)
            queue += siblings(here, text)
    return {"main": path.name, "texts": texts, "files": {name: _content(path, name) for name in files}}


def siblings(path: Path, text: str) -> Iterator[Path]:
    """The modules beside a file that it imports relatively, as in `from .words import split`."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and node.level == 1:
            for name in [node.module] if node.module else [alias.name for alias in node.names]:
                if (beside := path.with_name(f"{name.partition('.')[0]}.py")).is_file():
                    yield beside


def counted(text: str) -> str:
    """The text without comments and docstrings, each line where it was; docstrings stay where `__doc__` is read."""
    spans = [(token.start, token.end, "") for token in _tokens(text) if token.type == tokenize.COMMENT]
    if "__doc__" not in text:
        for node in ast.walk(ast.parse(text)):
            if (
                isinstance(node, ast.Expr)
                and isinstance(node.value, ast.Constant)
                and isinstance(node.value.value, str)
            ):
                assert node.end_lineno is not None and node.end_col_offset is not None
                spans.append(((node.lineno, node.col_offset), (node.end_lineno, node.end_col_offset), '""'))
    lines = [line.encode() for line in text.splitlines(keepends=True)]
    for (first, start), (last, end), instead in sorted(spans, reverse=True):
        whole = instead != ""  # the syntax tree counts bytes, tokens count characters
        line = lines[first - 1]
        head = line[:start] if whole else line.decode()[:start].encode()
        tail = lines[last - 1][end:] if whole else line.decode()[end:].encode()
        lines[first - 1 : last] = [head + instead.encode() + b"\n" * (last - first) + tail]
        lines[first:first] = [b""] * (last - first)
    return b"".join(lines).decode()


def _tokens(text: str) -> Iterator[tokenize.TokenInfo]:
    return tokenize.generate_tokens(io.StringIO(text).readline)


def _text(path: Path) -> str:
    try:
        text = decode_source(_bytes(path))
        ast.parse(text)
        return text
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise PluginError(f"Plug-in {path} cannot be imported: {type(error).__name__}: {error}") from error


def _content(path: Path, name: str) -> torch.Tensor:
    if name != Path(name).name:
        raise PluginError(f"'{name}' is no plain file beside {path.name}.")
    content = bytearray(_bytes(path.parent / name))
    return torch.frombuffer(content, dtype=torch.uint8) if content else torch.empty(0, dtype=torch.uint8)


def _bytes(path: Path) -> bytes:
    if path.is_symlink() or not path.is_file():
        raise PluginError(f"{path} is no plain file.", "A plug-in's files lie beside it; links are not followed.")
    if path.stat().st_size > _MOST_FILE:
        raise PluginError(f"{path} has more than {_MOST_FILE // 2**20} MiB.", "A plug-in reads smaller files.")
    return path.read_bytes()
