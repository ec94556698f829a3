"""Claims on `gaussian`: spread and mean error under the three methods whose laws are known at finite n."""

from __future__ import annotations

from functools import partial

import numpy as np

from ...laws import (
    Array,
    gaussian_accumulate,
    gaussian_accumulate_limit,
    gaussian_accumulate_subsample,
    gaussian_mean_error,
    gaussian_replace,
)
from ..claim import Claim, Metric, Setting

_SPREADS = {
    "replace": gaussian_replace,
    "accumulate": gaussian_accumulate,
    "accumulate_subsample": gaussian_accumulate_subsample,
}


def claims() -> list[Claim]:
    """Small n, where finite-n terms are large, and the published size n = 100."""
    return [
        *_pair("replace", d=10, n=100, generations=50, judged=(0, 1, 9, 29), seeds=1000, fast=200),
        *_pair("replace", d=50, n=10, generations=20, judged=(0, 1, 4, 9), seeds=400, fast=200),
        *_pair("accumulate", d=10, n=100, generations=50, judged=(0, 1, 9, 50), seeds=1000),
        *_pair("accumulate", d=50, n=10, generations=50, judged=(0, 1, 9, 50), seeds=400, fast=200),
        *_pair("accumulate_subsample", d=10, n=100, generations=50, judged=(0, 1, 9, 50), seeds=1000),
        *_pair("accumulate_subsample", d=50, n=10, generations=30, judged=(0, 1, 9, 30), seeds=400, fast=200),
        _limit(),
    ]


def _pair(
    method: str, d: int, n: int, generations: int, judged: tuple[int, ...], seeds: int, fast: int = 0
) -> list[Claim]:
    """Spread and mean error of the same cells."""
    setting = Setting("gaussian", n, generations, method, {"d": d})
    spread = partial(_SPREADS[method], n, generations)
    return [
        Claim(f"gaussian_{method}", "tr Σ̂ / d", (setting,), Metric("trace", d), spread, seeds, fast, judged=judged),
        Claim(
            "gaussian_mean_error",
            "‖μ̂‖² / d",
            (setting,),
            Metric("mean_sq", d),
            lambda: gaussian_mean_error(spread()),
            seeds,
            fast,
            judged=judged,
        ),
    ]


def _limit() -> Claim:
    """After 200 generations the product is within 0.05 % of its limit, a tenth of a standard error."""
    setting = Setting("gaussian", 10, 200, "accumulate", {"d": 10})

    def limit() -> Array:
        return np.full(201, gaussian_accumulate_limit(10))

    return Claim(
        "gaussian_accumulate_limit", "tr Σ̂ / d", (setting,), Metric("trace", 10), limit, seeds=400, judged=(200,)
    )
