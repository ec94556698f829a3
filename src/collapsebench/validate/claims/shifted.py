"""Claims on `shifted_regression`: one generation of `real_mix`, a share of whose labels come from other weights."""

from __future__ import annotations

import math

import numpy as np

from ... import laws
from ..claim import TRENDS, Claim, Gate, Metric, Seen, Setting

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
    return [
        *(_ridge(*case) for case in _CASES),
        *(_isotropic(*case) for case in _RIDGELESS),
        _projections("double_descent", "rising", (12, 25, 40, 50), n=50, c2=0.1),
        _projections("double_descent", "falling", (50, 65, 100, 150), n=50, c2=0.1),
        _projections("width_floor", "rising", (10, 20, 40, 80), n=1000, c2=1000.0),
    ]


def double_descent() -> str:
    """With random projections of width m the error rises up to m = n and falls beyond."""
    return "rising, then falling"


def width_floor() -> str:
    """The error that shifted labels leave at any n grows with the width m, for m < n."""
    return "rising"


for _trend in (double_descent, width_floor):
    TRENDS[_trend.__name__] = laws.Law(_trend.__name__, "bound", "arXiv:2410.04840", "d, n, m large", None, _trend)


def log_error(seen: Seen) -> float:
    """Log of the error, which has no mean where the width equals the number of rows."""
    return math.log(seen.records[-1].metrics["error"])


def _setting(n: int, share: float, c2: float, **task: float) -> Setting:
    sizes = {"d": D, "sigma2": SIGMA2, "c2": c2, **task}
    return Setting("shifted_regression", n, 1, "real_mix", sizes, {"alpha": round(1 - share, 6)})


def _ridge(n: int, share: float, ridge: float, c2: float, decay: float) -> Claim:
    spectrum = np.arange(1.0, D + 1) ** -decay
    error = laws.shifted_ridge_error(spectrum, 1 / D, c2 / D, n=n, synthetic_share=share, ridge=ridge, sigma2=SIGMA2)
    return _claim("shifted_ridge_error", _setting(n, share, c2, ridge=ridge, decay=decay), error)


def _isotropic(n: int, share: float, c2: float) -> Claim:
    error = laws.shifted_isotropic_error(D / n, share, c2, SIGMA2)
    return _claim("shifted_isotropic_error", _setting(n, share, c2), error)


def _claim(law: str, setting: Setting, error: float) -> Claim:
    """A curve of which only generation 1 is the law's."""
    curve = np.array([np.nan, error])
    return Claim(law, "error", (setting,), Metric("error"), curve, 800, gate="asymptotic", judged=(1,))


def _projections(law: str, gate: Gate, widths: tuple[int, ...], n: int, c2: float) -> Claim:
    settings = tuple(_setting(n, 0.2, c2, width=width) for width in widths)
    nothing = np.full(len(widths), np.nan)
    return Claim(law, f"log error, {gate}", settings, log_error, nothing, 200, 100, gate, axis="width", x=widths)
