"""What an executor costs: seconds per small cell on each beside `local`, and the speed-up of two workers over one.

`python benchmarks/executors.py` runs 60 cells (closed forms of `quick`, language models of a few numbers) by `local`
with one worker, by a Ray that it starts here, and by a SLURM of one node that it starts and ends as the tests do.
Then 24 language models by one worker and by two. Ratios are of one run, on an idle machine.
"""

import json
import os
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from collapsebench.core.method import METHODS  # noqa: E402
from collapsebench.loop.executors.executor import Executor, Options, Silent  # noqa: E402
from collapsebench.loop.executors.local import Local  # noqa: E402
from collapsebench.loop.executors.ray import Ray  # noqa: E402
from collapsebench.loop.executors.resources import ExecutorConfig  # noqa: E402
from collapsebench.loop.executors.slurm import Slurm  # noqa: E402
from collapsebench.loop.plan import enumerate_cells  # noqa: E402
from collapsebench.loop.protocol import load_protocol, parse_protocol  # noqa: E402
from tests.clusters.conftest import SMALL_SUMS  # noqa: E402
from tests.clusters.slurm_node import CannotStart, slurm_node  # noqa: E402


def timed(executor: Executor, cells: list) -> tuple[float, float]:
    """Seconds until the first result, and until the last one."""
    with tempfile.TemporaryDirectory() as store:
        start, first = time.perf_counter(), 0.0
        for result in executor.run(cells, Options(Path(store)), Silent()):
            assert result.cell.status == "done", result.cell.reason
            first = first or time.perf_counter() - start
        return first, time.perf_counter() - start


def sums(seeds: int, steps: int) -> list:
    """Cells of one method and its references on small sums."""
    rules = json.loads(json.dumps(SMALL_SUMS))
    entry = rules["tasks"]["arithmetic"]
    rules["seeds"], entry["n"] = seeds, 64
    entry["budget"] = {"steps": steps, "batch": 32}
    entry["params"] = {"max_operand": 20, "heldout": 64}
    return enumerate_cells(parse_protocol(json.dumps(rules), "sums"), [METHODS.get("real_mix").make({})])


def main() -> None:
    method = METHODS.get("real_mix").make({})
    small = enumerate_cells(parse_protocol(json.dumps(SMALL_SUMS), "sums"), [method])
    sixty = [*small, *enumerate_cells(load_protocol("quick"), [method], tasks=["gaussian", "regression"])][:60]
    base = 0.0
    with ExitStack() as stack:
        executors: dict[str, Executor] = {"local": Local(1), "ray": Ray(None, ExecutorConfig())}
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        try:
            node = stack.enter_context(slurm_node(folder / "node"))
            os.environ["SLURM_CONF"] = node.environment["SLURM_CONF"]
            executors["slurm"] = Slurm(ExecutorConfig(slurm={"workers": 2}))
        except CannotStart as error:
            print(f"slurm: none ({error})")
        for name, executor in executors.items():
            first, whole = timed(executor, sixty)
            base = base or whole
            each = 1000 * (whole - first) / (len(sixty) - 1)
            print(f"{name}: first result after {first:.1f} s, then {each:.0f} ms a cell; 60 cells in {whole:.1f} s, "
                  f"{whole / base:.2f}x local")  # fmt: skip
    cells = sums(seeds=6, steps=300)[:24]
    one, two = timed(Local(1), cells)[1], timed(Local(2), cells)[1]
    print(f"{len(cells)} language models: {one:.1f} s by one worker, {two:.1f} s by two, {one / two:.2f}x")


if __name__ == "__main__":
    main()
