"""Claims on token editing of labels: `token_edit` on `regression` with a fixed design, both priors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from ... import laws
from ..claim import Claim, Gate, Metric, Seen, Setting
from .regression import Walked

Prior = Literal["self", "fixed"]
_PRIORS: tuple[Prior, ...] = ("self", "fixed")

LARGE = (2000, 20)
"""N and d at which the limits n >> d are within 1 %."""


def claims() -> list[Claim]:
    """One edit, rows edited at most once, and rows drawn anew: limits at large n, exact forms at small n."""
    return [
        *(claim for share in (0.3, 0.6, 1.0) for claim in _once(share)),
        *(claim for n, d, edited in ((40, 20, 20), (120, 40, 40)) for claim in _once_exact(n, d, edited)),
        *(claim for prior in _PRIORS for steps in (2, 10) for claim in _disjoint(prior, steps)),
        _limit(),
        *(claim for prior in _PRIORS for share in (0.125, 0.3) for claim in _random(prior, share)),
        *map(_random_steps, (0.125, 0.3)),
        *map(_given_design, _PRIORS),
    ]


@dataclass(frozen=True)
class Added:
    """A probe: squared distance of the weights from M_0's, in units of v.

    By every law of this family it is what editing adds to the error: what an edit puts in is uncorrelated with M_0's
    error. It lacks the noise of that error, and all of it is due to edits.
    """

    unit: float

    def __call__(self, seen: Seen) -> float:
        """On rows of covariance I."""
        return float((seen.model.weights - seen.models[0].weights).square().sum()) / self.unit


@dataclass(frozen=True)
class OfDesign:
    """A probe: the error relative to the law for the design of this cell, under K equal disjoint edits."""

    prior: Prior
    steps: int

    def __call__(self, seen: Seen) -> float:
        """The schedule edits every K-th row; row t − 1 is the first of generation t."""
        x = seen.lineage.history[0].value["x"].numpy()
        masks = [np.arange(len(x)) % self.steps == t for t in range(min(len(seen.records) - 1, self.steps))]
        return seen.records[-1].metrics["error"] / float(laws.edit_given_design(x, masks, self.prior)[-1])


def _setting(n: int, d: int, generations: int, prior: Prior, schedule: str, share: float) -> Setting:
    method = {"prior": prior, "schedule": schedule, "share": share}
    return Setting("regression", n, generations, "token_edit", {"d": d}, method)


def _claims(
    law: str, setting: Setting, theory: laws.Array, seeds: int, fast: int = 0, gate: Gate = "asymptotic"
) -> list[Claim]:
    """The error itself, roughly, and what editing added to it."""
    unit = _unit(setting)
    what, judged = "distance from M_0² / v", (setting.generations,)
    return [
        Claim(law, "error / v", (setting,), Metric("error", unit), theory, seeds, 0, gate, tolerance=0.05),
        Claim(law, what, (setting,), Added(unit), theory - 1, seeds, fast, gate, judged, tolerance=0.025),
    ]


def _unit(setting: Setting) -> float:
    """V, the error of one fit."""
    return laws.regression_error(setting.n, int(setting.task_params["d"]), 1.0)


def _once(share: float) -> list[Claim]:
    setting = _setting(4000, 100, 1, "self", "random", share)
    return _claims("edit_once", setting, np.array([1.0, laws.edit_once(share)]), 400)


def _once_exact(n: int, d: int, edited: int) -> list[Claim]:
    setting = _setting(n, d, 1, "self", "random", edited / n)
    theory = np.array([1.0, laws.edit_once_exact(n, d, edited)])
    return _claims("edit_once_exact", setting, theory, 3000, 500, "exact")


def _disjoint(prior: Prior, steps: int) -> list[Claim]:
    formula = laws.edit_disjoint_self if prior == "self" else laws.edit_disjoint_fixed
    setting, theory = _setting(*LARGE, steps, prior, "disjoint", 1 / steps), formula([1 / steps] * steps)
    sharp = steps == 2  # where the finite-n terms are smallest
    both = _claims(f"edit_disjoint_{prior}", setting, theory, 2000 if sharp else 300, 100 if sharp else 0)
    return both if sharp else both[:1]


def _limit() -> Claim:
    """Twenty steps reach 4.15, past the published bound of 2.

    The limit is 6 % higher, and more steps come closer than their cost allows to measure: this law does not count.
    """
    steps, bound = 20, np.full(21, laws.edit_disjoint_self_limit())
    setting = _setting(*LARGE, steps, "self", "disjoint", 1 / steps)
    probe = Metric("error", _unit(setting))
    return Claim("edit_disjoint_self_limit", "error / v", (setting,), probe, bound, 400, 0, "at_most")


def _random(prior: Prior, share: float) -> list[Claim]:
    formula = laws.edit_random_self if prior == "self" else laws.edit_random_fixed
    generations, seeds = (5, 1500) if prior == "fixed" and share > 0.2 else (10, 400)
    setting = _setting(*LARGE, generations, prior, "random", share)
    both = _claims(f"edit_random_{prior}", setting, formula(share, generations), seeds, 100 if share > 0.2 else 0)
    return both if seeds > 400 else both[:1]


def _random_steps(share: float) -> Claim:
    """With the current model as prior each generation adds a step that does not depend on those before."""
    law, what, setting = "edit_random_self", "Σ ‖ŵ_t − ŵ_{t−1}‖² / v", _setting(*LARGE, 10, "self", "random", share)
    theory, probe = laws.edit_random_self(share, 10) - 1, Walked(_unit(setting))
    return Claim(law, what, (setting,), probe, theory, 400, 100, "asymptotic", judged=(5, 10))


def _given_design(prior: Prior) -> Claim:
    n, d, steps = 60, 30, 5
    settings = (_setting(n, d, steps, prior, "disjoint", 1 / steps),)
    what, probe = "error / law for the cell's design", OfDesign(prior, steps)
    return Claim("edit_given_design", what, settings, probe, np.ones(steps + 1), 1300, 200, judged=(0, 1, 5))
