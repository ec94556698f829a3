"""Provenance: digests of the code that made a result, and the machine it ran on."""

from __future__ import annotations

import ast
import functools
import hashlib
import inspect
import os
import platform
import subprocess
import sys
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

_PACKAGE = Path(__file__).parents[1]

_RESULT_CODE = (
    "core/context.py",
    "core/corpus.py",
    "core/costs.py",
    "core/learner.py",
    "core/method.py",
    "core/seeds.py",
    "core/task.py",
    "data",
    "families",
    "learners",
    "loop/cache.py",
    "loop/lineage.py",
    "loop/runner.py",
    "scoring",
)
"""The parts of the package whose behaviour can move a number."""

_VERSIONS = ("torch", "numpy", "scipy", "scikit-learn", "transformers", "lm-eval", "datasets")


@functools.cache
def plugin_digest(cls: type) -> str:
    """SHA-256 of the code of a plug-in: its file, a task's folder with its YAML, or its whole installed package.

    Comments, docstrings and layout do not count.
    """
    path = Path(inspect.getfile(cls))
    package = sys.modules.get(cls.__module__.partition(".")[0])
    if package is not None and (folders := list(getattr(package, "__path__", []))):
        root = Path(folders[0])
        return _files_digest(_python_files(root), root)
    if path.name != "task.py":
        return _files_digest([path], path.parent)
    return _files_digest([*_python_files(path.parent), *sorted(path.parent.rglob("*.yaml"))], path.parent)


@functools.cache
def harness_digest() -> str:
    """SHA-256 of the package code that can move a number; stored stages of other code are not reused."""
    paths = [path for part in _RESULT_CODE for path in _python_files(_PACKAGE / part)]
    return _files_digest(paths, _PACKAGE)


@functools.cache
def environment() -> dict[str, Any]:
    """Versions, machine and git state of this process, for manifests and records."""
    return {
        "collapsebench": _version("collapsebench"),
        "python": platform.python_version(),
        **{name: _version(name) for name in _VERSIONS},
        "machine": _machine(),
        "cores": os.cpu_count(),
        "platform": f"{platform.system()} {platform.machine()}",
        **_git(),
    }


def _python_files(path: Path) -> list[Path]:
    return sorted(path.rglob("*.py")) if path.is_dir() else [path]


def _files_digest(paths: Iterable[Path], root: Path) -> str:
    sha = hashlib.sha256()
    for path in paths:
        text = path.read_text(encoding="utf-8")
        content = _code_only(text) if path.suffix == ".py" else text
        sha.update(f"{path.relative_to(root)}\0{content}\0".encode())
    return sha.hexdigest()


_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def _code_only(source: str) -> str:
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, _DOCUMENTED):
            first = node.body[0] if node.body else None
            if (
                isinstance(first, ast.Expr)
                and isinstance(first.value, ast.Constant)
                and isinstance(first.value.value, str)
            ):
                node.body = node.body[1:]
    return ast.dump(tree)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _machine() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _git() -> dict[str, Any]:
    def ask(*words: str) -> str | None:
        try:
            answer = subprocess.run(
                ["git", "-C", str(_PACKAGE), *words], capture_output=True, text=True, timeout=10, check=True
            )
        except (OSError, subprocess.SubprocessError):
            return None
        return answer.stdout.strip()

    commit = ask("rev-parse", "HEAD")
    if commit is None:
        return {}
    return {"git": commit, "dirty": bool(ask("status", "--porcelain", "--untracked-files=no"))}
