"""Claims on `shifted_regression`: one generation of `real_mix`, a share of whose labels come from other weights."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ...laws import Array, Law, shifted_isotropic_error, shifted_ridge_error
from ..claim import TRENDS, Claim, Gate, Metric, Setting

if TYPE_CHECKING:
    from ...core.records import GenerationRecord
    from ...loop.lineage import Lineage

D, SIGMA2 = 100, 0.1

_CASES = (
    # n, share of shifted labels, ridge, c2, decay
    (400, 0.2, 0.1, 0.1, 0.0),
    (150, 0.5, 0.3, 0.5, 0.0),
    (300, 0.3, 0.01, 0.3, 1.0),
)

_RIDGELESS = ((400, 0.2, 0.1), (2000, 0.01, 1.0))
"""N, share of shifted labels, c2."""


def claims() -> list[Claim]:
    """Ridge, the ridgeless limit, and what random projections of the rows do."""
    return [*map(_ridge, _CASES), *map(_isotropic, _RIDGELESS), *_projections()]


def double_descent() -> str:
    """With random projections of width m the error rises up to m = n and falls beyond."""
    return "rising, then falling"


def width_floor() -> str:
    """The error that shifted labels leave at any n grows with the width m, for m < n."""
    return "rising"


for _trend in (double_descent, width_floor):
    TRENDS[_trend.__name__] = Law(_trend.__name__, "bound", "arXiv:2410.04840", "d, n, m large", None, _trend)


def log_error(lineage: Lineage, records: list[GenerationRecord]) -> float:
    """Log of the error, which has no mean where the width equals the number of rows."""
    return math.log(records[-1].metrics["error"])


def _setting(n: int, share: float, c2: float, **task: float) -> Setting:
    sizes = {"d": D, "sigma2": SIGMA2, "c2": c2, **task}
    return Setting("shifted_regression", n, 1, "real_mix", sizes, {"alpha": round(1 - share, 6)})


def _ridge(case: tuple[int, float, float, float, float]) -> Claim:
    n, share, ridge, c2, decay = case

    def error() -> Array:
        spectrum = np.arange(1.0, D + 1) ** -decay
        sizes = {"n": n, "synthetic_share": share, "ridge": ridge, "sigma2": SIGMA2}
        return _second(shifted_ridge_error(spectrum, 1 / D, c2 / D, **sizes))  # type: ignore[arg-type]

    return _claim("shifted_ridge_error", _setting(n, share, c2, ridge=ridge, decay=decay), error)


def _isotropic(case: tuple[int, float, float]) -> Claim:
    n, share, c2 = case
    return _claim(
        "shifted_isotropic_error",
        _setting(n, share, c2),
        lambda: _second(shifted_isotropic_error(D / n, share, c2, SIGMA2)),
    )


def _claim(law: str, setting: Setting, error: object) -> Claim:
    return Claim(law, "error", (setting,), Metric("error"), error, 800, gate="asymptotic", judged=(1,))  # type: ignore[arg-type]


def _second(value: float) -> Array:
    """A curve of which only generation 1 is the law's."""
    return np.array([np.nan, value])


def _projections() -> list[Claim]:
    rising, falling = (12, 25, 40, 50), (50, 65, 100, 150)
    return [
        _trend_claim("double_descent", "rising", rising, n=50, share=0.2, c2=0.1),
        _trend_claim("double_descent", "falling", falling, n=50, share=0.2, c2=0.1),
        _trend_claim("width_floor", "rising", (10, 20, 40, 80), n=1000, share=0.2, c2=1000.0),
    ]


def _trend_claim(law: str, gate: Gate, widths: tuple[int, ...], n: int, share: float, c2: float) -> Claim:
    settings = tuple(_setting(n, share, c2, width=width) for width in widths)
    nothing = np.full(len(widths), np.nan)
    return Claim(
        law, f"log error, {gate}", settings, log_error, lambda: nothing, 200, 100, gate=gate, axis="width", x=widths
    )
