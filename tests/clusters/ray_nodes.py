"""A real Ray cluster of two nodes on the loopback of this machine."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

_MARK = "COLLAPSEBENCH_TEST_CLUSTER"
_STARTING = 90.0
_OBJECTS = 100 * 1024 * 1024


class RayCluster:
    """A head and a second node; every process of them carries a mark in its environment, by which `end` finds it.

    Args:
        cpus: CPUs that each node says it has.
    """

    def __init__(self, cpus: int = 1) -> None:
        self.cpus = cpus
        self.folder = Path(tempfile.mkdtemp(prefix="cbray"))  # short: a socket's path holds 107 characters
        self.address = f"127.0.0.1:{_free_port()}"
        self.nodes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self) -> None:
        """Start both nodes and wait until they are there.

        Raises:
            RuntimeError: a node ended or took too long; with what it printed.
        """
        self.start_node("head")
        self.start_node("second")

    def start_node(self, name: str) -> None:
        """Start a node, the head first; returns when `ray start` says that it runs."""
        port = self.address.rpartition(":")[2]
        where = (
            [f"--address={self.address}"] if self.nodes else ["--head", f"--port={port}", f"--temp-dir={self.folder}"]
        )
        log = self.folder / f"{name}.txt"
        command = [
            sys.executable,
            "-m",
            "ray.scripts.scripts",
            "start",
            *where,
            "--block",
            "--node-ip-address=127.0.0.1",
        ]
        command += [f"--num-cpus={self.cpus}", f"--object-store-memory={_OBJECTS}", "--disable-usage-stats"]
        command += ["--include-dashboard=false", "--include-log-monitor=false"] if not self.nodes else []
        environment = {**os.environ, _MARK: self.folder.name}
        with log.open("wb") as file:
            self.nodes[name] = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=file, stderr=file, env=environment, start_new_session=True
            )
        until = time.monotonic() + _STARTING
        while b"Ray runtime started" not in log.read_bytes():
            if self.nodes[name].poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"ray start ({name}): {log.read_text()}")
            time.sleep(0.1)

    def kill_node(self, name: str) -> None:
        """Kill all processes of a node at once, as a power cut does."""
        process = psutil.Process(self.nodes.pop(name).pid)
        for one in [*process.children(recursive=True), process]:
            one.kill()

    def processes(self) -> list[psutil.Process]:
        """What runs of this cluster, drivers that tests started included."""
        return [one for one in psutil.process_iter() if _marked(one, self.folder.name)]

    def end(self) -> None:
        """Kill what runs and remove its files."""
        for process in self.processes():
            process.kill()
        for node in self.nodes.values():
            node.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def _marked(process: psutil.Process, mark: str) -> bool:
    try:
        return process.environ().get(_MARK) == mark
    except psutil.Error:
        return False


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
