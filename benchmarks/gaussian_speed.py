"""CPU milliseconds per seed of whole `gaussian` cells: d=10, n=100, 100 generations, evaluation at each.

The published Collapse or Thrive code takes 26 ms (replace) and 75 ms (accumulate) on this kind of machine.
"""

import time

import torch
from cells import cell

from collapsebench.loop.lineage import Lineage
from collapsebench.loop.protocol import single_task

SEEDS = 40

torch.set_num_threads(1)
rules = single_task("gaussian", n=100, generations=100)
for method, published in (("replace", 26), ("accumulate", 75)):
    times = []
    for seed in range(SEEDS):
        start = time.process_time()
        list(Lineage(cell(rules, "gaussian", method, seed), store=None).generations())
        times.append(1000 * (time.process_time() - start))
    times.sort()
    print(f"{method:10} min {times[0]:.1f} ms, median {times[SEEDS // 2]:.1f} ms per seed (published: {published})")
