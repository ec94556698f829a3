"""Kill `collapsebench run` with SIGKILL at random moments, resume it, compare with an uninterrupted run.

Prints each moment and whether the final records are equal, timings aside; exits 1 if any differ.
"""

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from collapsebench.core.records import CellResult
from collapsebench.results.reader import read_results

KILLS = 5
TASKS = sys.argv[1] if len(sys.argv) > 1 else "arithmetic,digits,gaussian,categorical"


def start(folder: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "collapsebench", "run", "--method", "accumulate_subsample", "--task", TASKS]
    options = ["--seeds", "1", "--store", str(folder / "store"), "--boards", str(folder / "boards")]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen([*command, *options], start_new_session=True, **quiet)


def records(folder: Path) -> list[CellResult]:
    found = [r for path in sorted(folder.glob("boards/*/records/*.jsonl")) for r in read_results(path)]
    return sorted(found, key=lambda r: (r.cell.task.name, r.cell.method.label, r.cell.seed))


with tempfile.TemporaryDirectory() as whole, tempfile.TemporaryDirectory() as killed:
    began = time.perf_counter()
    assert start(Path(whole)).wait() == 0
    length = time.perf_counter() - began
    print(f"uninterrupted: {length:.1f} s")
    moments = random.Random(int(time.time()))
    for _ in range(KILLS):
        process = start(Path(killed))
        moment = moments.uniform(0.1, 0.5) * length
        try:
            process.wait(timeout=moment)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        print(f"killed after {moment:.1f} s")
    assert start(Path(killed)).wait() == 0
    expected, found = records(Path(whole)), records(Path(killed))
    same = len(expected) == len(found) and all(a.same_result(b) for a, b in zip(expected, found, strict=True))
    print(f"{len(found)} cells, records equal: {same}")
    sys.exit(not same)
