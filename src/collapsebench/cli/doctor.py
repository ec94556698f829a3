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
_LITTLE, _NO_DISK = 2 * _GIB, 100 * 2**20


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
    return [*_versions(), *_machine(), *_sandbox(), *_engines(), *_store(store), *_settings(), *_plugins()]


def _versions() -> Iterator[Finding]:
    from importlib.metadata import PackageNotFoundError, metadata, requires, version

    from packaging.requirements import Requirement
    from packaging.specifiers import SpecifierSet

    try:
        supported = metadata("collapsebench")["Requires-Python"]
        needed = [Requirement(text) for text in requires("collapsebench") or []]
    except PackageNotFoundError:
        hint = "Run `pip install -e .` or `make setup`."
        yield Finding("collapsebench", "fail", "not installed, only importable", hint)
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
    extra, hint = "extra" in str(requirement.marker or ""), f"pip install '{name}{supported}'"
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


def _machine() -> Iterator[Finding]:
    import psutil
    import torch

    from ..loop.executors import machine

    try:
        threads = torch.get_num_threads()
        omp = os.environ.get("OMP_NUM_THREADS", "not set")
        yield Finding("threads", "ok", f"{threads} here (OMP_NUM_THREADS {omp}); each worker process uses one")
        names = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
        yield Finding("GPU", "ok", ", ".join(names) or "none; core tasks need none")
    except (ImportError, OSError, AttributeError) as error:
        yield Finding("torch", "fail", f"cannot be loaded: {error}", "Install torch again for this platform.")
    yield Finding("cores", "ok", f"{machine.cores()} usable of {os.cpu_count()}, by affinity and control group")
    free = machine.memory()
    found = f"{free / _GIB:.1f} GiB usable of {psutil.virtual_memory().total / _GIB:.1f}, by control group too"
    little = free < _LITTLE
    yield Finding("memory", "warn" if little else "ok", found, "Use fewer --workers." if little else "")


def _sandbox() -> Iterator[Finding]:
    from ..arm import sandbox

    if problem := sandbox.problem():
        found = f"none: {problem}; methods that are not shipped run in a process that can read what you can read"
        yield Finding("sandbox", "warn", found, sandbox.INSTALL)
    else:
        yield Finding("sandbox", "ok", "bubblewrap; methods that are not shipped run in it")


def _engines() -> Iterator[Finding]:
    """What `--executor` may name beside `local`."""
    from importlib.metadata import PackageNotFoundError, version

    for engine, package in (("ray", "ray"), ("slurm", "submitit")):
        try:
            found = f"{package} {version(package)}"
        except PackageNotFoundError:
            yield Finding(
                f"--executor {engine}", "ok", f"{package} is not installed: pip install 'collapsebench[{engine}]'"
            )
            continue
        if engine == "slurm":
            found += f", {shutil.which('sbatch') or 'but no sbatch here: use it on a login node'}"
        yield Finding(f"--executor {engine}", "ok", found)


def _store(store: Path) -> Iterator[Finding]:
    from ..core.files import collect, leftovers

    hint = "Check the permissions, or pass another --store."
    folder = _nearest(store)
    try:
        with tempfile.TemporaryFile(dir=folder):
            made = "" if store.is_dir() else " (the run makes it)"
            yield Finding("store", "ok", f"{store} can be written{made}")
    except OSError as error:
        yield Finding("store", "fail", f"{store} cannot be written: {error.strerror}", hint)
    if left := leftovers(store):
        collect(left)
        yield Finding("leftovers", "ok", f"removed {len(left)} files and folders that killed processes left")
    free = shutil.disk_usage(folder).free
    level: Level = "ok" if free >= _LITTLE else "warn" if free >= _NO_DISK else "fail"
    hint = "" if level == "ok" else "Free some space, or pass another --store."
    yield Finding("disk", level, f"{free / _GIB:.1f} GiB free for the store", hint)


def _nearest(path: Path) -> Path:
    """The path itself or the nearest folder above it that exists."""
    path = path.resolve()
    return next(above for above in (path, *path.parents) if above.exists())


def _settings() -> Iterator[Finding]:
    """Environment variables, and the checkout."""
    from ..core.files import CACHE_VARIABLE, cache_folder
    from ..loop.environment import environment

    data = os.environ.get("COLLAPSEBENCH_DATA")
    if not data:
        yield Finding("COLLAPSEBENCH_DATA", "ok", "not set; only tasks on real data use it")
    elif not Path(data).is_dir():
        hint = "Set it to a folder of data sets, or unset it."
        yield Finding("COLLAPSEBENCH_DATA", "fail", f"{data} is not a folder", hint)
    else:
        yield Finding("COLLAPSEBENCH_DATA", "ok", f"{data}, {sum(1 for _ in Path(data).iterdir())} entries")
    cache, default = cache_folder(), "" if os.environ.get(CACHE_VARIABLE) else ", by default"
    if (above := _nearest(cache)).is_dir() and os.access(above, os.W_OK):
        yield Finding(CACHE_VARIABLE, "ok", f"{cache}{default}; image tasks keep their fixed classifiers there")
    else:
        hint = "Image tasks keep a classifier there; set it to another folder."
        yield Finding(CACHE_VARIABLE, "warn", f"{cache} cannot be written", hint)
    offline = os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}
    downloads = "set: nothing is downloaded" if offline else "not set: tasks may download data"
    yield Finding("HF_HUB_OFFLINE", "ok", downloads)
    here = environment()
    changes = ", with uncommitted changes" if here.get("dirty") else ""
    commit = here["git"][:12] + changes if "git" in here else "not a checkout; records carry the version"
    yield Finding("git", "ok", commit)


def _plugins() -> Iterator[Finding]:
    from ..core.method import METHODS, references
    from ..core.task import TASKS
    from ..loop.world import QUESTIONS

    for kind, names, unavailable in (
        ("methods", METHODS.names(), METHODS.unavailable()),
        ("tasks", TASKS.names(), TASKS.unavailable()),
    ):
        yield Finding(kind, "ok", ", ".join(names)) if names else Finding(kind, "fail", "none", "Install again.")
        for name, reason in unavailable.items():
            yield Finding(f"{kind[:-1]} {name}", "fail", f"cannot be imported: {reason}", "Repair or uninstall it.")
    there = {question.name: references(question.name) for question in QUESTIONS.values()}
    owed = [(question.name, name) for question in QUESTIONS.values() for name in (question.floor, question.ceiling)]
    lacking = {f"{name} ({question})": None for question, name in owed if name and name not in there[question]}
    lacking |= {f"any ({question})": None for question, names in there.items() if not names}
    if lacking:
        yield Finding("references", "fail", f"missing: {', '.join(lacking)}", "No score can be made; install again.")
    else:
        found = "; ".join(f"{question}: {', '.join(names)}" for question, names in there.items())
        yield Finding("references", "ok", found)
