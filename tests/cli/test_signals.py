"""A run that a signal ends: clean, said as it was, with nothing left running and finished work kept."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals")


@pytest.mark.parametrize(("number", "workers"), [(signal.SIGTERM, 0), (signal.SIGHUP, 1), (signal.SIGINT, 1)])
def test_a_signal_ends_a_run_as_ctrl_c_does(number, workers, run_toys, tmp_path):
    words = [*map(str, run_toys), "--method", "toy_blend(pause=60)", "--task", "toy"]
    words[words.index("--workers") + 1] = str(workers)
    process = subprocess.Popen(
        [sys.executable, "-m", "collapsebench", *words],
        cwd=tmp_path,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: [signal.signal(each, signal.SIG_DFL) for each in (signal.SIGHUP, signal.SIGINT)],
    )
    until = time.monotonic() + 240
    while not list(Path(tmp_path).glob("store/cells/toy/toy_blend/*/manifest.json")):
        assert process.poll() is None and time.monotonic() < until
        time.sleep(0.05)
    family = psutil.Process(process.pid).children(recursive=True)
    assert family  # the worker, or the arm

    process.send_signal(number)

    _, err = process.communicate(timeout=120)
    assert process.returncode == 128 + number
    assert "cells are finished and kept. Resume with:\n  collapsebench run " in err
    assert "Traceback" not in err
    _, alive = psutil.wait_procs(family, timeout=30)
    assert not alive
    assert list(Path(tmp_path).glob("store/cells/toy/replace/*/DONE"))
