"""Wall seconds of a newcomer's first minutes: a run of one method in every world, and the same command once more.

`python benchmarks/quickstart.py` starts from an empty store and an empty folder of boards, with references from the
verified records of the published board; `--own-references` trains them too. `--clone` clones what this checkout has
committed and calls `make quickstart` there twice: the first call makes the environment, which pip may have to download.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]


def called(name: str, command: list[str], folder: str) -> None:
    """Run a command in a folder; print how long it took and what it says of references."""
    start = time.perf_counter()
    said = subprocess.run(command, cwd=folder, check=True, stdout=subprocess.PIPE, text=True).stdout
    print(f"{name} call: {time.perf_counter() - start:.1f} s")
    print("".join(f"  {line}\n" for line in said.splitlines() if "--own-references" in line), end="", flush=True)


def main(options: list[str]) -> None:
    """Both calls, as the options say."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "collapsebench", "run", "--method", "real_mix", *options]
        if options == ["--clone"]:
            subprocess.run(["git", "clone", "--quiet", ROOT, folder], check=True)
            command = ["make", "quickstart", f"PYTHON={sys.executable}"]
        for name in ("first", "second"):
            called(name, command, folder)


if __name__ == "__main__":
    main(sys.argv[1:])
