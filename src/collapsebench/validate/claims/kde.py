"""Claims on `kde`: a fixed bandwidth widens the model in every generation, whatever n."""

from __future__ import annotations

from ... import laws
from ..claim import Claim, Seen, Setting

BANDWIDTH, GENERATIONS = 0.5, 19
"""Then t = 20 fits."""


def claims() -> list[Claim]:
    """Replace grows linearly; accumulate like log t, and so does its subsample, which has the pool's mean."""
    return [
        _claim("kde_replace", "replace", 100),
        _claim("kde_accumulate", "accumulate", 200),
        _claim("kde_accumulate", "accumulate_subsample", 0),
    ]


def growth(seen: Seen) -> float:
    """Second moment less that of D_0, in units of h²: what all kernels so far have added."""
    real = float(seen.lineage.history[0].value["x"].square().mean())
    return (seen.records[-1].metrics["second_moment"] - real) / BANDWIDTH**2


def _claim(law: str, method: str, fast: int) -> Claim:
    theory = (laws.LAWS[law].formula(1.0, BANDWIDTH, GENERATIONS) - 1) / BANDWIDTH**2
    settings = (Setting("kde", 100, GENERATIONS, method, {"shape": "moons", "bandwidth": BANDWIDTH, "heldout": 1}),)
    what = "growth of the second moment / h²"
    return Claim(law, what, settings, growth, theory, 800, fast, judged=(0, 1, 9, 19))
