"""Sandbox: how the process of the arm is started, and what it sees of the machine.

With bubblewrap it sees the system's and Python's libraries and this package without what ships with it, read-only; a
folder of its own; no network, no home, no other process and nothing of the environment.
"""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
import sysconfig
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path

from ..core.errors import ExecutorError

REQUIRED = "COLLAPSEBENCH_SANDBOX"
"""The environment variable that, when it is `required`, refuses to run a method without a sandbox."""

log = logging.getLogger("collapsebench")

TEMPORARY = "/visit"
"""The only folder that can be written to in a sandbox; not /tmp, where a Python may be installed."""

_PACKAGE = Path(__file__).parents[1]
INSTALL = "Install it: sudo apt-get install bubblewrap."
"""What to do where there is none."""

_CORES = "/sys/devices/system/cpu"
_MOST_TEMPORARY = 256 * 2**20

_SYSTEM = ("/usr", "/lib", "/lib64", "/bin", "/sbin", "/etc/ld.so.cache", "/etc/alternatives", "/etc/localtime", "/nix")


@cache
def available() -> bool:
    """Whether there is a sandbox here: bubblewrap is installed, and the system lets it work.

    Raises:
        ExecutorError: there is none, and the environment requires one.
    """
    found = problem()
    if found and os.environ.get(REQUIRED) == "required":
        raise ExecutorError(f"{REQUIRED}=required, and there is no sandbox: {found}.", INSTALL)
    if found:
        log.warning("Methods that are not shipped run without a sandbox: %s. %s", found, INSTALL)
    return not found


@cache
def problem() -> str:
    """Why there is no sandbox here; "" if there is one."""
    if sys.platform != "linux":
        return f"{sys.platform} has no bubblewrap"
    if shutil.which("bwrap") is None:
        return "bubblewrap is not installed"
    trial = subprocess.run(_bubblewrap(["true"]), capture_output=True, text=True, check=False)
    return "" if trial.returncode == 0 else f"bubblewrap does not work: {trial.stderr.strip()}"


def command(program: str, isolated: bool) -> list[str]:
    """The command line that runs a Python program, in a sandbox or not.

    Args:
        program: Python text; `collapsebench` and the libraries that are installed can be imported.
        isolated: whether to use the sandbox.
    """
    setup = f"import sys; sys.path[:0] = {_import_paths()!r}; {program}"
    python = [sys.executable, "-I", "-B", "-c", setup]
    return _bubblewrap(python) if isolated else python


def _bubblewrap(words: list[str]) -> list[str]:
    """A command in the sandbox."""
    command = ["bwrap", "--unshare-all", "--die-with-parent", "--new-session", "--as-pid-1", "--cap-drop", "ALL"]
    seen = (os.path.abspath(place) for place in (*_SYSTEM, sys.prefix, sys.base_prefix, *_import_paths()))
    for path in dict.fromkeys(path for path in seen if path != "/"):
        command += ["--ro-bind-try", path, path]
    if (shipped := _PACKAGE / "builtin").is_dir():
        command += ["--tmpfs", str(shipped)]
    command += ["--proc", "/proc", "--dev", "/dev", "--ro-bind-try", _CORES, _CORES]
    command += ["--perms", "0700", "--size", str(_MOST_TEMPORARY), "--tmpfs", TEMPORARY, "--chdir", TEMPORARY]
    return [*command, "--remount-ro", "/dev", "--remount-ro", "/", "--", *words]


def environment(temporary: str) -> dict[str, str]:
    """All of the environment that the arm gets.

    Args:
        temporary: its folder for temporary files.
    """
    return {
        "HOME": temporary,
        "TMPDIR": temporary,
        "LANG": "C.UTF-8",
        "PATH": "/usr/bin:/bin",
        "HF_HUB_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "false",
        **{f"{library}_NUM_THREADS": "1" for library in ("OMP", "MKL", "OPENBLAS")},
    }


def _import_paths() -> list[str]:
    """Where libraries lie: this package, what is installed for this Python, and installed packages of plug-ins."""
    installed = {sysconfig.get_path(name) for name in ("purelib", "platlib", "stdlib")}
    standing = [path for path in sys.path if path in installed or path.endswith(("site-packages", "dist-packages"))]
    points = [point for kind in ("methods", "tasks") for point in entry_points(group=f"collapsebench.{kind}")]
    plugins = [str(point.dist.locate_file("")) for point in points if point.dist is not None]
    return list(dict.fromkeys([str(_PACKAGE.parent), *plugins, *standing]))
