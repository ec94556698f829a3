"""What the arm costs: seconds of a cell, and of each generation, beside the same method in the harness's own process.

`python benchmarks/arm.py` runs methods that ship on closed forms of `quick`, five seeds each, in this process and as
guests, in turn; records must be the same. It gives medians, and the time until the first guest is ready.
"""

import statistics
import time
from dataclasses import replace

from collapsebench.arm.host import arm
from collapsebench.core import registry
from collapsebench.core.method import METHODS
from collapsebench.core.shipped import builtin_folder
from collapsebench.loop.cell import Cell
from collapsebench.loop.lineage import Lineage
from collapsebench.loop.plan import enumerate_cells
from collapsebench.loop.protocol import load_protocol

METHOD_NAMES = ("accumulate", "random_filter", "importance_resampling")
TASKS = ("gaussian", "regression", "categorical")


def numbers(cell: Cell) -> list[object]:
    """What a cell gives, timings aside."""
    records = Lineage(cell, None).generations()
    return [{name: value for name, value in vars(record).items() if name != "seconds"} for record in records]


def main() -> None:
    protocol = load_protocol("quick")
    started = time.perf_counter()
    pairs: list[tuple[Cell, Cell]] = []
    for name in METHOD_NAMES:
        own = METHODS.get(name).make({})
        registry.is_shipped = lambda path: False  # every file is a stranger's
        registry.load_file(builtin_folder("methods") / f"{name}.py")
        guest = METHODS.get(name).make({})
        cells = [cell for cell in enumerate_cells(protocol, [own], TASKS, worlds=["preserve"]) if cell.method == own]
        pairs += [(cell, replace(cell, method=guest)) for cell in cells]
    pairs[0][1].method.preload()
    numbers(pairs[0][1])
    print(f"first guest ready and done after {time.perf_counter() - started:.2f} s")

    per_cell, per_generation = [], []
    for own, guest in pairs:
        begin = time.perf_counter()
        here = numbers(own)
        between = time.perf_counter()
        assert numbers(guest) == here, guest.name
        per_cell.append(time.perf_counter() - between - (between - begin))
        per_generation.append(1000 * per_cell[-1] / own.world.generations)
    print(f"{len(pairs)} pairs of cells: the same records")
    print(f"a cell takes {statistics.median(per_cell):.3f} s more")
    print(f"a generation takes {statistics.median(per_generation):.1f} ms more")
    arm().close()


if __name__ == "__main__":
    main()
