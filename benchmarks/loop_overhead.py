"""What the loop costs beyond fit, sample, curate and evaluate: ms per generation, and share of an LM cell."""

import sys
import tempfile
import time
from pathlib import Path

import torch
from cells import cell

from collapsebench.loop.cell import Cell
from collapsebench.loop.protocol import load_protocol, single_task
from collapsebench.loop.runner import run_cell
from collapsebench.loop.store import Store


def overhead(one: Cell) -> tuple[float, float, int]:
    """CPU seconds beyond the stages, of the whole cell with its files, and its generations."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.process_time()
        wall = time.perf_counter()
        result = run_cell(one, Store(Path(folder)))
        wall = time.perf_counter() - wall
        total = time.process_time() - start
    assert result.cell.status == "done", result.cell.reason
    stages = sum(sum(generation.seconds.values()) for generation in result.generations)
    return total - stages * min(1.0, total / wall), total, len(result.generations)


torch.set_num_threads(1)
for task, n in (("gaussian", 100), ("categorical", 1000)):
    rules = single_task(task, n=n, generations=100)
    best = min(overhead(cell(rules, task, "replace", seed)) for seed in range(30))
    print(f"{task:12} {1000 * best[0] / best[2]:.3f} ms per generation beyond the stages (records and files included)")
if "--no-lm" not in sys.argv:
    quick = load_protocol("quick")
    overhead(cell(quick, "arithmetic", "replace", 1))  # a worker imports transformers and lm-eval once
    extra, total, generations = overhead(cell(quick, "arithmetic", "replace", 0))
    print(f"{'arithmetic':12} {100 * extra / total:.1f} % of a cell of {total:.1f} s, {generations} generations")
