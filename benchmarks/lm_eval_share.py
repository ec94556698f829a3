"""lm-eval scoring as a share of a language model's cell under `quick`, CPU time, by task.

Whole cells through the loop and its store; a first cell, not measured, imports the libraries.
"""

import tempfile
import time
from pathlib import Path

import torch
from cells import cell

from collapsebench.loop.plugins import make_task
from collapsebench.loop.protocol import load_protocol
from collapsebench.loop.runner import run_cell
from collapsebench.loop.store import Store
from collapsebench.scoring.lm_eval.suite import Scorer

torch.set_num_threads(1)
spent = {"scoring": 0.0, "set-up": 0.0}


def timed(what, call):
    """`call`, its CPU time added to what was spent."""

    def measured(*args, **keywords):
        start = time.process_time()
        result = call(*args, **keywords)
        spent[what] += time.process_time() - start
        return result

    return measured


Scorer.score, Scorer.__init__ = timed("scoring", Scorer.score), timed("set-up", Scorer.__init__)

quick = load_protocol("quick")
for name in quick.tasks:
    if make_task(name, quick.rules(name).params).card.modality != "tokens":
        continue
    for seed in (1, 0):
        spent.update(dict.fromkeys(spent, 0.0))
        with tempfile.TemporaryDirectory() as folder:
            start = time.process_time()
            result = run_cell(cell(quick, name, "replace", seed), Store(Path(folder)))
            total = time.process_time() - start
        assert result.cell.status == "done", result.cell.reason
    if not spent["scoring"]:
        continue
    generations = len(result.generations)
    print(
        f"{name:12} {100 * sum(spent.values()) / total:4.1f} % of a cell of {total:.1f} s: "
        f"{spent['scoring'] / generations:.3f} s in each of {generations} generations, {spent['set-up']:.2f} s once"
    )
