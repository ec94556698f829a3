"""Worth, through the loop, beside what theory says it is.

Each case is one task in one world: the learning curve, `frozen` and the method on the same seeds, as on a board.
"""

import math

import numpy as np
import pytest

from collapsebench.board.stats import jackknife_half_width
from collapsebench.board.worth import LearningCurve
from collapsebench.loop.cell import Cell
from collapsebench.loop.lineage import Lineage
from collapsebench.loop.plugins import make_method, make_task
from collapsebench.loop.protocol import single_task
from collapsebench.loop.world import CURVE


def final_losses(task, protocol, world, method, seeds):
    """The primary metric at the last generation, `[seeds]`; of the learning curve at every size, `[seeds, sizes]`."""
    found = []
    for seed in range(seeds):
        cell = Cell(protocol, task, make_method(method, {}), seed, world)
        losses = [record.metrics[task.card.primary] for record in Lineage(cell, None).generations()]
        found.append(losses if world == CURVE else losses[-1])
    return np.array(found)


def losses(task, params, n, world, method, generations, seeds):
    """The learning curve with its sizes in multiples of n, the losses of `frozen`, and those of a method, `[seeds]`."""
    task = make_task(task, params)
    protocol = single_task(task.name, generations, n=n, params=params, worlds={"here": world})
    sizes = (1.0, *Cell(protocol, task, make_method("take_newest", {}), 0, CURVE).world.multiples)
    curve = final_losses(task, protocol, CURVE, "take_newest", seeds)[:, np.argsort(sizes)]
    frozen, own = (final_losses(task, protocol, "here", name, seeds) for name in ("frozen", method))
    multiples = tuple(sorted(sizes))
    curve[:, multiples.index(1.0)] = frozen
    return LearningCurve(multiples, curve), frozen, own


PRESERVE = {"kind": "preserve"}
FITS = 11  # ten generations after the fit on real data


def growth(method):
    """By how much the error has grown after so many fits (LAWS: any regular estimator)."""
    if method == "replace":
        return FITS
    if method == "accumulate":
        return sum(1 / i**2 for i in range(1, FITS + 1))  # towards pi^2 / 6
    m = 1.0
    for t in range(1, FITS):
        m += (2 - 1 / t) / (t + 1) ** 2
    return m + 1 - 1 / FITS


def test_the_growth_of_an_error_by_hand():
    assert growth("replace") == 11
    assert growth("accumulate") == pytest.approx(1.558, abs=5e-4)
    assert growth("accumulate_subsample") == pytest.approx(2.66, abs=0.02)  # 2.649 after ten fits, 2.789 after twenty


@pytest.mark.parametrize("method", ["accumulate", "replace", "accumulate_subsample"])
@pytest.mark.parametrize(("task", "params", "n"), [("regression", {"d": 10}, 400), ("gaussian", {"d": 10}, 1000)])
def test_worth_is_what_theory_says_when_a_model_feeds_itself(task, params, n, method):
    """An error r times as large is that of fewer rows: of n / r, where the error of n rows goes like 1 / (n - lost)."""
    curve, _, own = losses(task, params, n, PRESERVE, method, FITS - 1, 60)
    lost = params["d"] + 1 if task == "regression" else 0
    expected = math.log2(((n - lost) / growth(method) + lost) / n)
    log2 = curve.worth(own).log2
    assert log2.half_width < 0.3
    assert log2.low <= expected <= log2.high


def test_the_golden_ratio_is_worth_the_golden_ratio():
    """As many generated rows as new real ones, all of them known: the variance that stays is 1 / 1.618 of D_0's."""
    world = {"kind": "purify", "k": 2000, "alpha": 0.5, "missed": 0.0, "false_alarm": 0.0}
    curve, _, own = losses("gaussian", {"d": 10}, 1000, world, "golden_ratio", 10, 60)
    log2 = curve.worth(own).log2
    assert log2.half_width < 0.1
    assert log2.low <= math.log2((1 + math.sqrt(5)) / 2) <= log2.high


@pytest.mark.parametrize(
    ("task", "params", "n", "world", "expected"),
    [
        ("gaussian", {"d": 10}, 50, {"kind": "purify", "k": 100, "alpha": 0.5}, 5.6),
        ("gaussian", {"d": 10}, 400, {"kind": "purify", "k": 100, "alpha": 0.1}, 0.79),
        ("categorical", {}, 400, {"kind": "purify", "k": 1000, "alpha": 0.5}, 6.2),
    ],
)
def test_not_looking_pays_or_costs_by_how_polluted_the_stream_is(task, params, n, world, expected):
    """The error of D_0 alone over that of all that arrived, as a simulation of 40 seeds outside this loop found it.

    That is worth where the error goes like 1 / n, as `l2` does; the Gaussian's falls a little faster at n = 50.
    """
    curve, frozen, own = losses(task, params, n, world, "accumulate", 10, 120)
    ratios = [np.delete(frozen, seed).mean() / np.delete(own, seed).mean() for seed in range(len(own))]
    error_of_both = jackknife_half_width(ratios) / 1.98 * math.sqrt(1 + 120 / 40)
    assert abs(frozen.mean() / own.mean() - expected) < 3 * error_of_both
    worth = curve.worth(own).log2
    assert worth.low <= math.log2(expected) <= worth.high or task == "gaussian"
    assert (worth.low > 0) == (expected > 1)
    assert (worth.high < 0) == (expected < 1)
