"""Claims on `regression`: error of least squares at finite n, on a design that is kept or drawn anew."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from ... import laws
from ..claim import Claim, Metric, Seen, Setting

D, N, GENERATIONS = 10, 40, 20
"""Small enough that d/(n - d - 1) is a third more than d/n."""


def claims() -> list[Claim]:
    """One fit at several sizes, three loops, and n = d on the log scale, where the error has no mean."""
    fixed, fresh = {"d": D}, {"d": D, "design": "fresh"}
    return [
        _one_fit(),
        _loop("regression_replace", "replace", fixed),
        _loop("regression_replace", "replace", fresh),
        _loop("regression_accumulate", "accumulate", fixed),
        _loop("regression_accumulate_fresh", "accumulate", fresh),
        _square("regression_replace", "replace"),
        _square("regression_accumulate", "accumulate"),
    ]


def log_growth(seen: Seen) -> float:
    """Log of the error relative to the first fit's."""
    return math.log(seen.records[-1].metrics["error"] / seen.records[0].metrics["error"])


def _one_fit() -> Claim:
    sizes = (16, 20, 40, 111)
    settings = tuple(Setting("regression", n, 1, "frozen", {"d": D}) for n in sizes)
    error = np.array([laws.regression_error(n, D, 1.0) for n in sizes])
    return Claim("regression_error", "error", settings, Metric("error"), error, 2000, 500, axis="n", x=sizes)


def _loop(law: str, method: str, task: Mapping[str, object]) -> Claim:
    settings = (Setting("regression", N, GENERATIONS, method, task),)
    curve = laws.LAWS[law].formula(N, D, 1.0, GENERATIONS)
    return Claim(law, "error", settings, Metric("error"), curve, 1000, 300, judged=(0, 1, 4, 20))


def _square(law: str, method: str) -> Claim:
    """Given the design, the error at fit t is distributed as that of the first fit times the law's factor."""
    settings = (Setting("regression", D, GENERATIONS, method, {"d": D}),)
    curve = laws.LAWS[law].formula(D + 2, D, 1.0, GENERATIONS)
    growth, what = np.log(curve / curve[0]), "log of error / error at generation 0"
    return Claim(law, what, settings, log_growth, growth, 1000, 300, judged=(1, 4, 20))
