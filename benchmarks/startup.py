"""Wall seconds of `collapsebench --help` and `collapsebench list methods`, minimum of several."""

import subprocess
import sys
import time

RUNS = 7


def seconds(*arguments: str) -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, "-m", "collapsebench", *arguments], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


for command in (["--help"], ["list", "methods"], ["list", "tasks"], ["list", "protocols"]):
    times = sorted(seconds(*command) for _ in range(RUNS))
    print(f"collapsebench {' '.join(command):16} min {times[0]:.2f} s, median {times[RUNS // 2]:.2f} s")
