"""The closed forms of `Task.theory`, every metric of them, against the loop with the real methods."""

from dataclasses import replace

import numpy as np
import pytest

from collapsebench.core.task import TASKS
from collapsebench.loop.lineage import Lineage
from collapsebench.validate.claim import Setting

GENERATIONS, SEEDS = 2, 200

CHAINS = ("fresh_real", "first_teacher", "replace")
POOLS = ("accumulate", "accumulate_subsample")
TABLES = {"contexts": 25, "tokens": 12, "support": 10}

CASES = [
    *(("gaussian", {"d": 150}, 200, method) for method in (*CHAINS, *POOLS)),
    *(("kde", {"shape": "moons", "heldout": 1}, 60, method) for method in (*CHAINS, *POOLS)),
    *(("regression", {"d": 150}, 200, method) for method in (*CHAINS, "accumulate")),
    *(("regression", {"d": 150, "design": "fresh"}, 200, method) for method in ("first_teacher", "accumulate")),
    *(("categorical", TABLES, 500, method) for method in (*CHAINS, "accumulate")),
]

KNOWN = {
    "gaussian": {"trace", "mean_sq"},
    "kde": {"second_moment"},
    "regression": {"error", "train_mse"},
    "categorical": {"l2", "tail_mass", "support_lost", "entropy"},
}


@pytest.mark.parametrize(("name", "sizes", "n", "method"), CASES)
def test_the_loop_follows_the_theory_and_a_fault_of_5_percent_is_seen(name, sizes, n, method):
    curves = TASKS.get(name)(**sizes).theory(method, n, GENERATIONS)
    known = KNOWN[name] - ({"train_mse"} if "design" in sizes and method == "accumulate" else set())
    assert known <= set(curves)
    measured = [_followed(Setting(name, n, GENERATIONS, method, sizes), seed) for seed in range(SEEDS)]
    for metric, curve in curves.items():
        seen = np.array([[record[metric] for record in records] for records in measured])
        error = seen.std(0, ddof=1) / np.sqrt(SEEDS)
        assert (abs(seen.mean(0) - curve) < 4 * error).all(), metric
        assert (abs(seen.mean(0) - 1.05 * np.array(curve)) > 4 * error).any(), metric


def _followed(setting, seed):
    return [r.metrics for r in Lineage(replace(setting.cell(), seed=seed), store=None).generations()]
