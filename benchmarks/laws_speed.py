"""CPU per seed of whole cells that the laws are measured on, 100 generations under `accumulate` with evaluation.

Against the published Collapse or Thrive code on this kind of machine: kernel density 8.2 s, regression 95 ms,
Gaussian d=100 5.3 s.
"""

import time

import torch
from cells import cell

from collapsebench.loop.lineage import Lineage
from collapsebench.loop.protocol import single_task

SETTINGS = (
    ("kde", {"n": 100, "params": {"heldout": 500}}, 5, 8200, 800),
    ("regression", {"n": 100}, 40, 95, 24),
    ("gaussian", {"n": 1000, "params": {"d": 100}}, 3, 5300, 1325),
)
"""Task, its entry in the protocol, seeds, milliseconds of the published code, and at most."""

torch.set_num_threads(1)
for task, entry, seeds, published, most in SETTINGS:
    rules, times = single_task(task, generations=100, **entry), []
    for seed in range(seeds):
        start = time.process_time()
        list(Lineage(cell(rules, task, "accumulate", seed), store=None).generations())
        times.append(1000 * (time.process_time() - start))
    times.sort()
    print(f"{task:10} min {times[0]:.1f} ms, median {times[seeds // 2]:.1f} ms (published {published}, at most {most})")
