"""What all figures of a board share: how they look, and how one tells whether a file shows what it should.

Matplotlib's bytes differ between its versions, so a figure carries the digest of what it shows: a board
redraws it, and calls it stale, only when that digest changes.
"""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from ..core.files import sha256
from ..core.records import to_line

if TYPE_CHECKING:
    from _typeshed import DataclassInstance
    from matplotlib.figure import Figure

MARK = "collapsebench curves"
"""Stands in every figure of a board, before its digest."""

_STYLE = 3  # bump when the same figures are to be drawn differently

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Okabe & Ito's colours that are told apart by colour-blind readers and stand out on white."""

GREY = "#6b6b6b"
"""Of references."""

_SETTINGS: dict[str, Any] = {
    "svg.hashsalt": "collapsebench",
    "svg.fonttype": "none",  # text as text: a fraction of the size
    "font.family": "DejaVu Sans",  # ships with matplotlib, which measures with it
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


def digest(shown: DataclassInstance) -> str:
    """What a drawn figure carries: the mark and the digest of what it shows."""
    return f"{MARK} {sha256(to_line([_STYLE, asdict(shown)]).encode())}"


@contextmanager
def drawing() -> Iterator[None]:
    """Matplotlib with this project's settings, whatever the user's own matplotlibrc says."""
    from matplotlib import style

    with _unloaded_torch_hidden(), style.context(["default", _SETTINGS]):
        yield


def svg_text(canvas: Figure, shown: DataclassInstance) -> str:
    """A canvas as SVG without a date, with the digest of what it shows."""
    buffer = io.StringIO()
    canvas.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None, "Description": digest(shown)})
    return "\n".join(row.rstrip() for row in buffer.getvalue().splitlines()) + "\n"


def same_drawing(one: str, other: str) -> bool:
    """Whether two SVGs differ in nothing but numbers, and in these by less than an eye sees: machines round."""
    first, second = _NUMBER.split(one), _NUMBER.split(other)
    if len(first) != len(second) or first[::2] != second[::2]:
        return False
    return all(abs(float(a) - float(b)) < 0.05 for a, b in zip(first[1::2], second[1::2], strict=True))


_NUMBER = re.compile(r"(-?\d+\.\d+)")


def short(label: str, most: int = 36) -> str:
    """A label that leaves room for the figure and is no formula."""
    return (label if len(label) <= most else label[: most - 1] + "…").replace("$", r"\$")


def rounded(value: float) -> float:
    """Six digits: more than a figure shows, fewer than machines differ in."""
    return float(f"{value:.6g}")


@contextmanager
def _unloaded_torch_hidden() -> Iterator[None]:
    """Matplotlib asks of all that it plots whether it is a tensor, which would load a deferred torch for nothing."""
    torch = sys.modules.get("torch")
    if torch is None or "Tensor" in vars(torch):
        yield
        return
    del sys.modules["torch"]
    try:
        yield
    finally:
        sys.modules["torch"] = torch
