"""A real SLURM of one node on loopback: own keys, ports, state and configuration."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scancel", "sinfo")
"""What the packages slurm-wlm and munge bring."""

MEMORY = 16_000
"""MB of the node, whatever the machine has: nothing here is held to it."""

_CONF = """\
ClusterName=tests
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
SlurmUser={user}
SlurmdUser={user}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SlurmdParameters=config_overrides
ReturnToService=2
SlurmdTimeout=10
MessageTimeout=5
KillWait=5
MpiDefault=none
NodeName={host} NodeAddr=127.0.0.1 CPUs=2 RealMemory={memory} State=UNKNOWN
PartitionName=debug Nodes=ALL Default=YES MaxTime=INFINITE State=UP
PartitionName=short Nodes=ALL MaxTime=5 State=UP
"""


class CannotStart(Exception):
    """Why there is no SLURM here."""


@dataclass
class SlurmNode:
    """A running SLURM.

    Args:
        folder: its keys, state, spool and logs.
        private: a folder in which the node sees nothing of what is written here, as if it were on another machine;
            None where a mount of its own is not allowed.
    """

    folder: Path
    private: Path | None
    _daemons: dict[str, subprocess.Popen[bytes]]

    @property
    def environment(self) -> dict[str, str]:
        """What sends SLURM's commands to this one."""
        return {**os.environ, "SLURM_CONF": str(self.folder / "slurm.conf")}

    def jobs(self) -> dict[str, str]:
        """Job id -> state of all that is pending, running or ending."""
        answer = subprocess.run(
            ["squeue", "--noheader", "--array", "--format=%i %T"],
            env=self.environment,
            check=True,
            capture_output=True,
            text=True,
            timeout=60,
        )
        return dict(line.split() for line in answer.stdout.splitlines())

    def start(self, daemon: str) -> None:
        """Start slurmctld or slurmd, again if it was stopped."""
        command = [daemon, "-D"]
        if daemon == "slurmd" and self.private is not None:
            command = ["unshare", "--mount", "sh", "-c", f"mount -t tmpfs none '{self.private}' && exec slurmd -D"]
        with (self.folder / f"{daemon}.out").open("ab") as out:
            self._daemons[daemon] = subprocess.Popen(
                command, env=self.environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True
            )

    def stop(self, daemon: str) -> None:
        """End slurmctld, slurmd or munged as a machine that is switched off does."""
        process = self._daemons.pop(daemon)
        process.kill()
        process.wait()

    def wait(self) -> None:
        """Until the node takes jobs.

        Raises:
            CannotStart: it does not within a minute.
        """

        def idle() -> bool:
            answer = subprocess.run(
                ["sinfo", "--noheader", "--format=%t"], env=self.environment, capture_output=True, text=True, timeout=60
            )
            return answer.returncode == 0 and answer.stdout.split()[:1] in (["idle"], ["mix"], ["alloc"])

        until(idle, "SLURM's node is not idle", self._log)

    def close(self) -> None:
        """End jobs and daemons."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            if "slurmctld" in self._daemons and "slurmd" in self._daemons:
                subprocess.run(["scancel", "--me"], env=self.environment, capture_output=True, timeout=30)
                with contextlib.suppress(CannotStart, subprocess.CalledProcessError):
                    until(lambda: not self.jobs(), "jobs do not end", lambda: "")
        for daemon in list(self._daemons):
            self.stop(daemon)

    def _log(self) -> str:
        texts = [path.read_text(errors="replace") for path in sorted(self.folder.glob("*.log"))]
        return " | ".join(text.strip().splitlines()[-1] for text in texts if text.strip())


def until(ready: Callable[[], bool], otherwise: str, log: Callable[[], str], seconds: float = 60) -> None:
    """Wait until something is so.

    Raises:
        CannotStart: it is not in time; the message ends with a log.
    """
    end = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > end:
            raise CannotStart(f"{otherwise} after {seconds:g} s: {log()}")
        time.sleep(0.2)


@contextlib.contextmanager
def slurm_node(folder: Path) -> Iterator[SlurmNode]:
    """A SLURM of one node with two CPUs for as long as the context lasts.

    Raises:
        CannotStart: programs are missing, or it does not come up.
    """
    if missing := [name for name in PROGRAMS if not shutil.which(name)]:
        raise CannotStart(f"no {', '.join(missing)} here (`make clusters` installs them)")
    for name in ("state", "spool", "private"):
        (folder / name).mkdir(parents=True)
    own_mount = subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode == 0
    node = SlurmNode(folder, folder / "private" if own_mount else None, {})
    with contextlib.ExitStack() as stack:
        ports = []
        for _ in range(2):
            listener = stack.enter_context(socket.socket())
            listener.bind(("127.0.0.1", 0))
            ports.append(listener.getsockname()[1])
    host = socket.gethostname().split(".")[0]
    conf = _CONF.format(host=host, ports=ports, folder=folder, user=os.getuid(), memory=MEMORY)
    (folder / "slurm.conf").write_text(conf)
    key = folder / "munge.key"
    key.write_bytes(os.urandom(128))
    key.chmod(0o600)
    try:
        files = {"socket": "munge.socket", "key-file": "munge.key", "pid-file": "munged.pid", "seed-file": "munge.seed"}
        options = [f"--{name}={folder / file}" for name, file in files.items()]
        node._daemons["munged"] = subprocess.Popen(
            ["munged", "--foreground", "--force", f"--log-file={folder / 'munged.log'}", *options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=(folder / "munged.out").open("ab"),
        )
        until((folder / "munge.socket").exists, "munged makes no socket", node._log)
        node.start("slurmctld")
        node.start("slurmd")
        node.wait()
        yield node
    finally:
        node.close()
