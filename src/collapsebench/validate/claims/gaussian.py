"""Claims on `gaussian`: spread and mean error under the three methods whose laws are known at finite n."""

from __future__ import annotations

import numpy as np

from ... import laws
from ..claim import Claim, Metric, Setting

_SPREADS = {
    "replace": laws.gaussian_replace,
    "accumulate": laws.gaussian_accumulate,
    "accumulate_subsample": laws.gaussian_accumulate_subsample,
}


def claims() -> list[Claim]:
    """Small n, where finite-n terms are large, and the published size n = 100.

    After 200 generations the product is within 0.05 % of its limit, a tenth of a standard error.
    """
    settings = (Setting("gaussian", 10, 200, "accumulate", {"d": 10}),)
    limit = np.full(201, laws.gaussian_accumulate_limit(10))
    return [
        *_pair("replace", d=10, n=100, generations=50, judged=(0, 1, 9, 29), seeds=1000, fast=200),
        *_pair("replace", d=50, n=10, generations=20, judged=(0, 1, 4, 9), seeds=400, fast=200),
        *_pair("accumulate", d=10, n=100, generations=50, judged=(0, 1, 9, 50), seeds=1000),
        *_pair("accumulate", d=50, n=10, generations=50, judged=(0, 1, 9, 50), seeds=400, fast=200),
        *_pair("accumulate_subsample", d=10, n=100, generations=50, judged=(0, 1, 9, 50), seeds=1000),
        *_pair("accumulate_subsample", d=50, n=10, generations=30, judged=(0, 1, 9, 30), seeds=400, fast=200),
        Claim("gaussian_accumulate_limit", "tr Σ̂ / d", settings, Metric("trace", 10), limit, 400, judged=(200,)),
    ]


def _pair(
    method: str, d: int, n: int, generations: int, judged: tuple[int, ...], seeds: int, fast: int = 0
) -> list[Claim]:
    """Spread and mean error of the same cells."""
    settings = (Setting("gaussian", n, generations, method, {"d": d}),)
    spread = _SPREADS[method](n, generations)
    error = laws.gaussian_mean_error(spread)
    return [
        Claim(f"gaussian_{method}", "tr Σ̂ / d", settings, Metric("trace", d), spread, seeds, fast, judged=judged),
        Claim("gaussian_mean_error", "‖μ̂‖² / d", settings, Metric("mean_sq", d), error, seeds, fast, judged=judged),
    ]
