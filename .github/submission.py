"""Judge a pull request that adds methods, tasks or records, without running anything of it outside a sandbox.

The base branch's source judges; of the pull request only methods/, tasks/ and leaderboards/ are laid over it. This
program runs on the base branch's side, imports nothing but the standard library, and starts each command of the judge
in a sandbox of its own: no network, nothing to write but a /tmp, no environment. A command has succeeded when it hands
back a number that was drawn here and that it alone can read: an exit code is what a plug-in may choose.

    python -I submission.py REPOSITORY BASE HEAD
"""

from __future__ import annotations

import argparse
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

FOLDERS = ("methods", "tasks", "leaderboards")
"""What is taken of a pull request."""

WORD = r"[A-Za-z0-9_][A-Za-z0-9_.=,()-]*"
MAY_BE_TOUCHED = re.compile(
    rf"methods/{WORD}|tasks/{WORD}(/{WORD})+"
    rf"|leaderboards/{WORD}/(records/{WORD}\.jsonl|{WORD}\.md|(curves|cost)(/{WORD})*/{WORD}\.svg|samples/{WORD}\.(png|json))"
)
MAY_NOT_GO = re.compile(r"(methods|tasks)/.*|leaderboards/[^/]*/records/.*")

RUN_AGAIN = re.compile("quick|standard|own-.*")
"""Boards of generated data; the data of the others are not here, and a maintainer runs their cells again."""

MOST_OUTPUT = 200_000
SECONDS = 5400


class Refused(Exception):
    """The pull request cannot be judged, or did not pass; the text says why."""


def main() -> int:
    """Judge, and say all that is wrong before failing; files that nobody submits come first, and alone."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("repository", type=Path)
    parser.add_argument("base", help="the commit whose source judges")
    parser.add_argument("head", help="the commit whose methods, tasks and records are judged")
    parser.add_argument("--tasks-read", action="store_true", help="somebody has read the tasks that it touches")
    said = parser.parse_args()
    touched = changes(said.repository, said.base, said.head)
    problems = list(misplaced(touched))
    try:
        with merged(said.repository, said.base, said.head) as tree:
            for words in [] if problems else list(commands(touched)):
                problems += judged(tree, words)
    except Refused as refused:
        problems.append(str(refused))
    if any(name.startswith("tasks/") for name in touched) and not said.tasks_read:
        problems.append(
            "A task runs in the process of the judge, which it can mislead: a maintainer reads it, "
            "and then runs this program with --tasks-read."
        )
    for problem in problems:
        print(f"Refused: {problem}")
    print("" if problems else "Passed.")
    return bool(problems)


# -- what is judged ------------------------------------------------------------------------------------


def git(repository: Path, *words: str, input: bytes | None = None) -> bytes:
    """What git prints."""
    return subprocess.run(
        ["git", "-C", str(repository), *words], input=input, check=True, stdout=subprocess.PIPE
    ).stdout


def changes(repository: Path, base: str, head: str) -> dict[str, str]:
    """Name -> A, M or D, for every file that the pull request touches."""
    fields = git(repository, "diff", "-z", "--name-status", "--no-renames", f"{base}...{head}").split(b"\0")[:-1]
    return {os.fsdecode(name): kind.decode() for kind, name in zip(fields[::2], fields[1::2], strict=True)}


def misplaced(touched: dict[str, str]) -> Iterator[str]:
    """Files that no contributor may touch, or remove."""
    for name, kind in touched.items():
        if not name.startswith(tuple(f"{folder}/" for folder in FOLDERS)):
            print(f"Left out, as the base branch's own judges: {name!r}")
        elif re.fullmatch(r"leaderboards/[^/]*/verified/.*", name):
            yield f"{name!r}: only maintainers sign records."
        elif not MAY_BE_TOUCHED.fullmatch(name):
            yield f"{name!r} is no plug-in, record, page, figure or sample."
        elif kind == "D" and MAY_NOT_GO.fullmatch(name):
            yield f"{name!r} is removed: maintainers do that."
        elif kind == "T":
            yield f"{name!r} is no file any more."


@contextmanager
def merged(repository: Path, base: str, head: str) -> Iterator[Path]:
    """A folder with the base's tree, and of the head only its plug-ins and records.

    Raises:
        Refused: there is something else among them than plain files with plain names.
    """
    with tempfile.TemporaryDirectory(prefix="submission-") as folder:
        tree = Path(folder)
        tree.chmod(0o755)
        subprocess.run(["tar", "-x", "-C", folder], input=git(repository, "archive", base), check=True)
        for name in FOLDERS:
            shutil.rmtree(tree / name, ignore_errors=True)
        for name, content in blobs(repository, head):
            path = tree / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        yield tree


def blobs(repository: Path, head: str) -> Iterator[tuple[str, bytes]]:
    """Names and contents of the head's files. Git's attributes, which a pull request may set, play no part."""
    listed = git(repository, "ls-tree", "-r", "-z", head, "--", *FOLDERS).split(b"\0")[:-1]
    entries = [(line.partition(b"\t")[0].split(), os.fsdecode(line.partition(b"\t")[2])) for line in listed]
    for (mode, _, _), name in entries:
        if mode not in (b"100644", b"100755"):
            raise Refused(f"{name!r} is a link or a module, not a file.")
        if not re.fullmatch(rf"{WORD}(/{WORD})+", name):
            raise Refused(f"{name!r} has a name of other than letters, digits and _ . - = , ( ), or is hidden.")
    packed = git(repository, "cat-file", "--batch", input=b"\n".join(blob for (_, _, blob), _ in entries) + b"\n")
    at = 0
    for _, name in entries:
        start = packed.index(b"\n", at) + 1
        at = start + int(packed[at:start].split()[2])
        yield name, packed[start:at]
        at += 1


def commands(touched: dict[str, str]) -> Iterator[list[str]]:
    """What the judge is asked."""
    there = sorted(name for name, kind in touched.items() if kind != "D" and MAY_BE_TOUCHED.fullmatch(name))
    for name in there:
        if name.startswith("methods/") and name.endswith(".py"):
            yield ["check", name]
    for task in sorted({name.split("/")[1] for name in there if name.startswith("tasks/")}):
        yield ["check", f"tasks/{task}/task.py"]
    for name in there:
        if name.endswith(".jsonl"):
            yield ["verify", name, "--cells", "1" if RUN_AGAIN.fullmatch(name.split("/")[1]) else "0"]
    if any(name.startswith("leaderboards/") for name in touched):
        yield ["leaderboard", "--check", "--strict"]


# -- the judge -----------------------------------------------------------------------------------------


def judged(tree: Path, words: Sequence[str]) -> Iterator[str]:
    """Run a command of the judge; yields what is wrong, if something is."""
    print(f"\n$ collapsebench {' '.join(words)}")
    ours, theirs = socket.socketpair()
    number, quiet = secrets.token_hex(16), secrets.token_hex(16)
    ours.sendall(number.encode())
    print(f"::stop-commands::{quiet}", flush=True)
    with theirs:
        process = subprocess.Popen(
            sandbox(tree, ["timeout", str(SECONDS), sys.executable, "-m", "collapsebench", *words], theirs.fileno()),
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
    assert process.stdout is not None
    left = MOST_OUTPUT
    while part := process.stdout.read1(2**16):
        sys.stdout.write(part[:left].decode(errors="replace"))
        left = max(0, left - len(part))
    code = process.wait()
    print(f"\n::{quiet}::", flush=True)
    answer = b""
    with ours, suppress(ConnectionError, BlockingIOError):
        answer = ours.recv(100, socket.MSG_DONTWAIT)
    if not answer.startswith(number.encode()):
        yield f"collapsebench {' '.join(words)} ended without a verdict, with exit code {code}."
    elif answer != f"{number} 0".encode():
        yield f"collapsebench {' '.join(words)} does not pass; its exit code is {code}."


def sandbox(tree: Path, words: Sequence[str], verdict: int) -> list[str]:
    """A command that runs words with the tree as its folder.

    Args:
        tree: the repository.
        words: the command.
        verdict: the descriptor on which the judge answers.
    """
    bwrap = ["bwrap", "--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL", "--clearenv"]
    system = ("/usr", "/bin", "/sbin", "/lib", "/lib64", "/etc/alternatives", "/etc/ld.so.cache", "/etc/localtime")
    bwrap += ["--tmpfs", "/tmp"]  # first: a Python may lie below it
    for path in dict.fromkeys((*system, "/sys/devices/system/cpu", sys.base_prefix, sys.prefix)):
        bwrap += ["--ro-bind-try", path, path]
    bwrap += ["--proc", "/proc", "--dev", "/dev", "--ro-bind", str(tree), "/repo", "--chdir", "/repo"]
    variables = {
        "HOME": "/tmp",
        "LANG": "C.UTF-8",
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": "/repo/src",
        "PYTHONDONTWRITEBYTECODE": "1",
        "HF_HUB_OFFLINE": "1",
        "OMP_NUM_THREADS": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "COLLAPSEBENCH_SANDBOX": "required",
        "COLLAPSEBENCH_VERDICT": str(verdict),
    }
    for name, value in variables.items():
        bwrap += ["--setenv", name, value]
    return [*bwrap, "--remount-ro", "/", "--", *words]


if __name__ == "__main__":
    sys.exit(main())
