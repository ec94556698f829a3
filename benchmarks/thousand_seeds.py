"""Wall seconds of a thousand seeds of `gaussian` x 100 generations x three methods, through the executor."""

import os
import sys
import tempfile
import time
from pathlib import Path

from collapsebench.loop.cell import Cell
from collapsebench.loop.executors.executor import Options, Silent
from collapsebench.loop.executors.local import Local
from collapsebench.loop.plugins import make_method, make_task
from collapsebench.loop.protocol import single_task

METHODS = ("replace", "accumulate", "accumulate_subsample")

if __name__ == "__main__":  # workers are spawned: they import this file
    seeds = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    rules, task = single_task("gaussian", n=100, generations=100), make_task("gaussian", {})
    cells = [Cell(rules, task, make_method(method, {}), seed) for method in METHODS for seed in range(seeds)]
    workers = os.cpu_count() or 1
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        ended = [result.cell.status for result in Local(workers).run(cells, Options(Path(folder)), Silent())]
        seconds = time.perf_counter() - start
    assert ended.count("done") == len(cells), ended
    each = 1000 * seconds * workers / len(cells)
    print(f"{len(cells)} cells: {seconds:.1f} s on {workers} workers, {each:.1f} ms a cell and worker")
