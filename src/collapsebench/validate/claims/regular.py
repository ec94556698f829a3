"""Claims on regular estimators: the same relative error for a normal's KL and for proportions, at large n."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from ...laws import Array, regular_accumulate, regular_accumulate_subsample, regular_replace
from ..claim import Claim, Metric, Setting

_METHODS = (
    # method, law, generations, rows of a normal (the loss of `replace` grows, and with it its finite-n terms)
    ("replace", regular_replace, 10, 10_000),
    ("accumulate", regular_accumulate, 30, 2000),
    ("accumulate_subsample", regular_accumulate_subsample, 30, 2000),
)


def claims() -> list[Claim]:
    """Three methods on two model families; n is large enough for the finite-n terms to be below the tolerance."""
    found = []
    for method, law, generations, rows in _METHODS:
        theory = partial(law, generations)
        normal = Setting("gaussian", rows, generations, method, {"d": 10})
        table = Setting("categorical", 5000, generations, method, {"contexts": 5})
        found.append(_claim(method, normal, "kl", theory, seeds=300))
        found.append(
            _claim(method, table, "l2", theory, seeds=400, fast=0 if method == "accumulate_subsample" else 150)
        )
    return found


def _claim(method: str, setting: Setting, metric: str, theory: Callable[[], Array], seeds: int, fast: int = 0) -> Claim:
    what = f"{metric}, relative to generation 0"
    law, probe = f"regular_{method}", Metric(metric)
    return Claim(law, what, (setting,), probe, theory, seeds, fast, gate="asymptotic", relative=True)
