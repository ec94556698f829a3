"""CPU seconds of a generation (sample, curate, fit, evaluate) of `digits` in `quick` and of `mnist` in `classic`.

Minimum over the generations of one cell; the fixed classifier is trained, or read from the cache, beforehand.
"""

import tempfile
import time
from itertools import pairwise
from pathlib import Path

import torch
from cells import cell

from collapsebench.loop.lineage import prepared_task
from collapsebench.loop.protocol import load_protocol
from collapsebench.loop.runner import run_cell
from collapsebench.loop.store import Store

torch.set_num_threads(1)
for board, task, limit in (("quick", "digits", 3), ("classic", "mnist", 25)):
    one = cell(load_protocol(board), task, "verify_filter", 0)
    prepared_task(one).verify(one.task.real(10, torch.Generator().manual_seed(0)))
    marks: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        run_cell(one, Store(Path(folder)), on_generation=lambda t, marks=marks: marks.append(time.process_time()))
    shortest = min(after - before for before, after in pairwise(marks))
    print(f"{task} in {board}: {shortest:.2f} s of CPU per generation (at most {limit})")
