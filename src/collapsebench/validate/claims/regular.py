"""Claims on regular estimators: the same relative error for a normal's KL and for proportions, at large n."""

from __future__ import annotations

from ... import laws
from ..claim import Claim, Metric, Setting

_METHODS = (
    # method, generations, fast seeds
    ("replace", 10, 150),
    ("accumulate", 20, 150),
    ("accumulate_subsample", 20, 0),
)


def claims() -> list[Claim]:
    """Three methods on two model families; n is large enough for the finite-n terms to be below the tolerance."""
    found = []
    for method, generations, fast in _METHODS:
        normal = Setting("gaussian", 4000, generations, method, {"d": 10})
        table = Setting("categorical", 5000, generations, method, {"contexts": 5, "exponent": 0.0})
        found += [_claim(normal, "kl", seeds=500), _claim(table, "l2", seeds=600, fast=fast)]
    return found


def _claim(setting: Setting, metric: str, seeds: int, fast: int = 0) -> Claim:
    law, what, probe = f"regular_{setting.method}", f"{metric}, relative to generation 0", Metric(metric)
    theory = laws.LAWS[law].formula(setting.generations)
    return Claim(law, what, (setting,), probe, theory, seeds, fast, "asymptotic", relative=True)
