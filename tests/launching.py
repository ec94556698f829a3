"""Several processes that share a command, as `accelerate launch` starts them."""

import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path


def launched_together(command: Sequence[str], folder: Path, count: int, **environment: str) -> list[bytes]:
    """What each of `count` processes prints that run `python COMMAND` in a folder; all must succeed."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    group = {"WORLD_SIZE": str(count), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "ACCELERATE_USE_CPU": "true"}
    environments = [
        {**os.environ, **environment, **({**group, "RANK": str(rank), "LOCAL_RANK": str(rank)} if count > 1 else {})}
        for rank in range(count)
    ]
    running = [
        subprocess.Popen([sys.executable, *command], cwd=folder, env=env, stdout=subprocess.PIPE)
        for env in environments
    ]
    outputs = [process.communicate(timeout=240)[0] for process in running]
    assert [process.returncode for process in running] == [0] * count
    return outputs
