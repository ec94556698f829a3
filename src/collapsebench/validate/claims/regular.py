"""Claims on regular estimators: the same relative error for a normal's KL and for proportions, at large n."""

from __future__ import annotations

from functools import partial

from ...laws import regular_accumulate, regular_accumulate_subsample, regular_replace
from ..claim import Claim, Metric, Setting


def claims() -> list[Claim]:
    """Three methods on two model families; n is large enough for the finite-n terms to be below the tolerance."""
    laws = {
        "replace": (regular_replace, 10),
        "accumulate": (regular_accumulate, 30),
        "accumulate_subsample": (regular_accumulate_subsample, 30),
    }
    found = []
    for method, (law, generations) in laws.items():
        for setting, metric, seeds, fast in (
            (Setting("gaussian", 2000, generations, method, {"d": 10}), "kl", 300, 0),
            (Setting("categorical", 5000, generations, method, {"contexts": 5}), "l2", 400, 200),
        ):
            theory = partial(law, generations)
            what = f"{metric}, relative to generation 0"
            found.append(
                Claim(
                    f"regular_{method}",
                    what,
                    (setting,),
                    Metric(metric),
                    theory,
                    seeds,
                    fast,
                    gate="asymptotic",
                    relative=True,
                )
            )
    return found
