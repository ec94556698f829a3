"""Wall seconds of the quickstart's run on an empty store, and of the same command once more."""

import subprocess
import sys
import tempfile
import time

with tempfile.TemporaryDirectory() as folder:
    command = [sys.executable, "-m", "collapsebench", "run", "--method", "token_edit"]
    command += ["--store", f"{folder}/store", "--boards", f"{folder}/boards"]
    for name in ("first", "second"):
        start = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        print(f"{name} call: {time.perf_counter() - start:.1f} s")
