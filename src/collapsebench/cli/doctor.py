"""`collapsebench doctor`: what is wrong with this installation, if anything."""

from __future__ import annotations

import os
import platform
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import typer

from .options import DEFAULT_STORE, StoreOption

if TYPE_CHECKING:
    from packaging.requirements import Requirement

Level = Literal["ok", "warn", "fail"]

_STYLES = {"ok": "green", "warn": "yellow", "fail": "bold red"}
_GIB = 2**30
_LITTLE_MEMORY = 2 * _GIB
_LITTLE_DISK, _NO_DISK = 2 * _GIB, 100 * 2**20


@dataclass(frozen=True)
class Finding:
    """One line of the report.

    Args:
        subject: what the doctor looked at.
        level: `fail` if no run can work, `warn` if some cannot or are slow.
        found: what it found.
        hint: what the user can do about it; "" if all is well.
    """

    subject: str
    level: Level
    found: str
    hint: str = ""


def doctor(store: StoreOption = DEFAULT_STORE) -> None:
    """Report on versions, machine, store, data and plug-ins; exit with 1 if something cannot work."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    findings = examine(store)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_header=False)
    for _ in range(3):
        table.add_column(overflow="fold")
    for finding in findings:
        text = finding.found + (f"\n{finding.hint}" if finding.hint else "")
        table.add_row(Text(finding.level, _STYLES[finding.level]), Text(finding.subject), Text(text))
    Console().print(table)
    failed = [finding.subject for finding in findings if finding.level == "fail"]
    typer.echo(f"To fix: {', '.join(failed)}." if failed else "Nothing prevents a run.")
    if failed:
        raise typer.Exit(1)


def examine(store: Path) -> list[Finding]:
    """Look at everything that a run depends on; `store` is the folder that it would write to."""
    return [
        *_versions(),
        *_torch(),
        _cores(),
        _memory(),
        _writable(store),
        _disk(store),
        _data(),
        _cache(),
        _hub(),
        _git(),
        *_plugins(),
    ]


def _versions() -> Iterator[Finding]:
    from importlib.metadata import PackageNotFoundError, metadata, requires, version

    from packaging.requirements import Requirement
    from packaging.specifiers import SpecifierSet

    try:
        supported = metadata("collapsebench")["Requires-Python"]
        needed = [Requirement(text) for text in requires("collapsebench") or []]
    except PackageNotFoundError:
        yield Finding(
            "collapsebench", "fail", "not installed, only importable", "Run `pip install -e .` or `make setup`."
        )
        return
    yield Finding("collapsebench", "ok", version("collapsebench"))
    fits = SpecifierSet(supported).contains(platform.python_version(), prereleases=True)
    hint = "" if fits else f"Use Python {supported}."
    yield Finding("python", "ok" if fits else "fail", platform.python_version(), hint)
    for requirement in needed:
        yield from _package(requirement)


def _package(requirement: Requirement) -> Iterator[Finding]:
    """A required package, or one of an extra if it is installed in a version that is not supported."""
    from importlib.metadata import PackageNotFoundError, version

    name, supported = requirement.name, requirement.specifier
    extra = "extra" in str(requirement.marker or "")
    hint = f"pip install '{name}{supported}'"
    try:
        installed = version(name)
    except PackageNotFoundError:
        if not extra:
            yield Finding(name, "fail", "not installed", hint)
        return
    if not supported.contains(installed, prereleases=True):
        yield Finding(name, "warn" if extra else "fail", f"{installed}, supported is {supported}", hint)
    elif not extra:
        yield Finding(name, "ok", installed)


def _torch() -> Iterator[Finding]:
    import torch

    try:
        threads = torch.get_num_threads()
    except (ImportError, OSError, AttributeError) as error:
        yield Finding("torch", "fail", f"cannot be loaded: {error}", "Install torch again for this platform.")
        return
    omp = os.environ.get("OMP_NUM_THREADS", "not set")
    yield Finding("threads", "ok", f"{threads} here (OMP_NUM_THREADS {omp}); each worker process uses one")
    if torch.cuda.is_available():
        names = ", ".join(torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count()))
        yield Finding("GPU", "ok", names)
    else:
        yield Finding("GPU", "ok", "none; core tasks need none")


def _cores() -> Finding:
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return Finding("cores", "ok", f"{usable} usable of {os.cpu_count()}")


def _memory() -> Finding:
    import psutil

    memory = psutil.virtual_memory()
    found = f"{memory.available / _GIB:.1f} GiB available of {memory.total / _GIB:.1f}"
    if memory.available < _LITTLE_MEMORY:
        return Finding("memory", "warn", found, "Use fewer --workers.")
    return Finding("memory", "ok", found)


def _writable(store: Path) -> Finding:
    hint = "Check the permissions, or pass another --store."
    folder = _nearest(store)
    if not folder.is_dir():
        return Finding("store", "fail", f"{store} cannot be made: {folder} is a file", hint)
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        return Finding("store", "fail", f"{store} cannot be written: {error.strerror}", hint)
    return Finding("store", "ok", f"{store} can be written" + ("" if store.is_dir() else " (will be made)"))


def _disk(store: Path) -> Finding:
    free = shutil.disk_usage(_nearest(store)).free
    found = f"{free / _GIB:.1f} GiB free for the store"
    if free >= _LITTLE_DISK:
        return Finding("disk", "ok", found)
    return Finding("disk", "fail" if free < _NO_DISK else "warn", found, "Free some space, or pass another --store.")


def _nearest(path: Path) -> Path:
    """The path itself or the nearest folder above it that exists."""
    path = path.resolve()
    return next(above for above in (path, *path.parents) if above.exists())


def _data() -> Finding:
    folder = os.environ.get("COLLAPSEBENCH_DATA")
    if not folder:
        return Finding("COLLAPSEBENCH_DATA", "ok", "not set; only tasks on real data use it")
    if not Path(folder).is_dir():
        found = f"{folder} is no folder"
        return Finding("COLLAPSEBENCH_DATA", "fail", found, "Set it to a folder of data sets, or unset it.")
    return Finding("COLLAPSEBENCH_DATA", "ok", f"{folder}, {sum(1 for _ in Path(folder).iterdir())} entries")


def _cache() -> Finding:
    from ..core import files

    folder, named = files.cache_folder(), "" if os.environ.get(files.CACHE_VARIABLE) else ", by default"
    above = _nearest(folder)
    if not above.is_dir() or not os.access(above, os.W_OK):
        found = f"{folder} cannot be written"
        return Finding(
            files.CACHE_VARIABLE, "warn", found, "Image tasks keep a classifier there; set it to another folder."
        )
    return Finding(files.CACHE_VARIABLE, "ok", f"{folder}{named}; image tasks keep their fixed classifiers there")


def _hub() -> Finding:
    offline = os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}
    return Finding(
        "HF_HUB_OFFLINE", "ok", "set: nothing is downloaded" if offline else "not set: data may be downloaded"
    )


def _git() -> Finding:
    from ..loop.environment import environment

    here = environment()
    if "git" not in here:
        return Finding("git", "ok", "not a checkout; records carry the version")
    return Finding("git", "ok", here["git"][:12] + (", with uncommitted changes" if here["dirty"] else ""))


def _plugins() -> Iterator[Finding]:
    from ..core.method import METHODS
    from ..core.records import REFERENCES
    from ..core.task import TASKS

    for kind, names, unavailable in (
        ("methods", METHODS.names(), METHODS.unavailable()),
        ("tasks", TASKS.names(), TASKS.unavailable()),
    ):
        yield Finding(kind, "ok", ", ".join(names)) if names else Finding(kind, "fail", "none", "Install again.")
        for name, reason in unavailable.items():
            yield Finding(f"{kind[:-1]} {name}", "fail", f"cannot be imported: {reason}", "Repair or uninstall it.")
    if missing := [name for name in REFERENCES if name not in METHODS.names()]:
        yield Finding("references", "fail", f"missing: {', '.join(missing)}", "No score can be made; install again.")
