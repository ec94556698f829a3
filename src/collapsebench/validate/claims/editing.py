"""Claims on token editing of labels: `token_edit` on `regression` with a fixed design, both priors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from ... import laws
from ..claim import Claim, Gate, Metric, Seen, Setting

Prior = Literal["self", "fixed"]
_PRIORS: tuple[Prior, ...] = ("self", "fixed")

LARGE = (2000, 20)
"""N and d at which the limits n >> d are within 1 %."""


def claims() -> list[Claim]:
    """One edit, rows edited at most once, and rows drawn anew: limits at large n, exact forms at small n."""
    return [
        *(_once(share) for share in (0.3, 0.6, 1.0)),
        *(_once_exact(n, d, edited) for n, d, edited in ((20, 5, 10), (111, 10, 37))),
        *(_disjoint("self", steps) for steps in (1, 2, 5, 10)),
        _disjoint("fixed", 10),
        _limit(),
        *(_random(prior, share) for prior in _PRIORS for share in (0.125, 0.3)),
        *(_given_design(prior, n) for prior in _PRIORS for n in (30, 111)),
    ]


@dataclass(frozen=True)
class BeyondDesign:
    """A probe: the error less the law for the design of this cell, under K equal disjoint edits."""

    prior: Prior
    steps: int

    def __call__(self, seen: Seen) -> float:
        """The schedule edits every K-th row; row t − 1 is the first of generation t."""
        x = seen.lineage.history[0].value["x"].numpy()
        masks = [np.arange(len(x)) % self.steps == t for t in range(min(len(seen.records) - 1, self.steps))]
        return seen.records[-1].metrics["error"] - float(laws.edit_given_design(x, masks, self.prior)[-1])


def _setting(n: int, d: int, generations: int, prior: Prior, schedule: str, share: float) -> Setting:
    method = {"prior": prior, "schedule": schedule, "share": share}
    return Setting("regression", n, generations, "token_edit", {"d": d}, method)


def _claim(
    law: str, setting: Setting, theory: laws.Array, seeds: int, fast: int = 0, gate: Gate = "asymptotic"
) -> Claim:
    metric = Metric("error", laws.regression_error(setting.n, int(setting.task_params["d"]), 1.0))
    return Claim(law, "error / v", (setting,), metric, theory, seeds, fast, gate)


def _once(share: float) -> Claim:
    setting = _setting(2000, 50, 1, "self", "random", share)
    return _claim("edit_once", setting, np.array([1.0, laws.edit_once(share)]), 2000)


def _once_exact(n: int, d: int, edited: int) -> Claim:
    setting = _setting(n, d, 1, "self", "random", edited / n)
    theory = np.array([1.0, laws.edit_once_exact(n, d, edited)])
    return _claim("edit_once_exact", setting, theory, 2000, 500, "exact")


def _disjoint(prior: Prior, steps: int) -> Claim:
    formula = laws.edit_disjoint_self if prior == "self" else laws.edit_disjoint_fixed
    setting = _setting(*LARGE, steps, prior, "disjoint", 1 / steps)
    return _claim(f"edit_disjoint_{prior}", setting, formula([1 / steps] * steps), 800, 200 if steps == 5 else 0)


def _limit() -> Claim:
    """Twenty steps reach 4.15, past the published bound of 2."""
    setting = _setting(*LARGE, 20, "self", "disjoint", 1 / 20)
    bound = np.full(21, laws.edit_disjoint_self_limit())
    return _claim("edit_disjoint_self_limit", setting, bound, 400, 0, "at_most")


def _random(prior: Prior, share: float) -> Claim:
    formula = laws.edit_random_self if prior == "self" else laws.edit_random_fixed
    setting = _setting(*LARGE, 10, prior, "random", share)
    return _claim(f"edit_random_{prior}", setting, formula(share, 10), 800, 200 if share > 0.2 else 0)


def _given_design(prior: Prior, n: int) -> Claim:
    settings = (_setting(n, 10, 10, prior, "disjoint", 0.1),)
    what, probe, fast = "error − law for the cell's design", BeyondDesign(prior, 10), 200 if n == 30 else 0
    return Claim("edit_given_design", what, settings, probe, np.zeros(11), 400, fast, judged=(0, 1, 5, 10))
