"""CPU time per seed beside the published Collapse or Thrive code (arXiv:2410.16713): 100 generations of a normal.

    OMP_NUM_THREADS=1 python benchmarks/collapse_or_thrive.py [CHECKOUT]

CHECKOUT is a clone of github.com/RylanSchaeffer/KoyejoLab-Rerevisiting-Model-Collapse or the like, with
`src/fit_gaussians`; its experiment tracker is replaced by one that forgets. Both run in this process on one
thread, seed by seed in turn, so that a busy machine slows both; the least of all seeds counts. Without a
checkout ours is measured alone.
"""

import contextlib
import io
import sys
import time
from collections.abc import Callable
from types import SimpleNamespace

import torch
from cells import cell

from collapsebench.loop.lineage import Lineage
from collapsebench.loop.protocol import single_task

GENERATIONS = 100
SIZES = ((10, 100, 40), (100, 1000, 5))  # d, n, seeds
METHODS = {"replace": "Replace", "accumulate": "Accumulate", "accumulate_subsample": "Accumulate-Subsample"}


def theirs(checkout: str) -> Callable[[str, int, int, int], None]:
    tracker = SimpleNamespace(
        init=lambda **_: None, log=lambda _: None, finish=lambda: None, api=SimpleNamespace(default_entity="")
    )
    sys.modules["wandb"] = tracker  # type: ignore[assignment]
    sys.path.insert(0, checkout)
    from src.fit_gaussians.fit_gaussians import fit_gaussians

    def run(method: str, d: int, n: int, seed: int) -> None:
        tracker.config = {
            "data_dim": d,
            "num_samples_per_iteration": n,
            "num_iterations": GENERATIONS,
            "seed": seed,
            "setting": METHODS[method],
            "sigma_squared": 1.0,
        }
        with contextlib.redirect_stdout(io.StringIO()):
            fit_gaussians()

    return run


def ours(method: str, d: int, n: int, seed: int) -> None:
    rules = single_task("gaussian", GENERATIONS, n=n, params={"d": d})
    list(Lineage(cell(rules, "gaussian", method, seed), store=None).generations())


def milliseconds(run: Callable[[str, int, int, int], None], method: str, d: int, n: int, seed: int) -> float:
    start = time.process_time()
    run(method, d, n, seed)
    return 1000 * (time.process_time() - start)


torch.set_num_threads(1)
published = theirs(sys.argv[1]) if len(sys.argv) > 1 else None
for d, n, seeds in SIZES:
    for method in METHODS:
        pairs = []
        for seed in range(seeds):
            mine = milliseconds(ours, method, d, n, seed)
            pairs.append((mine, milliseconds(published, method, d, n, seed) if published else float("nan")))
        mine, other = (min(times) for times in zip(*pairs, strict=True))
        print(f"d={d:<4} n={n:<5} {method:21} ours {mine:7.1f} ms  theirs {other:7.1f} ms  {other / mine:6.2f} times")
