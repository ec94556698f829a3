"""For `crashes.py`: a run in a forked child, what to do to it and to its files, and what a disk may answer."""

from __future__ import annotations

import errno
import importlib
import importlib.util
import io
import os
import random
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

NOBODY = 65534
"""The user that damaged stores are read as where root runs the campaign: root reads every file."""


class Run:
    """`collapsebench run` in a forked child, in its own session; imports are warm there, not in its workers.

    Args:
        folder: of store, boards and what is said.
        protocol: the YAML file.
        workers: worker processes.
        prepare: called in the child before the command.
        after: called in the child when the command is over.
        boards: name of the boards' folder.
    """

    def __init__(
        self,
        folder: Path,
        protocol: Path,
        workers: int,
        prepare: Callable[[], None] = lambda: None,
        after: Callable[[], None] = lambda: None,
        boards: str = "boards",
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.output = folder / f"said-{time.monotonic_ns()}"
        self.output.touch()
        self.output.chmod(0o666)
        self.code: int | None = None
        self.began = time.monotonic()
        arguments = ["run", "--protocol", protocol, "--method", "real_mix", "--own-references", "--workers", workers]
        arguments += ["--store", folder / "store", "--boards", folder / boards]
        sys.stdout.flush()
        sys.stderr.flush()
        self.pid = os.fork()
        if self.pid == 0:
            _child([str(argument) for argument in arguments], self.output, prepare, after)

    @property
    def said(self) -> str:
        return self.output.read_text(errors="replace")

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.began

    def over(self) -> bool:
        """Whether the process is at its end; then `code` has its exit code, or minus the signal."""
        if self.code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.code = os.waitstatus_to_exitcode(status)
        return self.code is not None

    def wait(self, seconds: float) -> bool:
        """Wait for the end; False where it did not come in time, and then the run is killed."""
        deadline = time.monotonic() + seconds
        while not self.over() and time.monotonic() < deadline:
            time.sleep(0.01)
        if self.code is None:
            self.kill("all", random.Random(0))
            return False
        return True

    def kill(self, target: str, rng: random.Random) -> float:
        """SIGKILL a worker, the parent, the parent's group, or all processes at once.

        Returns:
            Seconds until none of them is left; of a worker, 0.
        """
        with suppress(psutil.NoSuchProcess):
            family = psutil.Process(self.pid).children(recursive=True)
            workers = [process for process in family if "spawn_main" in " ".join(process.cmdline())]
            if target == "worker" and workers:
                rng.choice(workers).kill()
                return 0.0
            if target == "all":
                for process in family:
                    with suppress(psutil.NoSuchProcess):
                        process.kill()
            os.kill(self.pid, signal.SIGKILL) if target == "parent" else os.killpg(self.pid, signal.SIGKILL)
            began = time.monotonic()
            while not self.over() or any(_alive(process) for process in family):
                if time.monotonic() - began > 60:
                    break
                time.sleep(0.01)
            return time.monotonic() - began
        return 0.0


def _alive(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def _child(arguments: list[str], output: Path, prepare: Callable[[], None], after: Callable[[], None]) -> None:
    code: Any = 0
    try:
        os.setsid()
        said, nothing = os.open(output, os.O_WRONLY | os.O_APPEND), os.open(os.devnull, os.O_RDONLY)
        for source, target in ((nothing, 0), (said, 1), (said, 2)):
            os.dup2(source, target)
        from collapsebench.cli import main

        sys.argv = ["collapsebench", *arguments]
        sys.modules["__main__"].__spec__ = importlib.util.find_spec("collapsebench.__main__")  # what workers import
        prepare()
        main()
    except SystemExit as end:
        code = end.code or 0
    except BaseException:
        traceback.print_exc()
        code = 70
    finally:
        after()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else 1)


def write_modules(path: Path) -> None:
    """The names of the modules that this process has imported, in their order."""
    path.write_text("\n".join(name for name in sys.modules if "__m" not in name))


def import_modules(path: Path) -> None:
    """Import what `write_modules` wrote: runs that are forked from here need not, and nobody may not."""
    for name in path.read_text().splitlines():
        with suppress(Exception):  # some are made by others, or only after others
            importlib.import_module(name)


# -- damage ------------------------------------------------------------------------------------------


def truncated(path: Path, rng: random.Random) -> None:
    os.truncate(path, rng.randrange(max(path.stat().st_size, 1)))


def emptied(path: Path, rng: random.Random) -> None:
    os.truncate(path, 0)


def flipped(path: Path, rng: random.Random) -> None:
    content = bytearray(path.read_bytes())
    if content:
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    path.write_bytes(content)


def a_folder(path: Path, rng: random.Random) -> None:
    path.unlink()
    (path / "inside").mkdir(parents=True)


def a_broken_link(path: Path, rng: random.Random) -> None:
    path.unlink()
    path.symlink_to(path.parent / "nowhere")


def unreadable(path: Path, rng: random.Random) -> None:
    path.chmod(0)


def of_another(path: Path, rng: random.Random) -> None:
    """The file of the same kind of another cell or stage, in its place."""
    root = next(parent for parent in path.parents if parent.name in ("store", "boards"))
    like = [other for other in sorted(root.rglob(f"*{path.suffix}")) if other != path and other.is_file()]
    near = [other for other in like if other.name == path.name or other.parent == path.parent]
    if near or like:
        shutil.copy(rng.choice(near or like), path)


DAMAGES = (truncated, emptied, flipped, a_folder, a_broken_link, unreadable, of_another)


def as_nobody(folder: Path) -> Callable[[], None]:
    """Give a folder to nobody, and the function by which a child becomes nobody; as another user, nothing happens."""
    if os.getuid() != 0:
        return lambda: None
    for path in [folder, *folder.rglob("*")]:
        os.chown(path, NOBODY, NOBODY, follow_symlinks=False)

    def become() -> None:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)

    return become


# -- faults of the disk ------------------------------------------------------------------------------


class Disk:
    """Counts what is done to files below a folder, and lets the n-th operation fail, or all from the n-th.

    It stands in the place of `open` and of functions of `os`, in the process that installs it.

    Args:
        root: the folder.
        n: which operation fails, from 1; 0 for none.
        error: its errno.
        lasting: whether all later ones fail too.
    """

    OF_PATHS = ("rename", "replace", "mkdir", "unlink", "link", "open")
    OF_FILES = ("fsync", "write")

    def __init__(self, root: Path, n: int = 0, error: int = errno.EIO, lasting: bool = False) -> None:
        self.root, self.n, self.error, self.lasting = str(root), n, error, lasting
        self.count = 0

    def install(self) -> None:
        """Stand in the place of the functions."""
        for name in (*self.OF_PATHS, *self.OF_FILES):
            setattr(os, name, self._guarded(name, getattr(os, name)))
        opened = io.open

        def open_(file: Any, *args: Any, **keywords: Any) -> Any:
            self.step("open", file)
            made = opened(file, *args, **keywords)
            return _Written(made, self, file) if made.writable() and self._ours(file) else made

        io.open = open_
        __builtins__["open"] = open_

    def _guarded(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def guarded(path: Any, *args: Any, **keywords: Any) -> Any:
            self.step(name, path)
            return function(path, *args, **keywords)

        return guarded

    def _ours(self, path: Any) -> bool:
        if isinstance(path, int):
            with suppress(OSError):
                path = os.readlink(f"/proc/self/fd/{path}")
        return isinstance(path, str | os.PathLike) and os.fspath(path).startswith(f"{self.root}/")

    def step(self, name: str, path: Any) -> None:
        """Count an operation; raise where it has to fail."""
        if not self._ours(path):
            return
        self.count += 1
        if self.n and (self.count == self.n or (self.lasting and self.count > self.n)):
            raise OSError(self.error, os.strerror(self.error), str(path))


class _Written:
    """A file whose writes are counted."""

    def __init__(self, file: Any, disk: Disk, path: Any) -> None:
        self._file, self._disk, self._path = file, disk, path

    def write(self, content: Any) -> int:
        self._disk.step("write", self._path)
        return self._file.write(content)

    def __enter__(self) -> _Written:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


FAULTS = (errno.ENOSPC, errno.EIO, errno.EROFS)
