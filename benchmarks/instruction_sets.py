"""How far trained lineages move on another instruction set, set against what a board tells apart.

`python benchmarks/instruction_sets.py` runs `replace` and `frozen` on two trained tasks of `quick`, in `preserve`, once
as this processor likes it and once without vector instructions: the same sums in another order, as on another machine.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

TASKS = ("arithmetic", "digits")
METHODS = ("replace", "frozen")
PLAIN = {"ATEN_CPU_CAPABILITY": "default", "ONEDNN_MAX_CPU_ISA": "SSE41", "MKL_CBWR": "COMPATIBLE"}


def losses() -> dict[str, list[list[float]]]:
    """By task and method: the loss of each seed and generation, as this process computes it."""
    from collapsebench.loop.plan import enumerate_cells
    from collapsebench.loop.protocol import load_protocol
    from collapsebench.loop.runner import run_cell
    from collapsebench.loop.store import Store

    found: dict[str, list[list[float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for cell in enumerate_cells(load_protocol("quick"), [], TASKS, worlds=["preserve"]):
            if cell.method.name in METHODS:
                result = run_cell(cell, Store(Path(folder)))
                made = [g.metrics[result.cell.task.primary] for g in result.generations]
                found.setdefault(f"{cell.task.name} {cell.method.name}", []).append(made)
    return found


def elsewhere(variables: dict[str, str]) -> dict[str, np.ndarray]:
    """The same in a process of its own."""
    command = [sys.executable, __file__, "--here"]
    out = subprocess.run(command, env={**os.environ, **variables}, check=True, capture_output=True, text=True).stdout
    return {name: np.array(made) for name, made in json.loads(out.splitlines()[-1]).items()}


def main() -> None:
    """Print how far losses move, and what that does to paired differences."""
    fast, plain = elsewhere({}), elsewhere(PLAIN)
    for task in TASKS:
        print(task)
        scored = {}
        for method in METHODS:
            one, other = fast[f"{task} {method}"], plain[f"{task} {method}"]
            apart = np.sqrt(np.mean((other / one - 1) ** 2, axis=0))
            print(f"  {method}: losses move by {', '.join(f'{x:.1e}' for x in apart)} (relative, t = 0, 1, ...)")
            scored[method] = one[:, -2:].mean(1), other[:, -2:].mean(1)
            move = np.std(scored[method][1] - scored[method][0], ddof=1)
            print(f"    scored: moved by SD {move:.2g}; between seeds SD {np.std(scored[method][0], ddof=1):.2g}")
        (floor, floor_there), (ceiling, ceiling_there) = scored["replace"], scored["frozen"]
        for name, gap in (
            ("both here", floor - ceiling),
            ("both there", floor_there - ceiling_there),
            ("replace here, frozen there", floor - ceiling_there),
            ("replace there, frozen here", floor_there - ceiling),
        ):
            print(f"  gap, {name}: {gap.mean():.4g}, paired s.e. {np.std(gap, ddof=1) / np.sqrt(len(gap)):.2g}")


if __name__ == "__main__":
    if sys.argv[1:] == ["--here"]:
        print(json.dumps(losses()))
    else:
        main()
