"""Runs: commands that go on without their terminal, as any machine sees them that shares the store.

    runs/<id>/
        run.json    what runs, where and since when; how it ended
        cells.txt   folders of its cells in the store
        log.txt     what it prints
        lock        a lease that it holds while it lives
        cancel      there once somebody wants it to end

The process that runs writes the first two, and nobody else does.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

import psutil

from ..core.errors import unknown_name
from ..core.files import held, locked, write_atomic
from ..core.stop import SIGNALS, listening

log = logging.getLogger("collapsebench")

INTERRUPTED = 130
"""The exit code of a command that Ctrl-C ended."""

_TICK = 1.0
"""Seconds between two looks whether somebody wants the run to end."""


@dataclass(frozen=True)
class Note:
    """What `run.json` says.

    Args:
        command: its words, after python's.
        folder: where it was typed.
        host, pid: of the process.
        born: when the process started, in seconds after its machine did; with it a pid is not mistaken for a later one.
        started: when the run did, as ISO 8601.
        methods, protocol, board, engine: what is run, for which board, by which executor; "" until that is known.
        cells: how many there are.
        ready: how many of them were finished before.
        under_way: the engine took the cells.
        ended: when it ended, as ISO 8601; "" if it did not.
        exit_code: of a run that ended.
    """

    command: list[str]
    folder: str
    host: str
    pid: int
    born: float
    started: str
    methods: str = ""
    protocol: str = ""
    board: str = ""
    engine: str = ""
    cells: int = 0
    ready: int = 0
    under_way: bool = False
    ended: str = ""
    exit_code: int = 0


class Run:
    """A run by its folder."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.id = folder, folder.name
        self.log, self._json, self._cells = folder / "log.txt", folder / "run.json", folder / "cells.txt"
        self.lock, self.cancel = folder / "lock", folder / "cancel"
        self._said: Note | None = None

    def note(self) -> Note | None:
        """What the run says of itself; None if it says nothing, or what cannot be read (a warning says so)."""
        try:
            return Note(**json.loads(self._json.read_bytes()))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError):
            log.warning("%s cannot be read.", self._json)
            return None

    def write(self, note: Note) -> None:
        """Say what there is to say; only the run's own process does."""
        self._said = note
        write_atomic(self._json, json.dumps(asdict(note), indent=1).encode())

    def change(self, **facts: object) -> None:
        """Say something more of this process's run."""
        assert self._said is not None, "Its process wrote a note when it began."
        self.write(replace(self._said, **facts))  # type: ignore[arg-type]

    def plan(self, ready: int, cells: Sequence[Path]) -> None:
        """Say what this process's run is to do.

        Args:
            ready: how many cells are finished already.
            cells: folders of the others, below the store.
        """
        write_atomic(self._cells, "".join(f"{folder.as_posix()}\n" for folder in cells).encode())
        self.change(ready=ready, cells=ready + len(cells))

    def begin(self) -> None:
        """Say that the engine took the cells of this process's run; may be said again."""
        if self._said is not None and not self._said.under_way:
            self.change(under_way=True)

    def finished(self) -> int:
        """How many of its cells are finished, as the store says."""
        note = self.note()
        return (note.ready if note else 0) + sum((folder / "DONE").exists() for folder in self._folders())

    def under_way(self) -> list[Path]:
        """Folders of the cells that some process runs."""
        return [folder for folder in self._folders() if (folder / "lock").exists()]

    def _folders(self) -> list[Path]:
        cells = self._cells.read_text(encoding="utf-8").splitlines() if self._cells.exists() else []
        return [self.folder.parents[1] / cell for cell in cells]

    def state(self) -> str:
        """`running`, `finished`, `failed`, `cancelled`, or `lost`: gone without an end."""
        note = self.note()
        if note is not None and note.ended:
            return {0: "finished", INTERRUPTED: "cancelled"}.get(note.exit_code, "failed")
        if note is not None and (process_of(note) is not None if is_here(note) else held(self.lock)):
            return "running"
        return "cancelled" if self.cancel.exists() else "lost"


def is_here(note: Note) -> bool:
    """Whether a run was started on this machine; elsewhere its pid says nothing."""
    return note.host == socket.gethostname()


def process_of(note: Note) -> psutil.Process | None:
    """The process of a run of this machine, if it lives."""
    try:
        process = psutil.Process(note.pid)
        same = abs(_born(process) - note.born) < 2 and process.status() != psutil.STATUS_ZOMBIE
        return process if same else None
    except psutil.NoSuchProcess:
        return None


def _born(process: psutil.Process) -> float:
    """Seconds after the machine's start; a clock that is set moves both."""
    return float(process.create_time() - psutil.boot_time())


def new_run(store: Path) -> Run:
    """A folder for another run.

    Raises:
        StoreError: it cannot be made.
    """
    run = Run(store.resolve() / "runs" / secrets.token_hex(4))
    write_atomic(run.log, b"")
    return run


def all_runs(store: Path) -> list[Run]:
    """The runs of a store, the oldest first."""
    runs = [Run(path.parent) for path in store.glob("runs/*/run.json")]
    return sorted(runs, key=lambda run: note.started if (note := run.note()) else "")


def find_run(store: Path, wanted: str) -> Run:
    """The run of an id, or of its first characters.

    Raises:
        UsageError: there is none, or there are several.
    """
    ids = {run.id: run for run in all_runs(store)}
    match [id for id in ids if wanted and id.startswith(wanted)]:
        case [id]:
            return ids[id]
        case _:
            raise unknown_name("run", wanted, ids, owner=str(store))


_own: Run | None = None


def own_run() -> Run | None:
    """What this process is the run of; None for a command that keeps its terminal."""
    return _own


def drive(folder: Path, command: Callable[[], None]) -> NoReturn:
    """Be the run of a folder: hold its lease, end by Ctrl-C's way when that is wanted, and keep the exit code.

    Args:
        folder: of the run.
        command: what it does; it may exit.
    """
    global _own
    run = _own = Run(folder)
    process = psutil.Process()
    with locked(run.lock):
        run.write(Note(sys.argv[1:], os.getcwd(), socket.gethostname(), process.pid, _born(process), _now()))
        threading.Thread(target=_watch, args=(run,), daemon=True).start()
        with listening(always=True):  # a shell may have told its jobs to ignore Ctrl-C
            code = _exit_code(command)
        for wish in SIGNALS:
            signal.signal(wish, signal.SIG_IGN)
        run.change(ended=_now(), exit_code=code)
    sys.exit(code)


def _exit_code(command: Callable[[], None]) -> int:
    """How a command ends; what it prints stands in the log before anybody is told."""
    try:
        command()
        return 0
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception:
        traceback.print_exc()
        return 1
    finally:
        sys.stdout.flush()


def _watch(run: Run) -> None:
    """Interrupt the main thread once somebody wants the run to end."""
    while not run.cancel.exists():
        time.sleep(_TICK)
    main = threading.main_thread().ident
    assert main is not None
    signal.pthread_kill(main, signal.SIGINT)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
