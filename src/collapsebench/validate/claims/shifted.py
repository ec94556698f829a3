"""Claims on `shifted_regression`: one generation on rows of which a share has labels from other weights."""

from __future__ import annotations

import math

import numpy as np
import torch

from ... import laws
from ..claim import TRENDS, Claim, Gate, Metric, Seen, Setting

D, SIGMA2 = 100, 0.1

_CASES = (
    # n, share of shifted labels, ridge, c2, decay
    (400, 0.2, 0.1, 0.1, 0.0),
    (150, 0.5, 0.3, 0.5, 0.0),
    (300, 0.3, 0.01, 0.3, 1.0),
    (400, 0.3, 0.1, 10.0, 0.0),
)

_RIDGELESS = ((400, 0.2, 0.1), (2000, 0.01, 1.0), (400, 0.2, 10.0))
"""N, share of shifted labels, c2."""


def claims() -> list[Claim]:
    """Ridge, the ridgeless limit, and what random projections of the rows do."""
    up, down, wider = (12, 25, 40, 50), (50, 65, 100, 150), (10, 20, 40, 80)
    return [
        *(_ridge(*case) for case in _CASES),
        *(_isotropic(*case) for case in _RIDGELESS),
        _of_design((*up, *down[1:]), n=50, c2=1.0),
        _of_design(wider, n=400, c2=10.0),
        _projections("double_descent", "rising", up, n=50),
        _projections("double_descent", "falling", down, n=50),
        _projections("width_floor", "rising", wider, n=400),
    ]


def double_descent() -> str:
    """With random projections of width m, what shifted labels add to the error rises up to m = n and falls beyond."""
    return "rising, then falling"


def width_floor() -> str:
    """The error that shifted labels leave at any n grows with the width m, for m < n."""
    return "rising"


for _trend in (double_descent, width_floor):
    TRENDS[_trend.__name__] = laws.Law(_trend.__name__, "bound", "arXiv:2410.04840", "d, n, m large", None, _trend)


def of_design(seen: Seen) -> float:
    """The error relative to the law for the rows and the projection of this cell."""
    return seen.records[-1].metrics["error"] / _law_of(seen, c2=seen.task.c2)


def log_added(seen: Seen) -> float:
    """Log of what shifted labels added to the error expected of these rows; it has no mean where m = n.

    NaN where they added nothing: the cells have shifts beside which all else is small.
    """
    added = seen.records[-1].metrics["error"] - _law_of(seen, c2=0.0)
    return math.log(added) if added > 0 else math.nan


def _law_of(seen: Seen, c2: float) -> float:
    """The synthetic rows are those that D_0 does not have."""
    x, population = seen.lineage.corpus.value["x"], seen.task.population
    synthetic = ~torch.isin(x[:, 0], seen.lineage.history[0].value["x"][:, 0])
    numbers = {"c2": c2, "sigma2": seen.task.sigma2, "ridge": seen.task.ridge, "projection": seen.model.projection}
    return laws.shifted_given_design(x, synthetic, population.spectrum, population.weights, **numbers)


def _mixed(n: int, share: float, c2: float, **task: float) -> Setting:
    """The law's setting as a world: n rows arrive once. D_0 and what the generator was fitted on have no part in it."""
    world = {"kind": "mix", "N": n, "p_2": share, "generator": {"rows": 2, "temperature": 1.0}}
    return Setting("shifted_regression", 2, 1, "take_newest", {**_sizes(c2), **task}, world=world)


def _sizes(c2: float) -> dict[str, float]:
    return {"d": D, "sigma2": SIGMA2, "c2": c2}


def _ridge(n: int, share: float, ridge: float, c2: float, decay: float) -> Claim:
    spectrum = np.arange(1.0, D + 1) ** -decay
    error = laws.shifted_ridge_error(spectrum, 1 / D, c2 / D, n=n, synthetic_share=share, ridge=ridge, sigma2=SIGMA2)
    return _claim("shifted_ridge_error", _mixed(n, share, c2, ridge=ridge, decay=decay), error)


def _isotropic(n: int, share: float, c2: float) -> Claim:
    error = laws.shifted_isotropic_error(D / n, share, c2, SIGMA2)
    return _claim("shifted_isotropic_error", _mixed(n, share, c2), error)


def _claim(law: str, setting: Setting, error: float) -> Claim:
    """A curve of which only generation 1 is the law's."""
    curve = np.array([np.nan, error])
    return Claim(law, "error", (setting,), Metric("error"), curve, 1200, gate="asymptotic", judged=(1,))


def _of_design(widths: tuple[int, ...], n: int, c2: float) -> Claim:
    settings, what = _projected(widths, n, c2), "error / law for the cell's rows"
    one = np.ones(len(widths))
    return Claim("shifted_given_design", what, settings, of_design, one, 500, axis="width", x=widths)


def _projections(law: str, gate: Gate, widths: tuple[int, ...], n: int) -> Claim:
    settings, what = _projected(widths, n, c2=1e5), f"log of what is added, {gate}"  # errors stay below the limit
    nothing = np.full(len(widths), np.nan)
    return Claim(law, what, settings, log_added, nothing, 200, 100, gate, axis="width", x=widths)


def _projected(widths: tuple[int, ...], n: int, c2: float) -> tuple[Setting, ...]:
    sizes = ({**_sizes(c2), "width": width} for width in widths)
    return tuple(Setting("shifted_regression", n, 1, "real_mix", size, {"alpha": 0.8}) for size in sizes)
