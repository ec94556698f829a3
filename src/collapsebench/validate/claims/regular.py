"""Claims on regular estimators: the same relative error for a normal's KL and for proportions, at large n."""

from __future__ import annotations

from ... import laws
from ..claim import Claim, Metric, Setting

_METHODS = (
    # method, generations, rows of a normal (the loss of `replace` grows, and with it its finite-n terms), fast seeds
    ("replace", 10, 10_000, 150),
    ("accumulate", 20, 4000, 150),
    ("accumulate_subsample", 20, 4000, 0),
)


def claims() -> list[Claim]:
    """Three methods on two model families; n is large enough for the finite-n terms to be below the tolerance.

    Those of a normal's KL are the larger ones: its tolerance is 5 %, and what makes the laws count are proportions.
    """
    found = []
    for method, generations, rows, fast in _METHODS:
        normal = Setting("gaussian", rows, generations, method, {"d": 10})
        table = Setting("categorical", 5000, generations, method, {"contexts": 5, "exponent": 0.0})
        found += [_claim(normal, "kl", 300, tolerance=0.05), _claim(table, "l2", 600, fast)]
    return found


def _claim(setting: Setting, metric: str, seeds: int, fast: int = 0, tolerance: float | None = None) -> Claim:
    law, what, probe = f"regular_{setting.method}", f"{metric}, relative to generation 0", Metric(metric)
    theory = laws.LAWS[law].formula(setting.generations)
    return Claim(law, what, (setting,), probe, theory, seeds, fast, "asymptotic", relative=True, tolerance=tolerance)
