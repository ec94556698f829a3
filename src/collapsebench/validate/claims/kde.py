"""Claims on `kde`: a fixed bandwidth widens the model in every generation, whatever n."""

from __future__ import annotations

from ... import laws
from ..claim import Claim, Metric, Setting

BANDWIDTH, GENERATIONS = 0.5, 49
"""Then t = 50 fits."""


def claims() -> list[Claim]:
    """Replace grows linearly; accumulate like log t, and so does its subsample, which has the pool's mean."""
    return [
        _claim("kde_replace", "replace", 100),
        _claim("kde_accumulate", "accumulate", 200),
        _claim("kde_accumulate", "accumulate_subsample", 0),
    ]


def _claim(law: str, method: str, fast: int) -> Claim:
    theory = laws.LAWS[law].formula(1.0, BANDWIDTH, GENERATIONS)
    settings = (Setting("kde", 20, GENERATIONS, method, {"bandwidth": BANDWIDTH, "heldout": 1}),)
    return Claim(law, "second moment", settings, Metric("second_moment"), theory, 1000, fast, judged=(0, 1, 9, 49))
